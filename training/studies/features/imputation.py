"""The imputation study: the error of each imputation on hidden values, and the model's score with each imputation.

The two results can disagree. Present values are hidden at random and filled in by an imputer that was fitted on other rows:
that measures the imputation itself. The model is cross-validated with each imputation: that measures the effect, and decides.
Only an imputation that can be exported exactly is chosen.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from tabento.errors import TabentoError
from tabento.export import ExportError, export_pipeline
from training.config import ConfigError, Decisions, Imputer, ModelConfig
from training.model.imputers import build_imputer
from training.model.pipeline import fit_pipeline
from training.model.sampling import sample_rows
from training.progress import Progress
from training.studies.features.evaluation import FeatureEvaluation
from training.studies.features.scores import Score, best_of, within_one_standard_error

MASKED_ROWS = 4_000
"""The largest number of rows in which values are hidden; more rows are sampled. An iterative imputation takes seconds per fold
then."""
TRIAL_ROWS = 400
"""The approximate number of rows on which a pipeline is fitted to test its export."""
TRIAL_ROWS_OF_A_KIND = 10
"""The number of rows of each class, and with and without a value of each column, among the trial rows, if so many exist."""
COST: dict[Imputer, int] = {"median": 0, "mean": 0, "most_frequent": 0, "knn": 1, "iterative": 2}
"""The rank of an imputation by its cost in service: a constant; a search through the training rows; a forest per column."""


@dataclass(frozen=True)
class ImputerFigures:
    """The results of one imputation."""

    masked_rmse: dict[str, float]
    """By column, the root mean squared error of hidden values over the column's standard deviation; 1 is the error of the column's
    mean. NaN if no value could be hidden or the column does not vary."""
    masked_rmse_overall: float
    """The same error over all hidden values."""
    score: Score | None
    """The model's score; None if no value is missing or the model could not be fitted."""
    refusal: str | None
    """The reason of the exporter or of the fit why the imputation cannot be used; None if it can."""


@dataclass(frozen=True)
class ImputationStudy:
    """The compared imputations, with the choice."""

    metric: str
    figures: dict[Imputer, ImputerFigures]
    missing: int
    """The number of missing numbers in the studied rows; with 0 all imputations give the same model."""
    best: Imputer
    """The choice of the study."""
    pinned: bool
    chosen: Imputer
    """The value that is used."""


def study_imputation(evaluation: FeatureEvaluation, decisions: Decisions, progress: Progress) -> ImputationStudy | None:
    """Compare the imputations of ``config.studies.imputers`` and the one decided so far.

    Args:
        evaluation: the config, the training rows, and the scores of the model.
        decisions: all other decisions.
        progress: reports each imputation.

    Returns:
        The results and the choice; None if the model uses no numbers.

    Raises:
        ConfigError, TabentoError: the pipeline cannot be fitted with the imputation decided so far.
    """
    config, frame, metric = evaluation.config, evaluation.frame, evaluation.metric
    numeric = [
        feature.name
        for feature in config.features
        if feature.type in ("number", "integer") and feature.name in decisions.columns
    ]
    if not numeric:
        return None
    missing = int(frame[numeric].isna().to_numpy().sum())
    hidden = _HiddenValues.hide(frame[numeric], config)
    figures: dict[Imputer, ImputerFigures] = {}
    for impute in dict.fromkeys((*config.studies.imputers, decisions.impute)):
        with progress.step(f"Impute by {impute}") as step:
            by_column, overall = hidden.errors(impute, config.seed)
            step.detail = f"hidden values off by {overall:.3f} sd"
            candidate = decisions.model_copy(update={"impute": impute})
            score, refusal = _evaluate_imputer(
                evaluation, candidate, current=impute == decisions.impute, missing=missing
            )
            if score is not None:
                step.detail += f", {metric} {score.mean:,.5g} ± {score.standard_error:.2g}"
            if refusal:
                step.detail += ", cannot be used"
            figures[impute] = ImputerFigures(by_column, overall, score, refusal)
    best = choose_imputer(metric, figures, decisions.impute)
    pinned = "impute" in config.studies.pin
    return ImputationStudy(metric, figures, missing, best, pinned, decisions.impute if pinned else best)


def choose_imputer(metric: str, figures: dict[Imputer, ImputerFigures], current: Imputer) -> Imputer:
    """Choose, among the usable imputations within one standard error of the best, the one with the lowest cost in service.

    If several have the lowest cost, the current one stays, else the best wins. Without scores the current one stays.

    Args:
        metric: the deciding metric.
        figures: the results by imputation.
        current: the imputation that is used so far.
    """
    scores = {key: item.score for key, item in figures.items() if item.score is not None and item.refusal is None}
    if not scores:
        return current
    tied = within_one_standard_error(metric, scores)
    cheapest = [key for key in tied if COST[key] == min(COST[other] for other in tied)]
    return current if current in cheapest else best_of(metric, {key: scores[key] for key in cheapest})


def find_export_refusal(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions) -> str | None:
    """Fit on a few rows and export; return the exporter's reason for a refusal, or None if the export succeeds.

    Args:
        config: the model's config.
        frame: validated rows of the training part.
        decisions: the decisions of the pipeline.
    """
    sample = trial_rows(config, frame)
    clusters = config.derived.clusters
    if clusters and decisions.n_clusters:
        places = len(sample[list(clusters.columns)].drop_duplicates())
        # The number of centres does not change whether the graph can be exported.
        decisions = decisions.model_copy(update={"n_clusters": max(1, min(decisions.n_clusters, places // 2))})
    try:
        export_pipeline(fit_pipeline(config, sample, decisions, decide=False), config.contract())
    except ExportError as error:
        return str(error)
    return None


def trial_rows(config: ModelConfig, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a few hundred rows with every class, and with and without a value of every column.

    Args:
        config: the config with the columns.
        frame: N validated rows.
    """
    places = {*np.random.default_rng(config.seed).permutation(len(frame))[:TRIAL_ROWS].tolist()}
    conditions = [frame[feature.name].isna().to_numpy() for feature in config.features]
    conditions += [~rows for rows in conditions]
    target = frame[config.target.name].to_numpy(dtype=np.float64)
    conditions += [target == index for index in range(len(config.target.classes or ()))]
    for rows in conditions:
        places.update(np.flatnonzero(rows)[:TRIAL_ROWS_OF_A_KIND].tolist())
    return frame.iloc[sorted(places)]


def _evaluate_imputer(
    evaluation: FeatureEvaluation, decisions: Decisions, *, current: bool, missing: int
) -> tuple[Score | None, str | None]:
    """Return the model's score with an imputation, and the reason why the imputation cannot be used."""
    try:
        refusal = find_export_refusal(evaluation.config, evaluation.frame, decisions)
        return (evaluation.score(decisions) if missing else None), refusal
    except (ConfigError, TabentoError) as error:
        if current:
            raise
        return None, str(error)


@dataclass(frozen=True)
class _HiddenValues:
    """Numbers of which some present values are hidden, the same values for each imputation."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    """Shape (N, F), NaN where missing."""
    hidden: tuple[NDArray[np.bool_], ...]
    """By fold, the mask of the hidden values, of shape (N, F)."""
    parts: tuple[NDArray[np.int64], ...]
    """By fold, the rows on which errors are measured; the imputer is fitted on the other rows."""
    sd: NDArray[np.float64]
    """The standard deviation of the present values of each column, of shape (F,)."""

    @classmethod
    def hide(cls, frame: pd.DataFrame, config: ModelConfig) -> _HiddenValues:
        """Hide values completely at random (MCAR), independently in each fold."""
        values = sample_rows(frame, MASKED_ROWS, config.seed).to_numpy(dtype=np.float64)
        generator = np.random.default_rng(config.seed)
        folds = min(config.studies.folds, len(values))
        parts = np.array_split(generator.permutation(len(values)), folds)
        hidden = [(generator.random(values.shape) < config.studies.masked_share) & ~np.isnan(values) for _ in parts]
        sd = np.array([column[~np.isnan(column)].std() if (~np.isnan(column)).any() else 0.0 for column in values.T])
        return cls(tuple(frame.columns), values, tuple(hidden), tuple(parts), sd)

    def errors(self, impute: Imputer, seed: int) -> tuple[dict[str, float], float]:
        """Return the standardised error of each column, and over all hidden values."""
        results = Parallel(n_jobs=min(cpu_count(), len(self.parts)))(
            delayed(_fold_errors)(impute, seed, self.values, hidden, held_out)
            for hidden, held_out in zip(self.hidden, self.parts, strict=True)
        )
        squares = np.sum([squares for squares, _ in results], axis=0)
        counts = np.sum([counts for _, counts in results], axis=0)
        used = (counts > 0) & (self.sd > 0)
        by_column = {
            name: float(np.sqrt(squares[column] / counts[column]) / self.sd[column]) if used[column] else float("nan")
            for column, name in enumerate(self.names)
        }
        if not used.any():
            return by_column, float("nan")
        return by_column, float(np.sqrt(np.sum(squares[used] / self.sd[used] ** 2) / counts[used].sum()))


def _fold_errors(
    impute: Imputer, seed: int, values: NDArray[np.float64], hidden: NDArray[np.bool_], held_out: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sum of the squared errors of hidden values in held-out rows, and their number, both by column."""
    masked = np.where(hidden, np.nan, values)
    is_train = np.ones(len(values), dtype=bool)
    is_train[held_out] = False
    # No imputer can fill in a column without any value in its training rows.
    usable = np.flatnonzero((~np.isnan(masked[is_train])).any(axis=0))
    squares, counts = np.zeros(values.shape[1]), np.zeros(values.shape[1], dtype=np.int64)
    if not usable.size:
        return squares, counts
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # An imputation that does not converge is scored by its result, like every other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        imputer = build_imputer(impute, seed).fit(masked[is_train][:, usable])
        filled = np.asarray(imputer.transform(masked[held_out][:, usable]), dtype=np.float64)
    is_scored = hidden[held_out][:, usable]
    error = np.where(is_scored, filled - values[held_out][:, usable], 0.0)
    squares[usable] = (error * error).sum(axis=0)
    counts[usable] = is_scored.sum(axis=0)
    return squares, counts
