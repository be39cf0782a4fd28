"""The column study: the smallest set of features with which the model keeps its score.

Features are ranked by permutation importance (L. Breiman, Random forests, 2001) and SHAP together. The
score of the best k features is cross-validated, and so is the ranking: each fold ranks the features on its own training rows,
with an inner part that the ranking model was not fitted on. A ranking on all rows would already favour the features that
happen to help on the validation rows (C. Ambroise & G. McLachlan, Selection bias in gene extraction, 2002).
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

from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from training.config import Decisions, ModelConfig
from training.model.attribution import Attribution, attribute
from training.model.cross_validation import make_folds
from training.model.metrics import HIGHER_IS_BETTER, LABEL_METRICS, measure, metric_of
from training.model.pipeline import fit_pipeline
from training.model.sampling import sample_rows
from training.progress import Progress
from training.studies.features.evaluation import FeatureEvaluation
from training.studies.features.scores import Score, score_of, within_one_standard_error

INNER_FOLDS = 4
"""A ranking model is fitted on three quarters of a fold's training rows and evaluated on the rest."""
PERMUTED_ROWS = 2_000
"""The largest number of rows on which features are permuted; more rows are sampled."""
PERMUTATIONS = 5
"""The number of permutations of each feature in a fold."""
SIZES_MAX = 12
"""With more features, only this many sizes are tried, in growing steps."""


@dataclass(frozen=True)
class Importance:
    """The importance of a feature over the folds."""

    permutation: Score
    """The loss of the metric, in its unit, when the feature's values are shuffled among the rows."""
    shap: Score
    """The mean absolute SHAP value."""
    rank: float
    """The mean rank over the folds by both measures; 1 is the most important feature."""


@dataclass(frozen=True)
class ColumnStudy:
    """The features by importance, the scores of the best k features, and the choice."""

    metric: str
    importance: dict[str, Importance]
    """The importance by feature, the most important first."""
    curve: dict[int, Score]
    """The model's score with the best k features, by k."""
    attribution: Attribution
    """The SHAP values of the first fold, for the plot."""
    best: tuple[str, ...]
    """The choice of the study, in the contract's order."""
    pinned: bool
    chosen: tuple[str, ...]
    """The columns that are used, in the contract's order."""


@dataclass(frozen=True)
class _Ranking:
    """The ranking of the features in one fold."""

    permutation: NDArray[np.float64]
    shap: NDArray[np.float64]
    rank: NDArray[np.float64]
    """The mean of both ranks. All three arrays have the shape (columns,)."""
    attribution: Attribution


def study_columns(evaluation: FeatureEvaluation, decisions: Decisions, progress: Progress) -> ColumnStudy | None:
    """Rank the features that are used so far, and find the smallest sufficient number of them.

    Args:
        evaluation: the config, the training rows, and the scores of the model.
        decisions: all other decisions, and the columns from which the study chooses.
        progress: reports each number of features.

    Returns:
        The results and the choice: the fewest features within one standard error of the best score, ranked over all folds. None
        if the model uses one feature only.

    Raises:
        ConfigError, TabentoError: the pipeline cannot be fitted.
    """
    names = decisions.columns
    if len(names) < 2:
        return None
    config = evaluation.config
    with progress.step("Rank the features") as step:
        rankings: list[_Ranking] = Parallel(n_jobs=evaluation.jobs)(
            delayed(_rank_features)(config, evaluation.frame.iloc[train], evaluation.with_estimator(decisions))
            for train, _ in evaluation.folds
        )
        importance = _summarize_importance(names, rankings)
        step.detail = f"first {', '.join(list(importance)[:3])}; last {list(importance)[-1]}"
    curve: dict[int, Score] = {}
    for size in column_counts(len(names)):
        with progress.step(f"{size} of {len(names)} features") as step:
            tops = [_select_top(config, names, ranking.rank, size) for ranking in rankings]
            curve[size] = evaluation.score_by_fold([decisions.model_copy(update={"columns": top}) for top in tops])
            step.detail = f"{evaluation.metric} {curve[size].mean:,.5g} ± {curve[size].standard_error:.2g}"
    size = min(within_one_standard_error(evaluation.metric, curve))
    best = _contract_order(config, list(importance)[:size])
    pinned = "columns" in config.studies.pin
    used_columns = names if pinned else best
    return ColumnStudy(evaluation.metric, importance, curve, rankings[0].attribution, best, pinned, used_columns)


def column_counts(columns: int) -> list[int]:
    """Return the tried numbers of features, ascending; the last is the number of all features."""
    if columns <= SIZES_MAX:
        return list(range(1, columns + 1))
    return sorted({round(size) for size in np.geomspace(1, columns, SIZES_MAX).tolist()})


def _rank_features(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions) -> _Ranking:
    """Rank the features within the training rows of one fold."""
    contract, metric = config.contract(), metric_of(config)
    train, held_out = make_folds(config, frame, folds=INNER_FOLDS)[0]
    inner, ranking_rows = frame.iloc[train], frame.iloc[held_out]
    pipeline = fit_pipeline(config, inner, decisions, decide=metric in LABEL_METRICS)
    column_indices = [contract.feature_names.index(name) for name in decisions.columns]

    rows = sample_rows(ranking_rows, PERMUTED_ROWS, config.seed)
    truth = rows[config.target.name].to_numpy(dtype=np.float64)
    defined_metric = _find_defined_metric(config, pipeline, rows, metric)

    def score(estimator: Any, X: pd.DataFrame, y: NDArray[np.float64]) -> float:
        figure = measure(config, y, pipeline_answers(estimator, X, contract))[defined_metric]
        return figure if defined_metric in HIGHER_IS_BETTER else -figure

    with threadpool_limits(limits=1):
        permuted = permutation_importance(
            pipeline,
            to_frame(to_rows(rows, contract), contract),
            truth,
            scoring=score,
            n_repeats=PERMUTATIONS,
            random_state=config.seed,
            n_jobs=1,
        ).importances_mean[column_indices]
    attribution = attribute(pipeline, inner, ranking_rows, contract, config.seed)
    shap = attribution.importance[column_indices]
    mean_rank = (rankdata(-permuted) + rankdata(-shap)) / 2
    return _Ranking(np.asarray(permuted, dtype=np.float64), shap, mean_rank, attribution)


def _find_defined_metric(config: ModelConfig, pipeline: Any, rows: pd.DataFrame, metric: str) -> str:
    """Return the metric, or a metric that is defined if the sample lacks a class."""
    contract = config.contract()
    answers = pipeline_answers(pipeline, to_frame(to_rows(rows, contract), contract), contract)
    return metric if metric in measure(config, rows[config.target.name], answers) else "log_loss"


def _summarize_importance(names: Sequence[str], rankings: Sequence[_Ranking]) -> dict[str, Importance]:
    """Average the rankings of the folds, the most important feature first; equal ranks stay in the contract's order."""
    ranks = np.mean([ranking.rank for ranking in rankings], axis=0)
    return {
        names[index]: Importance(
            score_of([float(ranking.permutation[index]) for ranking in rankings]),
            score_of([float(ranking.shap[index]) for ranking in rankings]),
            float(ranks[index]),
        )
        for index in np.argsort(ranks, kind="stable").tolist()
    }


def _select_top(config: ModelConfig, names: Sequence[str], rank: NDArray[np.float64], size: int) -> tuple[str, ...]:
    return _contract_order(config, [names[index] for index in np.argsort(rank, kind="stable")[:size].tolist()])


def _contract_order(config: ModelConfig, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(feature.name for feature in config.features if feature.name in names)
