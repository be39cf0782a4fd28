"""The imputation study: how well each imputation finds hidden values again, and what it does for the model.

Two figures that need not agree. Known values are hidden at random and filled in by an imputer that was fitted on other
rows: that shows who guesses best. The model is cross-validated with each imputation: that shows whether it matters, and
it decides. Only an imputation that can be exported exactly is chosen.
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

from training.config import ConfigError, Decisions, Imputer, ModelConfig
from training.errors import TrainingError
from training.export import ExportError, export_pipeline
from training.features.judge import Judge
from training.features.scores import Score, best_of, within_one_standard_error
from training.imputers import build_imputer
from training.pipeline import fit_pipeline
from training.progress import Progress
from training.study.sampling import sample_rows

MASKED_ROWS = 4_000
"""On so many rows values are hidden, where there are more: an iterative imputation takes seconds a fold then."""
TRIAL_ROWS = 400
"""About so many rows are fitted to try whether a pipeline can be exported."""
TRIAL_ROWS_OF_A_KIND = 10
"""So many rows of each class, and with each column known and missing, are among them where there are that many."""
COST: dict[Imputer, int] = {"median": 0, "mean": 0, "most_frequent": 0, "knn": 1, "iterative": 2}
"""What an imputation costs when serving: a constant; a search through the training rows; a forest per column."""


@dataclass(frozen=True)
class ImputerFigures:
    """What the study found of one imputation."""

    masked_rmse: dict[str, float]
    """By column, the root mean squared error of hidden values over the column's standard deviation; 1 is what the mean
    of the column does. NaN where nothing could be hidden or the column does not vary."""
    masked_rmse_overall: float
    """The same over all hidden values."""
    score: Score | None
    """The model's score; None where nothing is missing, or it could not be fitted."""
    refusal: str | None
    """Why it can't be used: the exporter's or the fit's reason; None where it can."""


@dataclass(frozen=True)
class ImputationStudy:
    """The imputations that were compared, and what follows."""

    metric: str
    figures: dict[Imputer, ImputerFigures]
    missing: int
    """How many values of numbers are missing in the rows that were studied; with 0 there is nothing to choose."""
    best: Imputer
    """What the study would take."""
    pinned: bool
    chosen: Imputer
    """What is used."""


def study_imputation(judge: Judge, decisions: Decisions, progress: Progress) -> ImputationStudy | None:
    """Compare the imputations of ``config.studies.imputers`` and the one decided so far.

    Args:
        judge: gives the config, the training rows, and the model's score.
        decisions: everything else that is fitted.
        progress: is told of each imputation.

    Returns:
        The figures and the choice; None where the model uses no numbers.

    Raises:
        ConfigError, TrainingError: the pipeline cannot be fitted with the imputation decided so far.
    """
    config, frame, metric = judge.config, judge.frame, judge.metric
    numeric = [
        feature.name
        for feature in config.features
        if feature.type in ("number", "integer") and feature.name in decisions.columns
    ]
    if not numeric:
        return None
    missing = int(frame[numeric].isna().to_numpy().sum())
    hidden = _Hidden.of(frame[numeric], config)
    figures: dict[Imputer, ImputerFigures] = {}
    for impute in dict.fromkeys((*config.studies.imputers, decisions.impute)):
        with progress.step(f"Impute by {impute}") as step:
            by_column, overall = hidden.errors(impute, config.seed)
            step.detail = f"hidden values off by {overall:.3f} sd"
            tried = decisions.model_copy(update={"impute": impute})
            score, refusal = _downstream(judge, tried, current=impute == decisions.impute, missing=missing)
            if score is not None:
                step.detail += f", {metric} {score.mean:,.5g} ± {score.standard_error:.2g}"
            if refusal:
                step.detail += ", cannot be used"
            figures[impute] = ImputerFigures(by_column, overall, score, refusal)
    best = choose_imputer(metric, figures, decisions.impute)
    pinned = "impute" in config.studies.pin
    return ImputationStudy(metric, figures, missing, best, pinned, decisions.impute if pinned else best)


def choose_imputer(metric: str, figures: dict[Imputer, ImputerFigures], current: Imputer) -> Imputer:
    """Choose among the imputations that can be used: of those within one standard error of the best the cheapest.

    Of equally cheap ones the current stays, else the best is taken. Without a score nothing changes.

    Args:
        metric: by which is chosen.
        figures: by imputation.
        current: what is used so far.
    """
    scores = {key: item.score for key, item in figures.items() if item.score is not None and item.refusal is None}
    if not scores:
        return current
    tied = within_one_standard_error(metric, scores)
    cheapest = [key for key in tied if COST[key] == min(COST[other] for other in tied)]
    return current if current in cheapest else best_of(metric, {key: scores[key] for key in cheapest})


def export_refusal(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions) -> str | None:
    """Fit on a few rows, export, and return why that cannot be done; None where it can.

    Args:
        config: the model's config.
        frame: validated rows of the training part.
        decisions: what is fitted.
    """
    few = trial_rows(config, frame)
    clusters = config.derived.clusters
    if clusters and decisions.n_clusters:
        places = len(few[list(clusters.columns)].drop_duplicates())
        # What a graph can say does not depend on how many centres there are.
        decisions = decisions.model_copy(update={"n_clusters": max(1, min(decisions.n_clusters, places // 2))})
    try:
        export_pipeline(fit_pipeline(config, few, decisions, decide=False), config.contract())
    except ExportError as error:
        return str(error)
    return None


def trial_rows(config: ModelConfig, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a few hundred rows in which every class occurs, and every column both with and without a value.

    Args:
        config: names the columns.
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


def _downstream(judge: Judge, decisions: Decisions, *, current: bool, missing: int) -> tuple[Score | None, str | None]:
    """Return the model's score with an imputation, and why the imputation can't be used."""
    try:
        refusal = export_refusal(judge.config, judge.frame, decisions)
        return (judge.score(decisions) if missing else None), refusal
    except (ConfigError, TrainingError) as error:
        if current:
            raise
        return None, str(error)


@dataclass(frozen=True)
class _Hidden:
    """Numbers with some known values hidden, the same ones for each imputation."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    """Shape (N, F), NaN where missing."""
    hidden: tuple[NDArray[np.bool_], ...]
    """By fold, which of them are hidden, shape (N, F)."""
    parts: tuple[NDArray[np.int64], ...]
    """By fold, the rows on which errors are measured; the imputer is fitted on the others."""
    sd: NDArray[np.float64]
    """Of the known values of each column, shape (F,)."""

    @classmethod
    def of(cls, frame: pd.DataFrame, config: ModelConfig) -> _Hidden:
        """Hide values completely at random (MCAR), anew in each fold."""
        values = sample_rows(frame, MASKED_ROWS, config.seed).to_numpy(dtype=np.float64)
        generator = np.random.default_rng(config.seed)
        folds = min(config.studies.folds, len(values))
        parts = np.array_split(generator.permutation(len(values)), folds)
        hidden = [(generator.random(values.shape) < config.studies.masked_share) & ~np.isnan(values) for _ in parts]
        sd = np.array([column[~np.isnan(column)].std() if (~np.isnan(column)).any() else 0.0 for column in values.T])
        return cls(tuple(frame.columns), values, tuple(hidden), tuple(parts), sd)

    def errors(self, impute: Imputer, seed: int) -> tuple[dict[str, float], float]:
        """Return the standardised error of each column, and of all hidden values."""
        results = Parallel(n_jobs=min(cpu_count(), len(self.parts)))(
            delayed(_fold_errors)(impute, seed, self.values, hidden, held_out)
            for hidden, held_out in zip(self.hidden, self.parts, strict=True)
        )
        squares = np.sum([squares for squares, _ in results], axis=0)
        counts = np.sum([counts for _, counts in results], axis=0)
        used = (counts > 0) & (self.sd > 0)
        by_column = {
            name: float(np.sqrt(squares[at] / counts[at]) / self.sd[at]) if used[at] else float("nan")
            for at, name in enumerate(self.names)
        }
        if not used.any():
            return by_column, float("nan")
        return by_column, float(np.sqrt(np.sum(squares[used] / self.sd[used] ** 2) / counts[used].sum()))


def _fold_errors(
    impute: Imputer, seed: int, values: NDArray[np.float64], hidden: NDArray[np.bool_], held_out: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the summed squared errors of hidden values in held-out rows, and their number, both by column."""
    masked = np.where(hidden, np.nan, values)
    seen = np.ones(len(values), dtype=bool)
    seen[held_out] = False
    # A column of which the imputer sees nothing cannot be filled in, by none of them.
    usable = np.flatnonzero((~np.isnan(masked[seen])).any(axis=0))
    squares, counts = np.zeros(values.shape[1]), np.zeros(values.shape[1], dtype=np.int64)
    if not usable.size:
        return squares, counts
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Rounds that do not settle are judged by what they find, like everything else.
        warnings.simplefilter("ignore", ConvergenceWarning)
        imputer = build_imputer(impute, seed).fit(masked[seen][:, usable])
        filled = np.asarray(imputer.transform(masked[held_out][:, usable]), dtype=np.float64)
    asked = hidden[held_out][:, usable]
    error = np.where(asked, filled - values[held_out][:, usable], 0.0)
    squares[usable] = (error * error).sum(axis=0)
    counts[usable] = asked.sum(axis=0)
    return squares, counts
