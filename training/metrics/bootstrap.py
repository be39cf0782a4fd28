"""Bootstrap: how far a metric on the test rows may be off by the chance of which rows these are.

Rows are drawn with replacement, as many as there are, and the metric is computed on each draw (Efron, Bootstrap methods:
another look at the jackknife, 1979). A draw is held as how often each row was drawn: every metric of
``training.metrics`` is then a function of weighted sums, and a thousand draws are a few products of matrices.

Two models on the same rows with the same seed get the same draws, so their figures can be compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.config import ModelConfig
from training.metrics.choice import measure
from training.metrics.regression import WITHIN_PERCENT

RESAMPLES = 1_000
"""How many draws give an interval whose ends are steady to about a tenth of its width."""
CONFIDENCE = 0.95
_CELLS = 4_000_000
"""How many weights are held at once, 32 MB."""

Array = NDArray[np.float64]


def bootstrap_intervals(
    config: ModelConfig,
    truth: ArrayLike,
    answers: ArrayLike,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> dict[str, tuple[float, float]]:
    """Return the percentile interval of each metric of ``training.metrics.measure``.

    Args:
        config: the model's config; its seed draws.
        truth: the target as validation gives it, shape (N,).
        answers: as ``training.parity.pipeline_answers`` gives them, shape (N,) or (N, 1 + C).
        confidence: the share of draws inside the interval.
        resamples: how many draws.

    Returns:
        Lower and upper end by metric, in the metric's unit. Draws without a class in which a metric is not defined do not
        count for it.

    Raises:
        ValueError: the confidence is not between 0 and 1, there are no draws, or see ``measure``.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, got {confidence}")
    tail = (1 - confidence) / 2
    drawn = bootstrap_values(config, truth, answers, resamples)
    ends = {name: np.nanquantile(values, (tail, 1 - tail)) for name, values in drawn.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def bootstrap_values(
    config: ModelConfig, truth: ArrayLike, answers: ArrayLike, resamples: int = RESAMPLES
) -> dict[str, Array]:
    """Return each metric on each draw, float64 of shape (resamples,); NaN where it is not defined.

    Arguments and errors are those of ``bootstrap_intervals``. The order of the draws depends on the seed, the number of
    rows and of draws alone.
    """
    if resamples < 1:
        raise ValueError(f"expected at least one draw, got {resamples}")
    asked = measure(config, truth, answers)
    actual, given = np.asarray(truth, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    parts = []
    for weights in draws(len(actual), resamples, config.seed):
        if config.target.classes is None:
            parts.append(_regression(weights, actual, given))
        else:
            parts.append(_classification(weights, actual.astype(np.intp), given, len(config.target.classes)))
    return {name: np.concatenate([part[name] for part in parts]) for name in asked}


def draws(rows: int, resamples: int, seed: int) -> Iterator[Array]:
    """Yield how often each row was drawn: float64 of shape (some draws, rows), ``resamples`` draws in all."""
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // rows)
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        weights = np.empty((count, rows))
        for at in range(count):
            weights[at] = np.bincount(generator.integers(0, rows, rows), minlength=rows)
        yield weights


def _divided(numerator: Array, denominator: Array) -> Array:
    """Divide, with NaN where the denominator is 0."""
    quotient: Array = np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0)
    return quotient


def _regression(weights: Array, actual: Array, given: Array) -> dict[str, Array]:
    """The metrics of ``regression_metrics``, each of shape (draws,)."""
    rows = weights.sum(axis=1)
    error = np.abs(actual - given)
    square = weights @ (error * error)
    # Around the mean of all rows, so that no digits are lost where numbers are large and their spread is small.
    centred = actual - actual.mean()
    total = weights @ (centred * centred) - (weights @ centred) ** 2 / rows
    rated = actual != 0
    share = np.divide(error, np.abs(actual), out=np.zeros_like(error), where=rated)
    both = np.divide(2 * error, np.abs(actual) + np.abs(given), out=np.zeros_like(error), where=rated)
    rating = weights @ rated.astype(np.float64)
    within = {
        f"within_{bound}": 100 * _divided(weights @ (rated & (100 * share <= bound)).astype(np.float64), rating)
        for bound in WITHIN_PERCENT
    }
    return {
        "mae": weights @ error / rows,
        "rmse": np.sqrt(square / rows),
        "r2": 1 - _divided(square, total),
        "mape": 100 * _divided(weights @ share, rating),
        "smape": 100 * _divided(weights @ both, rating),
        "wmape": 100 * _divided(weights @ error, weights @ np.abs(actual)),
        "median_ape": 100 * _median(weights[:, rated], share[rated]),
        **within,
        "zero_targets": rows - rating,
    }


def _median(weights: Array, values: Array) -> Array:
    """Return the median of drawn values, shape (draws,): the middle one, or the mean of the two in the middle."""
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[:, order], axis=1)
    count = passed[:, -1:]
    # The ranks of the two in the middle; they are one where the count is odd.
    lower, upper = np.floor((count + 1) / 2), np.floor(count / 2) + 1
    last = len(values) - 1
    places = [np.minimum((passed < rank).sum(axis=1), last) for rank in (lower, upper)]
    middle = (values[order][places[0]] + values[order][places[1]]) / 2
    return np.where(count[:, 0] > 0, middle, np.nan)


def _classification(weights: Array, index: NDArray[np.intp], given: Array, classes: int) -> dict[str, Array]:
    """The metrics of ``classification_metrics``, each of shape (draws,)."""
    metrics = _of_labels(weights, index, given[:, 0].astype(np.intp), classes)
    if given.shape[1] == 1:
        return metrics
    rows = weights.sum(axis=1)
    shares = given[:, 1:] / given[:, 1:].sum(axis=1, keepdims=True)
    smallest = np.finfo(np.float64).eps
    of_truth = np.clip(shares[np.arange(len(index)), index], smallest, 1 - smallest)
    outcomes = (index[:, np.newaxis] == np.arange(classes)).astype(np.float64)
    squares = (shares - outcomes) ** 2
    squared = squares[:, 1] if classes == 2 else squares.sum(axis=1)
    asked = [1] if classes == 2 else list(range(classes))
    curves = [_curves(weights, outcomes[:, at], given[:, 1 + at]) for at in asked]
    missing = ((weights @ outcomes) == 0).any(axis=1)
    area, precision = (np.mean([curve[which] for curve in curves], axis=0) for which in (0, 1))
    return {
        **metrics,
        "log_loss": weights @ -np.log(of_truth) / rows,
        "brier": weights @ squared / rows,
        "roc_auc": np.where(missing, np.nan, area),
        "average_precision": np.where(missing, np.nan, precision),
    }


def _of_labels(weights: Array, index: NDArray[np.intp], label: NDArray[np.intp], classes: int) -> dict[str, Array]:
    """The metrics that are made of how often which class was answered for which."""
    cells = np.zeros((len(index), classes * classes))
    cells[np.arange(len(index)), index * classes + label] = 1
    table = (weights @ cells).reshape(-1, classes, classes)
    hits = table[:, np.arange(classes), np.arange(classes)]
    occurs, answered = table.sum(axis=2), table.sum(axis=1)
    present = occurs > 0
    recall = np.nan_to_num(_divided(hits, occurs))
    precision = np.nan_to_num(_divided(hits, answered))
    f1 = np.nan_to_num(_divided(2 * hits, occurs + answered))
    chosen = [1] if classes == 2 else list(range(classes))
    return {
        "accuracy": hits.sum(axis=1) / occurs.sum(axis=1),
        "balanced_accuracy": recall.sum(axis=1, where=present) / present.sum(axis=1),
        "precision": precision[:, chosen].mean(axis=1),
        "recall": recall[:, chosen].mean(axis=1),
        "f1": f1[:, chosen].mean(axis=1),
        "f1_macro": f1.sum(axis=1, where=present) / present.sum(axis=1),
    }


def _curves(weights: Array, outcome: Array, score: Array) -> tuple[Array, Array]:
    """Return the area under the ROC curve and the average precision, each of shape (draws,).

    Rows with equal scores are one step of both curves: rank by rank, from the highest score down.
    """
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.inf))
    drawn = weights[:, order]
    positive = np.add.reduceat(drawn * outcome[order], starts, axis=1)
    everything = np.add.reduceat(drawn, starts, axis=1)
    found, seen = np.cumsum(positive, axis=1), np.cumsum(everything, axis=1)
    positives, negatives = found[:, -1], seen[:, -1] - found[:, -1]
    missed = seen - found
    before = np.concatenate([np.zeros((len(drawn), 1)), missed[:, :-1]], axis=1)
    # Each positive row beats the negative ones behind it, and half of those on its own step.
    lost = (positive * (before + missed) / 2).sum(axis=1)
    area = 1 - _divided(lost, positives * negatives)
    precision = (positive * np.nan_to_num(_divided(found, seen))).sum(axis=1)
    return area, _divided(precision, positives)
