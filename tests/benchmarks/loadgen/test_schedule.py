"""Schedules are generated from seeds and have the documented statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.loadgen.schedule import MAX_ARRIVALS, Schedule, mmpp, poisson, trace


def dispersion(schedule: Schedule, bin_s: float) -> float:
    """Return the variance of counts per bin over their mean: 1 for a Poisson process, more for bursts."""
    counts = np.bincount((schedule.times_ns / 1e9 / bin_s).astype(int), minlength=round(schedule.seconds / bin_s))
    return float(counts.var() / counts.mean())


@pytest.mark.parametrize("draw", [poisson, mmpp])
def test_same_seed_same_schedule(draw: Callable[[float, float, int], Schedule]) -> None:
    """A seed gives one schedule, another seed another; times ascend within the schedule's length."""
    first, repeated, other_seed = draw(1000, 2.0, 5), draw(1000, 2.0, 5), draw(1000, 2.0, 6)
    assert (first.times_ns == repeated.times_ns).all()
    assert len(other_seed.times_ns) != len(first.times_ns) or (other_seed.times_ns != first.times_ns).any()
    assert (np.diff(first.times_ns) >= 0).all()
    assert first.times_ns[0] >= 0
    assert first.times_ns[-1] < 2_000_000_000


def test_poisson_arrivals_are_independent() -> None:
    """Gaps are exponential at the rate, and counts vary as much as their mean."""
    schedule = poisson(5000, 20.0, 1)
    gaps = np.diff(schedule.times_ns) / 1e9
    assert schedule.rate_per_s == pytest.approx(5000, rel=0.02)
    assert gaps.mean() == pytest.approx(1 / 5000, rel=0.02)
    assert gaps.std() == pytest.approx(1 / 5000, rel=0.03)
    assert dispersion(schedule, 0.1) == pytest.approx(1, abs=0.3)


def test_bursts_keep_the_mean_rate() -> None:
    """An MMPP has the requested rate over a long time, and counts vary far more than a Poisson process's."""
    schedule = mmpp(500, 1000.0, 1)
    assert schedule.rate_per_s == pytest.approx(500, rel=0.03)
    assert dispersion(schedule, 0.1) > 5


def test_a_trace_is_followed_interval_by_interval() -> None:
    """Each interval has exactly its number of requests, also if that number is zero."""
    schedule = trace([3, 0, 5], 0.5, 1)
    assert np.bincount(schedule.times_ns // 500_000_000).tolist() == [3, 0, 5]
    assert (schedule.seconds, schedule.rate_per_s) == (1.5, 8 / 1.5)
    assert (schedule.times_ns == trace([3, 0, 5], 0.5, 1).times_ns).all()


def test_no_schedule_is_empty() -> None:
    """A schedule contains at least one request, even at a very low rate."""
    assert len(poisson(0.001, 0.1, 1).times_ns) == 1


def test_impossible_schedules_are_refused() -> None:
    """An impossible parameter is an error that names the expected values."""
    for rate, seconds in ((0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (MAX_ARRIVALS, 2.0)):
        with pytest.raises(ValueError, match="expected a rate and a time above 0 and at most 30,000,000 arrivals"):
            poisson(rate, seconds, 1)
        with pytest.raises(ValueError, match="expected a rate and a time above 0"):
            mmpp(rate, seconds, 1)
    with pytest.raises(ValueError, match="their product below 1"):
        mmpp(10, 1.0, 1, burst_factor=10, burst_share=0.1)
    for counts, interval_s in (([], 1.0), ([0, 0], 1.0), ([2, -1], 1.0), ([1], 0.0)):
        with pytest.raises(ValueError, match="expected counts of at least 0"):
            trace(counts, interval_s, 1)
