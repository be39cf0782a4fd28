"""Expected figures from counts of cells, with their intervals.

A regression's figures are weighted means of the leaves' errors (direct loss estimation). A classification's figures follow from the
expected numbers of true labels among the rows of each bin (confidence-based performance estimation). W. Kuberski and J. Białek,
NannyML, describe both. The interval covers chance in the rows and in the rows of the tables, but not a change of the truths of equal rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.quality.figures import score
from tabento.bundle.expected_quality import ErrorTree, ExpectedQuality, ProbabilityBins

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS = 400
SEED = 0


class Estimate(msgspec.Struct):
    """An expected figure."""

    value: float
    low: float
    high: float
    test: float | None = None
    """The figure of the test part."""


def count_cells(tables: ExpectedQuality, rows: Floats, answers: Floats) -> Counts:
    """Return the number of rows in each cell; rows with an answer that is not finite are omitted.

    Args:
        tables: the tables of the model.
        rows: packed rows, shape (N, F).
        answers: shape (N, W).
    """
    finite = np.isfinite(answers).all(axis=1)
    rows, answers = rows[finite], answers[finite]
    if tables.error is not None:
        return np.bincount(tables.error.cells(rows, answers[:, 0]), minlength=cells_of(tables))
    assert tables.answered is not None
    labels = answers[:, 0].astype(np.intp)
    own = answers[np.arange(len(answers)), 1 + labels]
    cells = tables.answered.cells(own)
    counts = np.bincount(cells, minlength=len(tables.answered.rows))
    if tables.positive is None:
        return counts
    bins = len(tables.positive.rows)
    by_label = np.bincount(labels * bins + tables.positive.cells(answers[:, 2]), minlength=2 * bins)
    return np.concatenate((counts, by_label))


def cells_of(tables: ExpectedQuality) -> int:
    """Return the number of cells."""
    if tables.error is not None:
        return len(tables.error.rows)
    answered_bins = 0 if tables.answered is None else len(tables.answered.rows)
    return answered_bins + (0 if tables.positive is None else 2 * len(tables.positive.rows))


def rows_of(tables: ExpectedQuality, counts: Counts) -> int:
    """Return the number of counted rows."""
    return int(counts.sum() if tables.answered is None else counts[: len(tables.answered.rows)].sum())


def estimate(tables: ExpectedQuality, counts: Counts, confidence: float) -> dict[str, Estimate]:
    """Return the expected figures by the names of the metrics.

    Args:
        tables: the tables of the model.
        counts: the counts of at least one row, shape (cells,).
        confidence: the confidence of the intervals.
    """
    if tables.error is not None:
        return _errors(tables.error, counts, confidence)
    assert tables.answered is not None
    figures = {"accuracy": _accuracy(tables.answered, counts[: len(tables.answered.rows)], confidence)}
    if tables.positive is not None:
        by_label = counts[len(tables.answered.rows) :].reshape(2, -1)
        figures |= _two_classes(tables.positive, by_label, tables.auc_loss, confidence)
    return figures


def _errors(tree: ErrorTree, counts: Counts, confidence: float) -> dict[str, Estimate]:
    mae = _mean(counts, tree.rows, tree.absolute, tree.absolute_std, confidence)
    mse = _mean(counts, tree.rows, tree.squared, tree.squared_std, confidence)
    return {"mae": mae, "rmse": Estimate(*(math.sqrt(value) for value in (mse.value, mse.low, mse.high)))}


def _mean(
    counts: Counts, rows: tuple[int, ...], means: tuple[float, ...], stds: tuple[float, ...], confidence: float
) -> Estimate:
    """Return the mean over the cells; its variance has the part of the new rows and that of the test part."""
    weights = counts / counts.sum()
    value = float(weights @ np.array(means))
    variances = np.array(stds) ** 2
    variance = weights @ variances / counts.sum() + weights**2 @ (variances / np.array(rows))
    half = score(confidence) * math.sqrt(variance)
    return Estimate(value, max(value - half, 0.0), value + half)


def _accuracy(bins: ProbabilityBins, counts: Counts, confidence: float) -> Estimate:
    def accuracy(hits: Floats) -> Floats:
        return _ratio(hits.sum(axis=-1), float(counts.sum()))

    return _figure(accuracy, _draw(bins, counts), np.array(bins.shares, np.float64) * counts, confidence)


def _two_classes(bins: ProbabilityBins, counts: Counts, auc_loss: float, confidence: float) -> dict[str, Estimate]:
    """Return the figures of two classes.

    Args:
        bins: by the probability of the positive class.
        counts: shape (2, bins): the answered label, and the bin.
        auc_loss: added to the ROC AUC.
        confidence: the confidence of the intervals.
    """
    expected: Floats = np.array(bins.shares, np.float64) * counts
    sample = _draw(bins, counts)

    def precision(positives: Floats) -> Floats:
        return _ratio(positives[..., 1, :].sum(axis=-1), float(counts[1].sum()))

    def recall(positives: Floats) -> Floats:
        return _ratio(positives[..., 1, :].sum(axis=-1), positives.sum(axis=(-1, -2)))

    def f1(positives: Floats) -> Floats:
        return _ratio(2 * positives[..., 1, :].sum(axis=-1), positives.sum(axis=(-1, -2)) + counts[1].sum())

    def roc_auc(positives: Floats) -> Floats:
        hits = positives.sum(axis=-2)
        negatives = counts.sum(axis=0) - hits
        below = np.cumsum(negatives, axis=-1) - negatives / 2
        return np.clip(
            _ratio((hits * below).sum(axis=-1), hits.sum(axis=-1) * negatives.sum(axis=-1)) + auc_loss, 0.0, 1.0
        )

    functions = {"f1": f1, "precision": precision, "recall": recall, "roc_auc": roc_auc}
    figures = {name: _figure(function, sample, expected, confidence) for name, function in functions.items()}
    return {name: figure for name, figure in figures.items() if not math.isnan(figure.value)}


def _draw(bins: ProbabilityBins, counts: Counts) -> Floats:
    """Return possible numbers of hits, shape (DRAWS, …): a share for each bin that the rows of the table allow, and chance in the rows."""
    generator = np.random.default_rng(SEED)
    rows, shares = np.array(bins.rows, np.float64), np.array(bins.shares, np.float64)
    drawn_shares = generator.beta(rows * shares + 0.5, rows * (1 - shares) + 0.5, (DRAWS, len(rows)))
    if counts.ndim == 2:
        drawn_shares = drawn_shares[:, None, :]
    return generator.binomial(counts, drawn_shares).astype(np.float64)


def _figure(function: Callable[[Floats], Floats], sample: Floats, expected: Floats, confidence: float) -> Estimate:
    value = float(function(expected))
    values = function(sample)
    values = values[~np.isnan(values)]
    if not len(values):
        return Estimate(value, value, value)
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, min(float(low), value), max(float(high), value))


def _ratio(numerator: Floats, denominator: Floats | float) -> Floats:
    result: Floats = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=result, where=np.asarray(denominator) > 0)
    return result
