"""Live metrics of a regression. Their definitions are those of ``training.model.metrics.regression_metrics``."""

from __future__ import annotations

import math

import numpy as np

from monitoring.quality.figures import Figure, Floats, mean, mean_figure, score, share_figure

WITHIN_PERCENT = (5, 10, 15)


def regression_figures(actual: Floats, predicted: Floats, confidence: float) -> dict[str, Figure]:
    """Return the metrics of predictions, with e = actual - predicted, both of shape (N,), N > 0.

    All sums are exact (``math.fsum``), so a figure does not depend on the order of the rows. Intervals: of ``mae``,
    ``mean_error`` and ``mape`` by the central limit theorem; of ``rmse`` and ``r2`` by the delta method from the variance of
    e² (A. W. van der Vaart, Asymptotic Statistics, 1998, chapter 3); of shares by Wilson's score.
    """
    error = actual - predicted
    size, square = np.abs(error), error * error
    figures = {
        "mae": mean_figure(size, confidence),
        "rmse": _root(mean_figure(square, confidence)),
        "mean_error": mean_figure(predicted - actual, confidence),
    }
    r2 = _r2(square, actual, confidence)
    if r2 is not None:
        figures["r2"] = r2
    rated = actual != 0
    count = int(rated.sum())
    if count:
        share = size[rated] / np.abs(actual[rated])
        figures["mape"] = mean_figure(share, confidence, scale=100.0)
        for bound in WITHIN_PERCENT:
            hits = int((100 * share <= bound).sum())
            figures[f"within_{bound}"] = share_figure(hits, count, confidence, scale=100.0)
    figures["zero_targets"] = Figure(float(len(actual) - count))
    return figures


def _root(figure: Figure) -> Figure:
    """Return the square root of a figure and of the ends of its interval."""
    low = None if figure.low is None else math.sqrt(max(figure.low, 0.0))
    high = None if figure.high is None else math.sqrt(figure.high)
    return Figure(math.sqrt(figure.value), low, high)


def _r2(square: Floats, actual: Floats, confidence: float) -> Figure | None:
    """Return the coefficient of determination; None if all actual values are equal."""
    centred = (actual - mean(actual)) ** 2
    spread = mean(centred)
    if spread == 0:
        return None
    ratio = mean(square) / spread
    influence = (square - ratio * centred) / spread
    half = score(confidence) * float(influence.std(ddof=1)) / math.sqrt(len(actual))
    return Figure(1 - ratio, 1 - ratio - half, 1 - ratio + half)
