"""A figure with its interval, and the intervals of means and shares."""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HIGHER_IS_BETTER = frozenset(
    (
        "r2",
        "within_5",
        "within_10",
        "within_15",
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "f1_macro",
    )
) | {"roc_auc"}
"""The metrics for which higher is better; for all others lower is better."""
NEUTRAL = frozenset(("mean_error", "zero_targets"))
"""The figures that are neither better nor worse."""
VERDICT_CONFIDENCE = 0.999
"""The confidence of ``worse`` and ``better``. It is high because the figures are looked at again and again."""


class Figure(msgspec.Struct):
    """A metric on a number of rows."""

    value: float
    low: float | None = None
    """The ends of the interval; None if the rows are too few for one."""
    high: float | None = None
    test: float | None = None
    """The figure of the test part."""
    verdict: str | None = None
    """``worse`` or ``better`` than the test part beyond chance, else ``same``; None if they cannot be compared."""


def score(confidence: float) -> float:
    """Return the number of standard errors on each side of an interval: 1.96 for a confidence of 0.95."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def mean(values: Floats) -> float:
    """Return the mean of exactly added values, rounded once: it does not depend on their order."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.inf


def mean_figure(values: Floats, confidence: float, scale: float = 1.0) -> Figure:
    """Return a mean with the interval of the central limit theorem.

    Args:
        values: shape (N,), N > 0.
        confidence: the confidence of the interval.
        scale: the factor of the figure; 100 for percent.
    """
    value = mean(values)
    if len(values) < 2:
        return Figure(scale * value)
    half = score(confidence) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Figure(scale * value, scale * (value - half), scale * (value + half))


def share_figure(hits: int, count: int, confidence: float, scale: float = 1.0) -> Figure:
    """Return a share with its score interval (E. B. Wilson, Probable inference, 1927).

    Args:
        hits: the number of rows that count.
        count: the number of all rows, above 0.
        confidence: the confidence of the interval.
        scale: the factor of the figure; 100 for percent.
    """
    share, z = hits / count, score(confidence)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return Figure(scale * share, scale * max(centre - half, 0.0), scale * min(centre + half, 1.0))


def finite_figures(figures: dict[str, Figure]) -> dict[str, Figure]:
    """Return the figures that are numbers; percentages of tiny true values can be beyond float64, and are omitted."""
    result = {}
    for name, figure in figures.items():
        if math.isfinite(figure.value):
            ends = (figure.low, figure.high)
            has_ends = all(end is not None and math.isfinite(end) for end in ends)
            result[name] = figure if has_ends else Figure(figure.value)
    return result


def compare(name: str, figure: Figure, confidence: float, rows: int, test: float | None, test_rows: float) -> None:
    """Set the figure of the test part and the verdict.

    The test part is a sample as well: its standard error is estimated from the live one by the numbers of rows.

    Args:
        name: the metric.
        figure: the live figure, which is changed.
        confidence: the confidence of its interval.
        rows: the number of live rows.
        test: the figure of the test part; None if it is not known.
        test_rows: the number of rows of the test part; infinity if it is not known.
    """
    figure.test = test
    if test is None or figure.low is None or figure.high is None or name in NEUTRAL:
        return
    error = (figure.high - figure.low) / 2 / score(confidence)
    limit = score(VERDICT_CONFIDENCE) * error * math.sqrt(1 + rows / test_rows)
    difference = figure.value - test if name in HIGHER_IS_BETTER else test - figure.value
    figure.verdict = "worse" if difference < -limit else "better" if difference > limit else "same"
