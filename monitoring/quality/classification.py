"""Live metrics of a classification. Their definitions are those of ``training.model.metrics.classification_metrics``."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitoring.quality.figures import Figure, Floats, mean_figure, score, share_figure

Indices = NDArray[np.intp]

RESAMPLES = 1_000
CELLS = 4_000_000
"""The number of counts of all draws in memory; with more cells there are fewer draws."""
FEWEST_RESAMPLES = 200
SEED = 0
BINS = 10
"""The number of bins of the calibration error, as in the gate."""


def classification_figures(
    actual: Indices, label: Indices, probabilities: Floats | None, classes: int, confidence: float
) -> dict[str, Figure]:
    """Return the metrics of labels and probabilities.

    Of two classes the second is the positive class. Intervals: of ``accuracy`` by Wilson's score; of ``log_loss`` and ``brier``
    by the central limit theorem; of ``roc_auc`` by DeLong's components (E. R. DeLong and others, Comparing the areas under
    correlated ROC curves, 1988); of all others by the bootstrap of B. Efron (1979) on the counts of the confusion matrix or the
    bins, which is the bootstrap of rows because the metric depends on these counts alone.

    Args:
        actual: the indices of the true labels, shape (N,), N > 0.
        label: the indices of the answered labels, shape (N,).
        probabilities: the answered probabilities, shape (N, C); None if the model answers none.
        classes: C.
        confidence: the confidence of the intervals.
    """
    rows = len(actual)
    figures = {"accuracy": share_figure(int((actual == label).sum()), rows, confidence)}
    table = np.bincount(actual * classes + label, minlength=classes * classes)
    values = _label_metrics(table.reshape(1, classes, classes).astype(np.float64))
    draws = _label_metrics(_resampled(table).reshape(-1, classes, classes))
    for name, value in values.items():
        figures[name] = _drawn_figure(float(value[0]), draws[name], confidence)
    if probabilities is None:
        return figures
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    smallest = np.finfo(np.float64).eps
    figures["log_loss"] = mean_figure(
        -np.log(np.clip(shares[np.arange(rows), actual], smallest, 1 - smallest)), confidence
    )
    outcomes = (actual[:, np.newaxis] == np.arange(classes)).astype(np.float64)
    squares = (shares - outcomes) ** 2
    figures["brier"] = mean_figure(squares[:, 1] if classes == 2 else squares.sum(axis=1), confidence)
    if outcomes.any(axis=0).all():
        figures["roc_auc"] = _area(outcomes, probabilities, confidence)
    # As in the gate: of many classes, the largest probability is compared with the frequency of its class.
    certainty = probabilities[:, 1] if classes == 2 else probabilities.max(axis=1)
    outcome = actual == 1 if classes == 2 else probabilities.argmax(axis=1) == actual
    figures["calibration_error"] = _calibration(certainty, outcome, confidence)
    return figures


def _resampled(counts: NDArray[np.intp]) -> Floats:
    """Return draws of the counts of cells, shape (draws, cells); a draw samples as many rows as there are."""
    occupied = np.flatnonzero(counts)
    size = min(max(CELLS // len(counts), FEWEST_RESAMPLES), RESAMPLES)
    total = int(counts.sum())
    draws = np.zeros((size, len(counts)))
    draws[:, occupied] = np.random.default_rng(SEED).multinomial(total, counts[occupied] / total, size)
    return draws


def _drawn_figure(value: float, draws: Floats, confidence: float) -> Figure:
    """Return a value with the percentile interval of its draws."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, (tail, 1 - tail))
    return Figure(value, float(low), float(high))


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; the quotient is 0 for a denominator of 0."""
    quotient: Floats = np.divide(numerator, denominator, out=np.zeros(numerator.shape), where=denominator != 0)
    return quotient


def _label_metrics(table: Floats) -> dict[str, Floats]:
    """Return the metrics of confusion matrices of shape (D, C, C), each of shape (D,)."""
    classes = table.shape[1]
    hits = table[:, np.arange(classes), np.arange(classes)]
    n_actual, n_predicted = table.sum(axis=2), table.sum(axis=1)
    present = n_actual > 0
    recall, precision = _divide(hits, n_actual), _divide(hits, n_predicted)
    f1 = _divide(2 * hits, n_actual + n_predicted)
    averaged = [1] if classes == 2 else list(range(classes))
    return {
        "balanced_accuracy": recall.sum(axis=1, where=present) / present.sum(axis=1),
        "precision": precision[:, averaged].mean(axis=1),
        "recall": recall[:, averaged].mean(axis=1),
        "f1": f1[:, averaged].mean(axis=1),
        "f1_macro": f1.sum(axis=1, where=present) / present.sum(axis=1),
    }


def _area(outcomes: Floats, scores: Floats, confidence: float) -> Figure:
    """Return the area under the ROC curve, of many classes the mean of each class against the rest."""
    rows, classes = outcomes.shape
    columns = [1] if classes == 2 else list(range(classes))
    influence = np.zeros(rows)
    areas = []
    for column in columns:
        is_positive = outcomes[:, column] > 0
        positive, negative = np.sort(scores[is_positive, column]), np.sort(scores[~is_positive, column])
        # The share of negative rows below each positive row, and of positive rows above each negative row; ties count half.
        below = _shares_below(negative, scores[is_positive, column])
        above = 1 - _shares_below(positive, scores[~is_positive, column])
        area = float(below.mean())
        areas.append(area)
        influence[is_positive] += (below - area) / len(positive) / len(columns)
        influence[~is_positive] += (above - area) / len(negative) / len(columns)
    value = math.fsum(areas) / len(areas)
    half = score(confidence) * math.sqrt(math.fsum(influence * influence))
    return Figure(value, max(value - half, 0.0), min(value + half, 1.0))


def _shares_below(ordered: Floats, values: Floats) -> Floats:
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    shares: Floats = (left + right) / (2.0 * len(ordered))
    return shares


def _calibration(certainty: Floats, outcome: NDArray[np.bool_], confidence: float) -> Figure:
    """Return the expected calibration error over bins of equal width (M. P. Naeini and others, Obtaining well calibrated
    probabilities using Bayesian binning, 2015)."""
    edges = np.linspace(0, 1, BINS + 1)
    bins = np.clip(np.searchsorted(edges, certainty, side="right") - 1, 0, BINS - 1)
    cells = 2 * bins + outcome.astype(np.intp)
    counts = np.bincount(cells, minlength=2 * BINS)
    sums: Floats = np.bincount(cells, certainty, minlength=2 * BINS).astype(np.float64)
    means = _divide(sums, counts.astype(np.float64))

    def error(table: Floats) -> Floats:
        pairs = table.reshape(-1, BINS, 2)
        expected = (pairs * means.reshape(BINS, 2)).sum(axis=2)
        errors: Floats = np.abs(expected - pairs[:, :, 1]).sum(axis=1) / pairs.sum(axis=(1, 2))
        return errors

    # A resampled error is biased upwards, because the errors of bins do not cancel: the interval is reflected at the value.
    value = float(error(counts.astype(np.float64))[0])
    tail = (1 - confidence) / 2
    low, high = np.quantile(error(_resampled(counts)), (tail, 1 - tail))
    return Figure(value, max(2 * value - float(high), 0.0), max(2 * value - float(low), value))
