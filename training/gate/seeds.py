"""Seeds: whether the model is good with other seeds as well.

The model is fitted with other seeds on the first fold of a cross-validation inside the training part, each time on the
same rows, and scored on the rows that the fold holds out. The test part is not used: a seed must not be chosen on it.
"""

from __future__ import annotations

import numpy as np
from joblib import Parallel, cpu_count, delayed

from training.config import Seeds
from training.config.metric_names import name_of
from training.gate.gate_input import RefitInput
from training.gate.report import Check, disabled_check, limit_check, unlimited_check
from training.model.cross_validation import cross_validate, make_folds
from training.model.metrics import metric_of
from training.model.sampling import sample_rows

GROUP = "Seeds"
FOLDS = 5
ROWS_MAX = 8_000
"""The number of training rows that are used. With fewer rows, chance is larger, so the check is stricter."""
PARALLEL_ROWS = 2_000
"""From this number of rows on, the fits take longer than starting processes for them."""


def check_seeds(refit_input: RefitInput) -> list[Check]:
    """Fit the model once with each seed and check the spread of its metric against the limit."""
    rule = refit_input.config.gate.seeds
    if rule is None:
        return [disabled_check("seeds", group=GROUP)]
    figures = seed_figures(refit_input, rule)
    values = np.array(list(figures.values()))
    mean = float(values.mean())
    spread = float(values.std(ddof=1) / abs(mean)) if len(values) > 1 and mean else float("nan")
    scores = ", ".join(f"{value:.5g} (seed {seed})" for seed, value in figures.items())
    detail = f"{name_of(metric_of(refit_input.config))} on held-out training rows: {scores}; standard deviation as a share of the mean"
    if rule.spread_max is None:
        return [unlimited_check("seeds.spread_max", spread, group=GROUP, detail=detail)]
    remedy = "use an estimator with more members, less depth or a lower learning rate, or raise the limit"
    return [limit_check("seeds.spread_max", spread, rule.spread_max, group=GROUP, detail=detail, remedy=remedy)]


def seed_figures(refit_input: RefitInput, rule: Seeds) -> dict[int, float]:
    """Return the deciding metric on the held-out training rows, by seed. Seeds are fitted in parallel."""
    metric = metric_of(refit_input.config)
    rows = sample_rows(refit_input.train, ROWS_MAX, refit_input.config.seed)
    fold = make_folds(refit_input.config, rows, FOLDS, 1)[:1]
    seeds = list(dict.fromkeys(rule.seeds))
    jobs = min(cpu_count(), len(seeds)) if len(rows) >= PARALLEL_ROWS else 1
    scores = Parallel(n_jobs=jobs)(
        delayed(cross_validate)(
            refit_input.config.model_copy(update={"seed": seed}), rows, refit_input.decisions, fold, n_jobs=1
        )
        for seed in seeds
    )
    return {seed: score.mean(metric) for seed, score in zip(seeds, scores, strict=True)}
