"""Cross-validation inside the training part: the quality of a procedure on rows that it has not seen.

Everything is fitted again in each fold, including imputation, clusters and decision threshold, so that no metric is computed
on rows of the fit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from threadpoolctl import threadpool_limits

from tabento.errors import TabentoError
from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from training.config import Decisions, ModelConfig
from training.data.split import strata_of
from training.model.metrics import LABEL_METRICS, measure, metric_of
from training.model.pipeline import FitError, fit_pipeline

SMALL = 1_000
"""With fewer rows a fold is so small that its metrics are mostly random, and the folds are repeated."""
SMALL_FOLDS, SMALL_REPEATS = 10, 3
FOLDS = 5

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
"""The positions of the rows of the fit and of the held-out rows."""


class FoldError(TabentoError):
    """The training rows cannot be divided into folds."""


@dataclass(frozen=True)
class CvScores:
    """The metrics of a cross-validation, fold by fold."""

    valid: list[dict[str, float]]
    """The metrics on the rows that were held out."""
    train: list[dict[str, float]] = field(default_factory=list)
    """The metrics on the rows of the fit, if they were requested."""
    seconds: float = field(default=0.0, compare=False)
    """The time of fits and predictions, added up over the folds."""

    def values(self, metric: str) -> NDArray[np.float64]:
        """Return a metric on the held-out rows, by fold, float64 of shape (folds,).

        Raises:
            KeyError: a fold does not have it.
        """
        return np.array([fold[metric] for fold in self.valid])

    def mean(self, metric: str) -> float:
        """Return the mean over the folds."""
        return float(self.values(metric).mean())

    def train_mean(self, metric: str) -> float:
        """Return the mean over the folds on the rows of the fit."""
        return float(np.mean([fold[metric] for fold in self.train]))

    def std(self, metric: str) -> float:
        """Return the sample standard deviation over the folds; 0 for one fold."""
        values = self.values(metric)
        return float(values.std(ddof=1)) if len(values) > 1 else 0.0

    def standard_error(self, metric: str) -> float:
        """Return ``std`` / √folds, the unit of the one-standard-error rule (Breiman et al., CART, 1984).

        Folds share rows, so this is smaller than the true error of the mean. Use it to compare procedures on the same folds,
        not for an interval.
        """
        return self.std(metric) / float(np.sqrt(len(self.valid)))


def make_folds(
    config: ModelConfig, frame: pd.DataFrame, folds: int | None = None, repeats: int | None = None
) -> list[Fold]:
    """Divide rows into folds: shuffled, seeded, with equal shares of the classes or of ``split.stratify``'s bins.

    Args:
        config: gives the seed and the column of the strata.
        frame: validated rows.
        folds: the number of folds; by default 10 below 1,000 rows, else 5.
        repeats: the number of repetitions; by default 3 if there are fewer than 1,000 rows and no ``folds``, else 1.

    Returns:
        folds × repeats pairs of positions.

    Raises:
        FoldError: there are fewer rows than folds, or fewer of a class.
    """
    small = len(frame) < SMALL
    count = folds or (SMALL_FOLDS if small else FOLDS)
    times = repeats or (SMALL_REPEATS if small and folds is None else 1)
    if len(frame) < count:
        raise FoldError(f"expected at least {count} rows for {count} folds, got {len(frame)}: use fewer folds")
    rows = np.zeros((len(frame), 1))
    strata = _strata(config, frame, count)
    if strata is None:
        return list(RepeatedKFold(n_splits=count, n_repeats=times, random_state=config.seed).split(rows))
    stratified = RepeatedStratifiedKFold(n_splits=count, n_repeats=times, random_state=config.seed)
    return list(stratified.split(rows, strata))


def _strata(config: ModelConfig, frame: pd.DataFrame, folds: int) -> NDArray[np.int64] | None:
    """Return the class or the bin of each row, None without strata; bins that are too small are merged with the previous bin."""
    if config.target.classes is not None:
        strata = frame[config.target.name].to_numpy(dtype=np.int64)
        for index, count in zip(*np.unique(strata, return_counts=True), strict=True):
            if count < folds:
                raise FoldError(
                    f"expected at least {folds} rows of each class for {folds} folds, got {count} of"
                    f" {config.target.classes[index].label!r}: use fewer folds or more rows"
                )
        return strata
    if config.split.stratify is None:
        return None
    strata = strata_of(frame[config.split.stratify.column].to_numpy(dtype=np.float64), config.split.stratify)
    bins, strata, counts = np.unique(strata, return_inverse=True, return_counts=True)
    merged_bins = np.zeros(len(bins), dtype=np.int64)
    rows_in_bin = 0
    for index, count in enumerate(counts):
        # A bin is closed when it has a row for each fold; remaining rows join the last closed bin.
        merged_bins[index] = merged_bins[index - 1] + (rows_in_bin >= folds) if index else 0
        rows_in_bin = count if index and merged_bins[index] != merged_bins[index - 1] else rows_in_bin + count
    if rows_in_bin < folds and merged_bins[-1]:
        merged_bins[merged_bins == merged_bins[-1]] -= 1
    return merged_bins[strata]


def cross_validate(
    config: ModelConfig,
    frame: pd.DataFrame,
    decisions: Decisions | None,
    folds: Sequence[Fold],
    *,
    n_jobs: int | None = None,
    train_scores: bool = False,
    decide: bool | None = None,
) -> CvScores:
    """Fit and measure in each fold.

    Args:
        config: the model's config.
        frame: the training part: validated rows with the target.
        decisions: the fitted decisions; by default those of the config itself.
        folds: from ``make_folds``.
        n_jobs: the number of processes; by default the number of usable cores. The metrics do not depend on it.
        train_scores: whether the rows of the fit are measured as well.
        decide: whether a decision threshold is chosen within each fold, if the config requires one; by default only if the
            deciding metric depends on labels, because probabilities stay the same and it takes five additional fits.

    Raises:
        ConfigError, FitError: see ``fit_pipeline``.
        ThresholdError: a threshold is required and a class is too small.
        FitError: the answers of a model cannot be measured; the message names the fold.
        ValueError: there are no folds.
    """
    if not folds:
        raise ValueError("expected at least one fold, got none")
    used_decisions = decisions or config.decisions()
    with_threshold = metric_of(config) in LABEL_METRICS if decide is None else decide
    jobs = min(n_jobs or cpu_count(), len(folds))
    results = Parallel(n_jobs=jobs)(
        delayed(_evaluate_fold)(
            config, frame.iloc[train_rows], frame.iloc[held_out], used_decisions, number, train_scores, with_threshold
        )
        for number, (train_rows, held_out) in enumerate(folds, start=1)
    )
    return CvScores(
        valid=[valid for valid, _, _ in results],
        train=[train for _, train, _ in results] if train_scores else [],
        seconds=sum(seconds for _, _, seconds in results),
    )


def _evaluate_fold(
    config: ModelConfig,
    train_rows: pd.DataFrame,
    held_out: pd.DataFrame,
    decisions: Decisions,
    number: int,
    train_scores: bool,
    decide: bool,
) -> tuple[dict[str, float], dict[str, float], float]:
    """Fit one fold; return the metrics on its held-out rows, those on the rows of the fit if requested, and the seconds."""
    started_s = time.perf_counter()
    pipeline = fit_pipeline(config, train_rows, decisions, decide=decide)
    measured = []
    for part in (held_out, train_rows) if train_scores else (held_out,):
        try:
            measured.append(measure(config, part[config.target.name], _answers(config, pipeline, part)))
        except ValueError as error:
            raise FitError(f"{decisions.estimator.kind} cannot be measured in fold {number}: {error}") from error
    return measured[0], measured[-1], time.perf_counter() - started_s


def _answers(config: ModelConfig, pipeline: object, frame: pd.DataFrame) -> NDArray[np.float64]:
    contract = config.contract()
    with threadpool_limits(limits=1):
        return pipeline_answers(pipeline, to_frame(to_rows(frame, contract), contract), contract)
