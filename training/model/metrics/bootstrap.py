"""Bootstrap: intervals of the metrics on the test rows, for the randomness of the choice of these rows.

Each draw samples N of the N rows with replacement, and the metric is computed on each draw (Efron, Bootstrap methods:
another look at the jackknife, 1979). A draw is stored as the number of times that each row was sampled: every metric of
``training.model.metrics`` is then a function of weighted sums, and a thousand draws are a few matrix products.

Two models on the same rows with the same seed get the same draws, so their metrics can be compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.config import ModelConfig
from training.model.metrics.choice import measure
from training.model.metrics.regression import WITHIN_PERCENT

RESAMPLES = 1_000
"""The number of draws; it gives an interval whose ends are accurate to about a tenth of its width."""
CONFIDENCE = 0.95
_CELLS = 4_000_000
"""The number of weights in memory at a time, 32 MB."""

Array = NDArray[np.float64]


def bootstrap_intervals(
    config: ModelConfig,
    truth: ArrayLike,
    answers: ArrayLike,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> dict[str, tuple[float, float]]:
    """Return the percentile interval of each metric of ``training.model.metrics.measure``.

    Args:
        config: the model's config; its seed is the seed of the draws.
        truth: the target as validation gives it, shape (N,).
        answers: as ``tabento.parity.pipeline_answers`` gives them, shape (N,) or (N, 1 + C).
        confidence: the share of draws inside the interval.
        resamples: the number of draws.

    Returns:
        Lower and upper end by metric, in the metric's unit. Draws without a class, in which a metric is not defined, are
        ignored for that metric.

    Raises:
        ValueError: the confidence is not between 0 and 1, there are no draws, or see ``measure``.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, got {confidence}")
    tail = (1 - confidence) / 2
    values_by_metric = bootstrap_values(config, truth, answers, resamples)
    ends = {name: np.nanquantile(values, (tail, 1 - tail)) for name, values in values_by_metric.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def bootstrap_values(
    config: ModelConfig, truth: ArrayLike, answers: ArrayLike, resamples: int = RESAMPLES
) -> dict[str, Array]:
    """Return each metric on each draw, float64 of shape (resamples,); NaN if it is not defined.

    For arguments and errors see ``bootstrap_intervals``. The draws depend only on the seed, the number of rows and the number
    of draws.
    """
    if resamples < 1:
        raise ValueError(f"expected at least one draw, got {resamples}")
    metric_names = measure(config, truth, answers)
    actual, predicted = np.asarray(truth, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    parts = []
    for weights in draws(len(actual), resamples, config.seed):
        if config.target.classes is None:
            parts.append(_regression_values(weights, actual, predicted))
        else:
            parts.append(_classification_values(weights, actual.astype(np.intp), predicted, len(config.target.classes)))
    return {name: np.concatenate([part[name] for part in parts]) for name in metric_names}


def draws(rows: int, resamples: int, seed: int) -> Iterator[Array]:
    """Yield the number of times that each row was sampled: float64 of shape (draws of a block, rows)."""
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // rows)
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        weights = np.empty((count, rows))
        for index in range(count):
            weights[index] = np.bincount(generator.integers(0, rows, rows), minlength=rows)
        yield weights


def _divide(numerator: Array, denominator: Array) -> Array:
    """Divide; the quotient is NaN for a denominator of 0."""
    quotient: Array = np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0)
    return quotient


def _regression_values(weights: Array, actual: Array, predicted: Array) -> dict[str, Array]:
    """Compute the metrics of ``regression_metrics``, each of shape (draws,)."""
    rows = weights.sum(axis=1)
    error = np.abs(actual - predicted)
    square = weights @ (error * error)
    # Around the mean of all rows, so that no digits are lost where numbers are large and their spread is small.
    centred = actual - actual.mean()
    total = weights @ (centred * centred) - (weights @ centred) ** 2 / rows
    rated = actual != 0
    share = np.divide(error, np.abs(actual), out=np.zeros_like(error), where=rated)
    symmetric_share = np.divide(2 * error, np.abs(actual) + np.abs(predicted), out=np.zeros_like(error), where=rated)
    rated_rows = weights @ rated.astype(np.float64)
    within = {
        f"within_{bound}": 100 * _divide(weights @ (rated & (100 * share <= bound)).astype(np.float64), rated_rows)
        for bound in WITHIN_PERCENT
    }
    return {
        "mae": weights @ error / rows,
        "rmse": np.sqrt(square / rows),
        "r2": 1 - _divide(square, total),
        "mape": 100 * _divide(weights @ share, rated_rows),
        "smape": 100 * _divide(weights @ symmetric_share, rated_rows),
        "wmape": 100 * _divide(weights @ error, weights @ np.abs(actual)),
        "median_ape": 100 * _median(weights[:, rated], share[rated]),
        **within,
        "zero_targets": rows - rated_rows,
    }


def _median(weights: Array, values: Array) -> Array:
    """Return the median of the sampled values, shape (draws,): the middle value, or the mean of the two middle values."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[:, order], axis=1)
    count = cumulated[:, -1:]
    # The ranks of the two middle values; they are equal if the count is odd.
    lower, upper = np.floor((count + 1) / 2), np.floor(count / 2) + 1
    last = len(values) - 1
    indices = [np.minimum((cumulated < rank).sum(axis=1), last) for rank in (lower, upper)]
    middle = (values[order][indices[0]] + values[order][indices[1]]) / 2
    return np.where(count[:, 0] > 0, middle, np.nan)


def _classification_values(weights: Array, index: NDArray[np.intp], predicted: Array, classes: int) -> dict[str, Array]:
    """Compute the metrics of ``classification_metrics``, each of shape (draws,)."""
    metrics = _label_values(weights, index, predicted[:, 0].astype(np.intp), classes)
    if predicted.shape[1] == 1:
        return metrics
    rows = weights.sum(axis=1)
    shares = predicted[:, 1:] / predicted[:, 1:].sum(axis=1, keepdims=True)
    smallest = np.finfo(np.float64).eps
    true_class_shares = np.clip(shares[np.arange(len(index)), index], smallest, 1 - smallest)
    outcomes = (index[:, np.newaxis] == np.arange(classes)).astype(np.float64)
    squares = (shares - outcomes) ** 2
    squared = squares[:, 1] if classes == 2 else squares.sum(axis=1)
    class_indices = [1] if classes == 2 else list(range(classes))
    curves = [
        _curve_areas(weights, outcomes[:, class_index], predicted[:, 1 + class_index]) for class_index in class_indices
    ]
    missing = ((weights @ outcomes) == 0).any(axis=1)
    area, precision = (np.mean([curve[position] for curve in curves], axis=0) for position in (0, 1))
    return {
        **metrics,
        "log_loss": weights @ -np.log(true_class_shares) / rows,
        "brier": weights @ squared / rows,
        "roc_auc": np.where(missing, np.nan, area),
        "average_precision": np.where(missing, np.nan, precision),
    }


def _label_values(weights: Array, index: NDArray[np.intp], label: NDArray[np.intp], classes: int) -> dict[str, Array]:
    """Compute the metrics that depend on the confusion matrix alone."""
    cells = np.zeros((len(index), classes * classes))
    cells[np.arange(len(index)), index * classes + label] = 1
    table = (weights @ cells).reshape(-1, classes, classes)
    hits = table[:, np.arange(classes), np.arange(classes)]
    n_actual, n_predicted = table.sum(axis=2), table.sum(axis=1)
    present = n_actual > 0
    recall = np.nan_to_num(_divide(hits, n_actual))
    precision = np.nan_to_num(_divide(hits, n_predicted))
    f1 = np.nan_to_num(_divide(2 * hits, n_actual + n_predicted))
    averaged_classes = [1] if classes == 2 else list(range(classes))
    return {
        "accuracy": hits.sum(axis=1) / n_actual.sum(axis=1),
        "balanced_accuracy": recall.sum(axis=1, where=present) / present.sum(axis=1),
        "precision": precision[:, averaged_classes].mean(axis=1),
        "recall": recall[:, averaged_classes].mean(axis=1),
        "f1": f1[:, averaged_classes].mean(axis=1),
        "f1_macro": f1.sum(axis=1, where=present) / present.sum(axis=1),
    }


def _curve_areas(weights: Array, outcome: Array, score: Array) -> tuple[Array, Array]:
    """Return the area under the ROC curve and the average precision, each of shape (draws,).

    Rows with equal scores are one step of both curves: rank by rank, from the highest score down.
    """
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.inf))
    sorted_weights = weights[:, order]
    step_positives = np.add.reduceat(sorted_weights * outcome[order], starts, axis=1)
    step_weights = np.add.reduceat(sorted_weights, starts, axis=1)
    true_positives, n_above = np.cumsum(step_positives, axis=1), np.cumsum(step_weights, axis=1)
    positives, negatives = true_positives[:, -1], n_above[:, -1] - true_positives[:, -1]
    false_positives = n_above - true_positives
    previous_false_positives = np.concatenate([np.zeros((len(sorted_weights), 1)), false_positives[:, :-1]], axis=1)
    # Each positive row has a higher score than the negative rows of later steps; the negative rows of its step count half.
    lost = (step_positives * (previous_false_positives + false_positives) / 2).sum(axis=1)
    area = 1 - _divide(lost, positives * negatives)
    precision = (step_positives * np.nan_to_num(_divide(true_positives, n_above))).sum(axis=1)
    return area, _divide(precision, positives)
