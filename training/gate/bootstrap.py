"""The paired bootstrap: whether one model is better than another by more than the chance of the sampled rows (B. Efron, 1979).

Both models answer the same resamples of the same rows (``training.model.metrics.bootstrap``), so rows that are difficult for
both models cancel out. The difference of the two metrics is computed for each resample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.config import Metric, ModelConfig
from training.model.metrics import bootstrap_values, measure


@dataclass(frozen=True)
class Difference:
    """The difference of two models' metrics on the same rows."""

    first: float
    """The first model's metric."""
    second: float
    """The second model's metric."""
    low: float
    """The lower end of the percentile interval of first minus second; NaN if no resample defines it."""
    high: float
    """The upper end."""
    above: float
    """The share of resamples in which the first metric is higher. A tie counts as one half."""


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
        config: the model's config, with the seed of the resamples.
        metric: the metric that is compared.
        truth: numbers, or indices of classes, shape (N,).
        first: one model's answers, shape (N,), or (N, 1 + C) with the label's index and the probabilities.
        second: the other model's answers.
        resamples: the number of resamples.
        confidence: the share of resamples inside the interval.

    Returns:
        The metrics with the percentile interval of their difference. Resamples in which the metric is undefined, because
        a class is missing, are excluded.

    Raises:
        ValueError: the shapes differ, there is no row, or these answers do not have the metric.
    """
    if first.shape != second.shape:
        raise ValueError(f"expected answers of the same shape, got {first.shape} and {second.shape}")
    figures = [measure(config, truth, answers) for answers in (first, second)]
    if metric not in figures[0]:
        raise ValueError(f"the metric {metric!r} is not defined for these answers; there are {sorted(figures[0])}")
    samples = [bootstrap_values(config, truth, answers, resamples)[metric] for answers in (first, second)]
    gaps = samples[0] - samples[1]
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
