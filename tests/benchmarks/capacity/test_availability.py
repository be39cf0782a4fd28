"""The availability of replicas agrees with enumerated states and with a simulated year of failures and repairs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from benchmarks.capacity.availability import (
    Losses,
    enough_replicas_share,
    monthly_budget_s,
    replicas_for_availability,
    replicas_for_zone_loss,
)
from benchmarks.capacity.demand import DemandError


def test_all_states_of_a_few_replicas() -> None:
    """The share of time with enough replicas is the sum over all states that have enough."""
    for replicas, required in ((1, 1), (3, 2), (5, 3), (4, 0), (2, 3)):
        states = itertools.product((0.9, 0.1), repeat=replicas)
        total = sum(math.prod(state) for state in states if state.count(0.9) >= required)
        assert enough_replicas_share(replicas, required, 0.9) == pytest.approx(total)


def test_simulated_failures_and_repairs() -> None:
    """The share agrees with a simulation of independent exponential failures and repairs."""
    losses = Losses(between_s=1_000.0, repair_s=100.0)
    random = np.random.default_rng(7)
    horizon_s, events = 3_000_000.0, []
    for _ in range(3):
        phases = np.stack([random.exponential(1_000.0, 4_000), random.exponential(100.0, 4_000)], axis=1).ravel()
        times = np.cumsum(phases)
        events += [(time, -1 if index % 2 == 0 else 1) for index, time in enumerate(times) if time < horizon_s]
    ready, previous, enough_s = 3, 0.0, 0.0
    for time, change in sorted(events):
        enough_s += (time - previous) * (ready >= 2)
        ready, previous = ready + change, time
    enough_s += (horizon_s - previous) * (ready >= 2)
    assert enough_s / horizon_s == pytest.approx(enough_replicas_share(3, 2, losses.replica_availability), abs=0.003)


def test_the_smallest_number_that_is_available() -> None:
    """One replica fewer misses the target."""
    for required, target in ((1, 0.999), (4, 0.9999), (50, 0.999)):
        replicas = replicas_for_availability(required, target, 0.99)
        assert enough_replicas_share(replicas, required, 0.99) >= target
        assert enough_replicas_share(replicas - 1, required, 0.99) < target


def test_a_target_out_of_reach() -> None:
    """Replicas that are never ready reach no target; the message has both shares."""
    with pytest.raises(DemandError, match=r"availability of 99\.9% if each is ready for 0%"):
        replicas_for_availability(99_990, 0.999, 0.0)


def test_a_zone_can_be_lost() -> None:
    """After the loss of the fullest zone the required number remains, and with one replica fewer it does not."""
    for required, zones in ((1, 2), (2, 3), (7, 3), (10, 2)):
        replicas = replicas_for_zone_loss(required, zones)
        remaining = [count - math.ceil(count / zones) for count in (replicas, replicas - 1)]
        assert remaining[0] >= required > remaining[1]
    with pytest.raises(DemandError, match="at least 2 zones"):
        replicas_for_zone_loss(1, 1)


def test_requests_fail_at_a_lost_replica_until_it_is_detected() -> None:
    """The share does not depend on the number of replicas, and a proxy that retries hides it."""
    assert Losses(between_s=1_000.0, detection_s=10.0).failed_share == pytest.approx(0.01)
    assert Losses(between_s=1_000.0, detection_s=10.0, is_retried=True).failed_share == 0
    with pytest.raises(DemandError, match="time between losses above 0"):
        Losses(between_s=0.0)


def test_the_budget_of_a_month() -> None:
    """99.9% leaves 43.8 minutes of an average month."""
    assert monthly_budget_s(0.999) == pytest.approx(43.83 * 60, rel=1e-3)


def test_counts_are_checked() -> None:
    """A negative count or a share above 1 is refused."""
    with pytest.raises(DemandError, match="counts of at least 0"):
        enough_replicas_share(-1, 1, 0.9)
    with pytest.raises(DemandError, match="counts of at least 0"):
        enough_replicas_share(1, 1, 1.5)
