"""Arrival times of requests, generated from a seed before the run, so that no server can slow them down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_ARRIVALS = 30_000_000
"""More arrivals than this in one run are refused: their records would not fit into the memory of a small machine."""


@dataclass(frozen=True)
class Schedule:
    """A schedule."""

    times_ns: NDArray[np.int64]
    """Nanoseconds from the start, ascending, shape (N,), N at least 1."""
    seconds: float
    """The length of the schedule; the last arrival is before its end."""

    @property
    def rate_per_s(self) -> float:
        """The scheduled rate: arrivals over the schedule's length."""
        return len(self.times_ns) / self.seconds


def poisson(rate_per_s: float, seconds: float, seed: int) -> Schedule:
    """Return a Poisson process: independent arrivals at a constant mean rate.

    Given their number, which is Poisson distributed, the times are independent and uniform; sorted, that is the process.

    Raises:
        ValueError: rate or seconds are not above zero, or the expected number of arrivals is above the maximum.
    """
    return _piecewise(np.array([rate_per_s]), np.array([0.0, seconds]), seed)


def mmpp(
    rate_per_s: float,
    seconds: float,
    seed: int,
    *,
    burst_factor: float = 3.0,
    burst_share: float = 0.1,
    burst_mean_s: float = 0.2,
) -> Schedule:
    """Return a Markov-modulated Poisson process with two states, calm and burst.

    The states last exponentially distributed times: a burst ``burst_mean_s`` on average, the calm between two bursts
    ``burst_mean_s * (1 - burst_share) / burst_share`` (by default 0.2 s and 1.8 s). In a burst arrivals come at
    ``burst_factor`` times the mean rate; the calm rate is such that the mean over a long time is ``rate_per_s``.
    The first state is sampled by its share of time. See W. Fischer and K. Meier-Hellstern, The Markov-modulated
    Poisson process (MMPP) cookbook, Performance Evaluation 18 (1993) 149-171.

    Raises:
        ValueError: a parameter is out of range; ``burst_factor * burst_share`` must be below 1, else the calm state has no rate.
    """
    _check(rate_per_s, seconds)
    if not (burst_factor >= 1 and 0 < burst_share < 1 and burst_factor * burst_share < 1 and burst_mean_s > 0):
        raise ValueError(
            "expected burst_factor of at least 1, burst_share between 0 and 1, their product below 1, and burst_mean_s"
            f" above 0, got {burst_factor}, {burst_share} and {burst_mean_s}"
        )
    random = np.random.default_rng([seed, 1])
    calm_rate = rate_per_s * (1 - burst_factor * burst_share) / (1 - burst_share)
    calm_mean_s = burst_mean_s * (1 - burst_share) / burst_share
    rates, edges = [], [0.0]
    burst = bool(random.random() < burst_share)
    while edges[-1] < seconds:
        edges.append(min(seconds, edges[-1] + random.exponential(burst_mean_s if burst else calm_mean_s)))
        rates.append(burst_factor * rate_per_s if burst else calm_rate)
        burst = not burst
    return _piecewise(np.array(rates), np.array(edges), seed)


def trace(counts: Sequence[int], interval_s: float, seed: int) -> Schedule:
    """Return the arrivals of a recorded trace: the recorded number of requests in each interval, at independent times within it.

    Args:
        counts: requests per interval, as access logs and traces give them.
        interval_s: the length of an interval.
        seed: draws the times within intervals.

    Raises:
        ValueError: all counts are zero, a count is below zero, or the interval is not above zero.
    """
    numbers = np.asarray(counts, dtype=np.int64)
    if numbers.ndim != 1 or numbers.sum() < 1 or numbers.min() < 0 or not interval_s > 0:
        raise ValueError(
            f"expected counts of at least 0 with a sum of at least 1, and an interval above 0 s, got {counts!r} and {interval_s}"
        )
    starts = np.repeat(np.arange(len(numbers)) * interval_s, numbers)
    return _schedule(starts + np.random.default_rng(seed).random(len(starts)) * interval_s, len(numbers) * interval_s)


def _check(rate_per_s: float, seconds: float) -> None:
    if not (rate_per_s > 0 and seconds > 0 and rate_per_s * seconds <= MAX_ARRIVALS):
        raise ValueError(
            f"expected a rate and a time above 0 and at most {MAX_ARRIVALS:,} arrivals, got {rate_per_s:g}/s for {seconds:g} s"
        )


def _piecewise(rates_per_s: NDArray[np.float64], edges_s: NDArray[np.float64], seed: int) -> Schedule:
    """Return a Poisson process whose rate is constant between edges."""
    lengths = np.diff(edges_s)
    seconds = float(edges_s[-1])
    _check(float(rates_per_s @ lengths) / seconds if seconds > 0 else 0.0, seconds)
    random = np.random.default_rng(seed)
    counts = random.poisson(rates_per_s * lengths)
    if not counts.sum():  # a schedule has at least one arrival, however short it is
        counts[int(np.argmax(rates_per_s * lengths))] = 1
    times = np.repeat(edges_s[:-1], counts) + random.random(int(counts.sum())) * np.repeat(lengths, counts)
    return _schedule(times, seconds)


def _schedule(times_s: NDArray[np.float64], seconds: float) -> Schedule:
    return Schedule(np.sort((times_s * 1e9).astype(np.int64)), seconds)
