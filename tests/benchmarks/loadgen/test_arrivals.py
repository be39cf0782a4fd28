"""Schedules come from seeds and have the statistics that they promise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.loadgen.arrivals import MOST, Arrivals, mmpp, poisson, trace


def dispersion(arrivals: Arrivals, bin_s: float) -> float:
    """Return the variance of counts per bin over their mean: 1 for a Poisson process, more for bursts."""
    counts = np.bincount((arrivals.times_ns / 1e9 / bin_s).astype(int), minlength=round(arrivals.seconds / bin_s))
    return float(counts.var() / counts.mean())


@pytest.mark.parametrize("draw", [poisson, mmpp])
def test_same_seed_same_schedule(draw: Callable[[float, float, int], Arrivals]) -> None:
    """A seed gives one schedule, another seed another; times ascend within the schedule's length."""
    first, again, other = draw(1000, 2.0, 5), draw(1000, 2.0, 5), draw(1000, 2.0, 6)
    assert (first.times_ns == again.times_ns).all()
    assert len(other.times_ns) != len(first.times_ns) or (other.times_ns != first.times_ns).any()
    assert (np.diff(first.times_ns) >= 0).all()
    assert first.times_ns[0] >= 0
    assert first.times_ns[-1] < 2_000_000_000


def test_poisson_arrivals_are_independent() -> None:
    """Gaps are exponential at the rate, and counts vary as much as their mean."""
    arrivals = poisson(5000, 20.0, 1)
    gaps = np.diff(arrivals.times_ns) / 1e9
    assert arrivals.rate_per_s == pytest.approx(5000, rel=0.02)
    assert gaps.mean() == pytest.approx(1 / 5000, rel=0.02)
    assert gaps.std() == pytest.approx(1 / 5000, rel=0.03)
    assert dispersion(arrivals, 0.1) == pytest.approx(1, abs=0.3)


def test_bursts_keep_the_mean_rate() -> None:
    """An MMPP has the rate that was asked for over a long time, and counts vary far more than a Poisson process's."""
    arrivals = mmpp(500, 1000.0, 1)
    assert arrivals.rate_per_s == pytest.approx(500, rel=0.03)
    assert dispersion(arrivals, 0.1) > 5


def test_a_trace_is_followed_interval_by_interval() -> None:
    """Each interval has exactly its requests, none where there were none."""
    arrivals = trace([3, 0, 5], 0.5, 1)
    assert np.bincount(arrivals.times_ns // 500_000_000).tolist() == [3, 0, 5]
    assert (arrivals.seconds, arrivals.rate_per_s) == (1.5, 8 / 1.5)
    assert (arrivals.times_ns == trace([3, 0, 5], 0.5, 1).times_ns).all()


def test_no_schedule_is_empty() -> None:
    """However low the rate, one request comes: a run of nothing says nothing."""
    assert len(poisson(0.001, 0.1, 1).times_ns) == 1


def test_impossible_schedules_are_refused() -> None:
    """Each figure that cannot be is named with what is expected."""
    for rate, seconds in ((0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (MOST, 2.0)):
        with pytest.raises(ValueError, match="expected a rate and a time above 0 and at most 30,000,000 arrivals"):
            poisson(rate, seconds, 1)
        with pytest.raises(ValueError, match="expected a rate and a time above 0"):
            mmpp(rate, seconds, 1)
    with pytest.raises(ValueError, match="their product below 1"):
        mmpp(10, 1.0, 1, burst_factor=10, burst_share=0.1)
    for counts, interval_s in (([], 1.0), ([0, 0], 1.0), ([2, -1], 1.0), ([1], 0.0)):
        with pytest.raises(ValueError, match="expected counts of at least 0"):
            trace(counts, interval_s, 1)
