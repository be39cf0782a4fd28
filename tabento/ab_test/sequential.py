"""Tests of one rate or mean that may be looked at at any time.

Each test returns the logarithm of an e-process: a statistic E whose expectation is at most 1 under the null hypothesis at every
stopping time. By Ville's inequality (J. Ville, Étude critique de la notion de collectif, 1939), E ever reaches 1/α with a
probability of at most α. So a limit may be checked each second, and the first E above 1/α decides.

E is the likelihood of the data under a mixture of alternatives (H. Robbins, Statistical methods related to the law of the iterated
logarithm, 1970) divided by the largest likelihood under the null hypothesis, which is an e-process for a composite null
hypothesis (L. Wasserman, A. Ramdas, S. Balakrishnan, Universal inference, PNAS 2020).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabento.ab_test.gamma import Floats, log_beta
from tabento.ab_test.latency import LATENCY_BOUNDS_S

PRIOR = 0.5
"""Both parameters of the beta mixture: the prior of Jeffreys, with as much weight near 0 as a rare event needs."""
SMALLEST_ARGUMENT = -30.0
"""Below it, the normal distribution function is about to underflow."""
LOG_BETA_PRIOR = math.log(math.pi)
"""ln B(½, ½)."""


def rate_above(events: ArrayLike, count: ArrayLike, limit: float) -> Floats:
    """Return ln E against the hypothesis that the rate of an event is at most a limit.

    Args:
        events: the number of events, of any shape.
        count: the number of trials, of the same shape or a scalar.
        limit: the limit in [0, 1].
    """
    k, n = np.asarray(events, np.float64), np.asarray(count, np.float64)
    mixture = log_beta(PRIOR + k, PRIOR + n - k) - LOG_BETA_PRIOR
    largest = np.minimum(k / np.maximum(n, 1.0), limit)
    return np.asarray(mixture - log_likelihood(k, n, largest), np.float64)


def rate_below(events: ArrayLike, count: ArrayLike, limit: float) -> Floats:
    """Return ln E against the hypothesis that the rate of an event is at least a limit; see ``rate_above``."""
    k, n = np.asarray(events, np.float64), np.asarray(count, np.float64)
    return rate_above(n - k, n, 1.0 - limit)


def log_likelihood(events: Floats, count: Floats, rate: Floats) -> Floats:
    """Return ln(p^k (1 - p)^(n - k)), with 0 ln 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = np.where(events > 0, events * np.log(rate), 0.0)
        misses = np.where(count - events > 0, (count - events) * np.log1p(-rate), 0.0)
    return np.asarray(hits + misses, np.float64)


def exceedances_at(counts: Sequence[int], limit_s: float) -> tuple[int, int]:
    """Return the smallest and the largest possible number of latencies above a limit in seconds, as the bins allow."""
    bounds = np.asarray(LATENCY_BOUNDS_S)
    above = _exceedances(counts)
    upper = int(np.searchsorted(bounds, limit_s, side="left"))
    lower = upper if upper < len(bounds) and bounds[upper] == limit_s else upper - 1
    n_at_least = int(above[upper]) if upper < len(bounds) else 0
    n_at_most = int(above[lower]) if lower >= 0 else sum(counts)
    return n_at_least, n_at_most


def mean_above(first: MeanSums, second: MeanSums, ratio: float, expected_rise: float) -> float:
    """Return ln E against the hypothesis that the second mean is at most a multiple of the first.

    The mixture sequential probability ratio test (R. Johari, P. Koomen, L. Pekelis, D. Walsh, Always valid inference, Operations
    Research 2022, first 2015) of the difference d = mean2 - c mean1, which is about normal with a known variance v, against
    d ≤ 0. The mixture over alternatives is half-normal with scale r (S. R. Howard and others, Time-uniform, nonparametric,
    nonasymptotic confidence sequences, Annals of Statistics 2021, one-sided normal mixture):
    E = 2 (v / (v + r²))^½ exp(d² r² / (2 v (v + r²))) Φ(d r / (v (v + r²))^½).
    With estimated variances it holds for large samples (I. Waudby-Smith and others, Time-uniform central limit theory and
    asymptotic confidence sequences, Annals of Statistics 2024).

    Args:
        first: the number, mean and variance of the first sample.
        second: those of the second sample.
        ratio: the multiple c.
        expected_rise: the scale r of the mixture: a difference of means that matters.
    """
    variance = second.variance / second.count + ratio * ratio * first.variance / first.count
    difference = second.mean - ratio * first.mean
    if variance <= 0.0:
        return math.inf if difference > 0 else -math.inf
    total = variance + expected_rise * expected_rise
    argument = difference * expected_rise / math.sqrt(variance * total)
    scale = 0.5 * math.log(variance / total)
    if argument < SMALLEST_ARGUMENT:
        # Φ underflows there; Mills' ratio: 2 Φ(z) exp(z² / 2) is about (2 / π)^½ / |z|.
        return scale + 0.5 * math.log(2.0 / math.pi) - math.log(-argument)
    return scale + math.log(math.erfc(-argument / math.sqrt(2.0))) + 0.5 * argument * argument


@dataclass(frozen=True, slots=True)
class MeanSums:
    """The number, the mean and the variance of a sample."""

    count: int
    mean: float
    variance: float


def _exceedances(counts: Sequence[int]) -> Floats:
    """Return for each bound the number of latencies above it, shape (``LATENCY_BINS`` - 1,)."""
    values = np.asarray(counts, np.float64)
    return np.asarray(values.sum() - np.cumsum(values)[:-1], np.float64)
