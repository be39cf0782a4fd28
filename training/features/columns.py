"""The column study: which features the model needs.

Features are ranked by permutation importance (L. Breiman, Random forests, 2001) and SHAP together. How good the best k
are is cross-validated, and the ranking is part of what is validated: in each fold it is found on that fold's fitting
rows alone, on an inner part that the ranking model has not seen. A ranking made on all rows would already know which
features happen to help on the rows that judge (C. Ambroise & G. McLachlan, Selection bias in gene extraction, 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.inspection import permutation_importance
from threadpoolctl import threadpool_limits

from training.config import Decisions, ModelConfig
from training.cross_validation import make_folds
from training.features.attribution import Attribution, attribute
from training.features.judge import Judge
from training.features.scores import Score, score_of, within_one_standard_error
from training.frames import to_frame, to_rows
from training.metrics import HIGHER_IS_BETTER, LABEL_METRICS, measure, metric_of
from training.parity import pipeline_answers
from training.pipeline import fit_pipeline
from training.progress import Progress
from training.study.sampling import sample_rows

INNER_FOLDS = 4
"""A ranking model learns from three quarters of a fold's fitting rows and is asked on the last."""
PERMUTED_ROWS = 2_000
"""On so many rows features are permuted, where there are more."""
PERMUTATIONS = 5
"""How often each feature is permuted in a fold."""
SIZES_MAX = 12
"""With more features than this, sizes are tried in steps that grow."""


@dataclass(frozen=True)
class Importance:
    """How much a feature matters, over the folds."""

    permutation: Score
    """How much worse the metric gets when the feature's values are shuffled among rows, in the metric's unit."""
    shap: Score
    """Its mean absolute SHAP value."""
    rank: float
    """Mean over the folds of its place, 1 the most important, by both."""


@dataclass(frozen=True)
class ColumnStudy:
    """The features by importance, how good the best k are, and what follows."""

    metric: str
    importance: dict[str, Importance]
    """By feature, the most important first."""
    curve: dict[int, Score]
    """The model's score with the best k features, by k."""
    attribution: Attribution
    """The SHAP values of the first fold, to be drawn."""
    best: tuple[str, ...]
    """What the study would take, in the contract's order."""
    pinned: bool
    chosen: tuple[str, ...]
    """What is used, in the contract's order."""


@dataclass(frozen=True)
class _Ranking:
    """What one fold says of the features."""

    permutation: NDArray[np.float64]
    shap: NDArray[np.float64]
    rank: NDArray[np.float64]
    """All of shape (columns,)."""
    attribution: Attribution


def study_columns(judge: Judge, decisions: Decisions, progress: Progress) -> ColumnStudy | None:
    """Rank the features that are used so far, and find how many are enough.

    Args:
        judge: gives the config, the training rows, and the model's score.
        decisions: everything else that is fitted, and the features among which is chosen.
        progress: is told of each k.

    Returns:
        The figures and the choice: the fewest features within one standard error of the best score, ranked over all
        folds; None where there is one feature only.

    Raises:
        ConfigError, TrainingError: the pipeline cannot be fitted.
    """
    names = decisions.columns
    if len(names) < 2:
        return None
    config = judge.config
    with progress.step("Rank the features") as step:
        rankings: list[_Ranking] = Parallel(n_jobs=judge.jobs)(
            delayed(_rank)(config, judge.frame.iloc[seen], judge.judged(decisions)) for seen, _ in judge.folds
        )
        importance = _importance(names, rankings)
        step.detail = f"first {', '.join(list(importance)[:3])}; last {list(importance)[-1]}"
    curve: dict[int, Score] = {}
    for size in sizes(len(names)):
        with progress.step(f"{size} of {len(names)} features") as step:
            tops = [_top(config, names, ranking.rank, size) for ranking in rankings]
            curve[size] = judge.score_by_fold([decisions.model_copy(update={"columns": top}) for top in tops])
            step.detail = f"{judge.metric} {curve[size].mean:,.5g} ± {curve[size].standard_error:.2g}"
    size = min(within_one_standard_error(judge.metric, curve))
    best = _in_order(config, list(importance)[:size])
    pinned = "columns" in config.studies.pin
    chosen = names if pinned else best
    return ColumnStudy(judge.metric, importance, curve, rankings[0].attribution, best, pinned, chosen)


def sizes(columns: int) -> list[int]:
    """Return the numbers of features that are tried, ascending, the last being all of them."""
    if columns <= SIZES_MAX:
        return list(range(1, columns + 1))
    return sorted({round(size) for size in np.geomspace(1, columns, SIZES_MAX).tolist()})


def _rank(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions) -> _Ranking:
    """Rank the features within one fold's fitting rows."""
    contract, metric = config.contract(), metric_of(config)
    seen, held_out = make_folds(config, frame, folds=INNER_FOLDS)[0]
    inner, asked = frame.iloc[seen], frame.iloc[held_out]
    pipeline = fit_pipeline(config, inner, decisions, decide=metric in LABEL_METRICS)
    places = [contract.feature_names.index(name) for name in decisions.columns]

    rows = sample_rows(asked, PERMUTED_ROWS, config.seed)
    truth = rows[config.target.name].to_numpy(dtype=np.float64)
    by = _defined(config, pipeline, rows, metric)

    def score(estimator: Any, X: pd.DataFrame, y: NDArray[np.float64]) -> float:
        figure = measure(config, y, pipeline_answers(estimator, X, contract))[by]
        return figure if by in HIGHER_IS_BETTER else -figure

    with threadpool_limits(limits=1):
        permuted = permutation_importance(
            pipeline,
            to_frame(to_rows(rows, contract), contract),
            truth,
            scoring=score,
            n_repeats=PERMUTATIONS,
            random_state=config.seed,
            n_jobs=1,
        ).importances_mean[places]
    attribution = attribute(pipeline, inner, asked, contract, config.seed)
    shap = attribution.importance[places]
    rank = (rankdata(-permuted) + rankdata(-shap)) / 2
    return _Ranking(np.asarray(permuted, dtype=np.float64), shap, rank, attribution)


def _defined(config: ModelConfig, pipeline: Any, rows: pd.DataFrame, metric: str) -> str:
    """Return the metric, or one that is always defined where a sample lacks a class."""
    contract = config.contract()
    answers = pipeline_answers(pipeline, to_frame(to_rows(rows, contract), contract), contract)
    return metric if metric in measure(config, rows[config.target.name], answers) else "log_loss"


def _importance(names: Sequence[str], rankings: Sequence[_Ranking]) -> dict[str, Importance]:
    """Put the folds' figures together, the most important feature first; of equals the first in the contract."""
    ranks = np.mean([ranking.rank for ranking in rankings], axis=0)
    return {
        names[at]: Importance(
            score_of([float(ranking.permutation[at]) for ranking in rankings]),
            score_of([float(ranking.shap[at]) for ranking in rankings]),
            float(ranks[at]),
        )
        for at in np.argsort(ranks, kind="stable").tolist()
    }


def _top(config: ModelConfig, names: Sequence[str], rank: NDArray[np.float64], size: int) -> tuple[str, ...]:
    return _in_order(config, [names[at] for at in np.argsort(rank, kind="stable")[:size].tolist()])


def _in_order(config: ModelConfig, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(feature.name for feature in config.features if feature.name in names)
