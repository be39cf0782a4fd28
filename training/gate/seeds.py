"""Seeds: whether the model is good, or its seed was lucky.

The model is fitted with other seeds on the first fold of a cross-validation inside the training part, each time on the
same rows, and scored on the rows that the fold holds out. The test part is left alone: it is no place to choose a seed.
"""

from __future__ import annotations

import numpy as np
from joblib import Parallel, cpu_count, delayed

from training.config import Seeds
from training.cross_validation import cross_validate, make_folds
from training.gate.given import RefitInput
from training.gate.report import Check, judged, shown, switched_off
from training.metric_names import name_of
from training.metrics import metric_of
from training.study.sampling import sample_rows

GROUP = "Seeds"
FOLDS = 5
ROWS_MAX = 8_000
"""How many training rows are looked at: with fewer rows chance weighs more, so the check is rather too strict."""
SIDE_BY_SIDE_ROWS = 2_000
"""From so many rows on, fits take longer than starting processes for them."""


def check_seeds(given: RefitInput) -> list[Check]:
    """Fit the model once with each seed and hold the spread of its figure against the limit."""
    rule = given.config.gate.seeds
    if rule is None:
        return [switched_off("seeds", group=GROUP)]
    figures = seed_figures(given, rule)
    values = np.array(list(figures.values()))
    mean = float(values.mean())
    spread = float(values.std(ddof=1) / abs(mean)) if len(values) > 1 and mean else float("nan")
    told = ", ".join(f"{value:.5g} (seed {seed})" for seed, value in figures.items())
    detail = f"{name_of(metric_of(given.config))} on held-out training rows: {told}; standard deviation as a share of the mean"
    if rule.spread_max is None:
        return [shown("seeds.spread_max", spread, group=GROUP, detail=detail)]
    remedy = "take an estimator with more members, less depth or a lower learning rate, or raise the limit"
    return [judged("seeds.spread_max", spread, rule.spread_max, group=GROUP, detail=detail, remedy=remedy)]


def seed_figures(given: RefitInput, rule: Seeds) -> dict[int, float]:
    """Return the deciding metric on the held-out training rows, by seed; seeds are fitted side by side."""
    metric = metric_of(given.config)
    rows = sample_rows(given.train, ROWS_MAX, given.config.seed)
    fold = make_folds(given.config, rows, FOLDS, 1)[:1]
    seeds = list(dict.fromkeys(rule.seeds))
    jobs = min(cpu_count(), len(seeds)) if len(rows) >= SIDE_BY_SIDE_ROWS else 1
    scores = Parallel(n_jobs=jobs)(
        delayed(cross_validate)(given.config.model_copy(update={"seed": seed}), rows, given.decisions, fold, n_jobs=1)
        for seed in seeds
    )
    return {seed: score.mean(metric) for seed, score in zip(seeds, scores, strict=True)}
