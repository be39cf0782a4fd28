"""Conformal calibration: prediction intervals and prediction sets from out-of-fold answers of the training part.

The residuals come from K-fold cross-validation of the selected procedure, in which each training row is answered by a pipeline
that has not seen it. The fitted pipeline of the bundle, which has seen all training rows, gives the centre of each interval.

- V. Vovk, Cross-conformal predictors, Annals of Mathematics and Artificial Intelligence 74 (2015): nonconformity scores of all
  folds calibrate together.
- J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman, Distribution-free predictive inference for regression, JASA
  113 (2018): the quantile of n residuals with the correction n + 1.
- Y. Romano, E. Patterson and E. J. Candès, Conformalized quantile regression, NeurIPS 2019, section 6: the two ends have their
  own quantile of signed residuals (asymmetric), so that a skewed error has a skewed interval.
- V. Vovk, D. Lindsay, I. Nouretdinov and A. Gammerman, Mondrian confidence machine (2003): quantiles within categories.
- M. Sadinle, J. Lei and L. Wasserman, Least ambiguous set-valued classifiers, JASA 114 (2019): a threshold for each class.

The exact guarantee of these papers is for residuals of the model that answers. The residuals here come from models of fewer rows,
whose errors are usually a little larger. Therefore the coverage is measured: once on the test part (``training.gate.coverage``),
and by repeated cross-validation (``tabento evaluate``).
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Interval, PredictionSet, Strict
from tabento.bundle.interval import IntervalGroup
from training.config import Decisions, Intervals, ModelConfig, Sets
from training.model.cross_validation import FOLDS, SMALL, SMALL_FOLDS, make_folds
from training.model.out_of_fold import predict_out_of_fold
from training.model.pipeline import FitError

BIN_ROWS = 200
"""The number of rows of a bin by default: a 95% quantile of 200 residuals has a standard error of about 1.5 percentage points."""
BINS_MAX = 5
"""The largest number of bins by default: more bins make no narrower intervals on the models of ``configs/``."""

Array = NDArray[np.float64]


class Calibration(Strict):
    """The calibrated tables of a model, for its contract; None for a table that the config does not ask for."""

    interval: Interval | None = None
    prediction_set: PredictionSet | None = None


def calibrate(
    config: ModelConfig, train: pd.DataFrame, decisions: Decisions, *, n_jobs: int | None = None
) -> Calibration:
    """Calibrate the intervals or sets that a config asks for, on out-of-fold answers of the training part.

    Args:
        config: the model's config.
        train: the training part: validated rows with the target.
        decisions: the decisions with which the pipeline is fitted.
        n_jobs: the number of processes; by default the number of usable cores. The tables do not depend on it.

    Raises:
        ConfigError, FitError: the pipeline cannot be fitted in a fold, or there are too few rows for the coverage.
        FoldError: there are fewer rows than folds, or fewer rows of a class.
    """
    answers = calibration_answers(config, train, decisions, n_jobs=n_jobs)
    return Calibration() if answers is None else calibrate_on(config, train, answers)


def calibration_answers(
    config: ModelConfig, train: pd.DataFrame, decisions: Decisions, *, n_jobs: int | None = None
) -> Array | None:
    """Return out-of-fold answers to the training rows, in order; None if the config asks for neither intervals nor sets.

    The shape is (N,) for a regression and (N, 1 + C) for a classification, whose labels have no decision threshold. For
    arguments and errors see ``calibrate``.
    """
    request = config.intervals or config.sets
    if request is None:
        return None
    folds = make_folds(config, train, request.folds or (SMALL_FOLDS if len(train) < SMALL else FOLDS), repeats=1)
    parts = predict_out_of_fold(config, train, decisions, folds, n_jobs, decide=False)
    answers = np.empty((len(train), *parts[0].shape[1:]))
    for (_, held_out), part in zip(folds, parts, strict=True):
        answers[held_out] = part
    return answers


def calibrate_on(config: ModelConfig, train: pd.DataFrame, answers: Array) -> Calibration:
    """Calibrate on out-of-fold answers from ``calibration_answers``.

    Raises:
        FitError: there are too few rows for the coverage.
    """
    request = config.intervals or config.sets
    if request is None:
        return Calibration()
    truth = train[config.target.name].to_numpy(dtype=np.float64)
    if isinstance(request, Sets):
        return Calibration(prediction_set=calibrate_set(request, truth, answers))
    by = None if request.by is None else train[request.by].to_numpy(dtype=np.float64, na_value=np.nan)
    interval = calibrate_interval(request, truth, answers, by, config.target.minimum, config.target.maximum)
    return Calibration(interval=interval)


def calibrate_interval(
    request: Intervals,
    truth: Array,
    answers: Array,
    by: Array | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Interval:
    """Return the table of prediction intervals for residuals of unseen rows.

    Args:
        request: the coverage and the division of rows.
        truth: the true values, shape (N,), in the target's unit.
        answers: the out-of-fold answers, shape (N,).
        by: the values of the feature ``request.by``, shape (N,), NaN for missing.
        minimum: the smallest possible value of the target, if it is known.
        maximum: the largest possible value.

    Raises:
        FitError: a group has too few rows for the coverage.
    """
    if by is None:
        groups = [_group(request, truth, answers, "the training part")]
        return Interval(coverage=request.coverage, groups=tuple(groups), minimum=minimum, maximum=maximum)
    present = ~np.isnan(by)
    edges = _quantile_edges(by[present], request.parts)
    indices = np.searchsorted(edges, by, side="left")
    groups = []
    for index in range(len(edges) + 1):
        # A feature that is missing in every row has one range, which no training row shows.
        mask = present & (indices == index) if present.any() else ~present
        groups.append(_group(request, truth[mask], answers[mask], f"range {index + 1} of {request.by!r}"))
    missing = ~present
    # Few rows with a missing value have no quantile of their own: they get that of all rows.
    mask = missing if missing.sum() >= max(BIN_ROWS, smallest_group(request.coverage)) else np.full(len(by), True)
    groups.append(_group(request, truth[mask], answers[mask], f"rows without {request.by!r}"))
    return Interval(
        coverage=request.coverage,
        by=request.by,
        by_edges=tuple(edges.tolist()),
        groups=tuple(groups),
        minimum=minimum,
        maximum=maximum,
    )


def calibrate_set(request: Sets, truth: Array, answers: Array) -> PredictionSet:
    """Return the thresholds of prediction sets, one for each class (Mondrian by the true class).

    The threshold of a class is the k-th smallest probability that rows of this class have for it, k = ⌊(1 - coverage) · (n + 1)⌋,
    moved half-way to the next smaller one, so that rounding cannot decide. It is 0 if the class has too few rows.

    Args:
        request: the coverage.
        truth: the indices of the true classes, shape (N,).
        answers: the out-of-fold answers, shape (N, 1 + C).
    """
    thresholds = []
    miss_rate = 1 - Fraction(repr(request.coverage))
    for index in range(answers.shape[1] - 1):
        probabilities = np.sort(answers[truth == index, 1 + index])
        rank = math.floor(miss_rate * (len(probabilities) + 1))
        if rank == 0:
            thresholds.append(0.0)
            continue
        at_rank = probabilities[rank - 1]
        lower = probabilities[probabilities < at_rank]
        thresholds.append(float(np.clip((at_rank + (lower[-1] if len(lower) else 0.0)) / 2, 0.0, 1.0)))
    return PredictionSet(coverage=request.coverage, thresholds=tuple(thresholds))


def smallest_group(coverage: float) -> int:
    """Return the smallest number of residuals that have both quantiles of a coverage: 19 for 0.9."""
    rate = (1 + Fraction(repr(coverage))) / 2
    return math.ceil(rate / (1 - rate))


def _group(request: Intervals, truth: Array, answers: Array, subject: str) -> IntervalGroup:
    """Return the offsets of one group of rows, by bins of the answer."""
    needed = smallest_group(request.coverage)
    rows = len(truth)
    if rows < needed:
        raise FitError(
            f"intervals: expected at least {needed} training rows in {subject} for a coverage of {request.coverage}, got"
            f" {rows}: use more rows, fewer `parts` or a lower `coverage`"
        )
    count = min(request.bins or max(1, min(BINS_MAX, rows // BIN_ROWS)), rows // needed)
    edges = _middle_edges(np.sort(answers), count)
    bins = np.searchsorted(edges, answers, side="left")
    offsets = [
        _offsets(truth[bins == index] - answers[bins == index], request.coverage) for index in range(len(edges) + 1)
    ]
    return IntervalGroup(
        edges=tuple(edges.tolist()),
        lower=tuple(lower for lower, _ in offsets),
        upper=tuple(upper for _, upper in offsets),
    )


def _offsets(residuals: Array, coverage: float) -> tuple[float, float]:
    """Return the two quantiles of signed residuals, each missed by half of the rows outside; the interval contains the answer."""
    ascending, count = np.sort(residuals), len(residuals)
    rank = math.ceil((1 + Fraction(repr(coverage))) / 2 * (count + 1))
    return min(float(ascending[count - rank]), 0.0), max(float(ascending[rank - 1]), 0.0)


def _middle_edges(ascending: Array, bins: int) -> Array:
    """Return edges between bins of equally many values, half-way between two values: rounding of an answer changes no bin."""
    edges = []
    for index in range(1, bins):
        position = len(ascending) * index // bins
        low, high = ascending[position - 1], ascending[position]
        middle = low + (high - low) / 2
        if low < middle < high:
            edges.append(middle)
    return np.array(edges, dtype=np.float64)


def _quantile_edges(values: Array, parts: int) -> Array:
    """Return the distinct quantiles of a feature that have values on both sides."""
    if not len(values):
        return np.empty(0)
    edges: Array = np.unique(np.quantile(values, np.arange(1, parts) / parts, method="inverted_cdf"))
    below: Array = edges[edges < values.max()]
    return below
