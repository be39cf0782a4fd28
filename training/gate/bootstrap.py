"""The paired bootstrap: whether one model beats another beyond the chance of which rows are tested (B. Efron, 1979).

Both models answer the same draws of the same rows (``training.metrics.bootstrap``), so that rows that are hard for both
cancel out, and the difference of their figures is taken draw by draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.config import Metric, ModelConfig
from training.metrics import bootstrap_values, measure


@dataclass(frozen=True)
class Difference:
    """How one model's figure differs from another's on the same rows."""

    first: float
    """The first model's figure."""
    second: float
    """The second model's."""
    low: float
    """The lower end of the percentile interval of first minus second; NaN where no draw defines it."""
    high: float
    """The upper end."""
    above: float
    """The share of draws in which the first figure is higher; ties count half."""


def paired_difference(
    config: ModelConfig,
    metric: Metric,
    truth: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    resamples: int,
    confidence: float,
) -> Difference:
    """Compare two models' answers to the same rows.

    Args:
        config: the model's config; its seed draws.
        metric: what is compared.
        truth: numbers, or indices of classes, shape (N,).
        first: one model's answers, shape (N,), or (N, 1 + C) with the label's index and the probabilities.
        second: the other's.
        resamples: how many draws.
        confidence: the share of draws inside the interval.

    Returns:
        The figures with the percentile interval of their difference. Draws in which the metric is undefined (a class
        that did not come up) are left out.

    Raises:
        ValueError: the shapes differ, there is no row, or these answers do not have the metric.
    """
    if first.shape != second.shape:
        raise ValueError(f"expected answers of the same shape, got {first.shape} and {second.shape}")
    figures = [measure(config, truth, answers) for answers in (first, second)]
    if metric not in figures[0]:
        raise ValueError(f"the metric {metric!r} is not defined for these answers; there are {sorted(figures[0])}")
    drawn = [bootstrap_values(config, truth, answers, resamples)[metric] for answers in (first, second)]
    gaps = drawn[0] - drawn[1]
    gaps = gaps[~np.isnan(gaps)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(gaps, (tail, 1 - tail)) if gaps.size else (np.nan, np.nan)
    return Difference(
        first=figures[0][metric],
        second=figures[1][metric],
        low=float(low),
        high=float(high),
        above=float(np.mean((gaps > 0) + 0.5 * (gaps == 0))) if gaps.size else float("nan"),
    )
