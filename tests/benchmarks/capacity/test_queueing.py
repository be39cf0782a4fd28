"""The closed forms agree with simulated queues and with published values."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.capacity.demand import DemandError
from benchmarks.capacity.queueing import erlang_c, md1_late_share, md1_rate, mm1_rate, mmc_late_share

REQUESTS = 200_000


def simulated_waits(servers: int, rate_per_s: float, services_s: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the waiting time of each request in a queue with Poisson arrivals, first come first served."""
    arrivals = np.cumsum(np.random.default_rng(seed).exponential(1 / rate_per_s, len(services_s)))
    free_at = [0.0] * servers
    waits = np.empty(len(services_s))
    for index, (arrival, service) in enumerate(zip(arrivals.tolist(), services_s.tolist(), strict=True)):
        start = max(arrival, free_at[0])
        waits[index] = start - arrival
        heapq.heapreplace(free_at, start + service)
    return waits


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_equal_services(load: float) -> None:
    """The tail of M/D/1 agrees with a simulated queue at the p90 and the p99 of the waits."""
    changes = 1.0 - np.random.default_rng(3).exponential(1 / load, 8 * REQUESTS)
    sums = np.concatenate([[0.0], np.cumsum(changes)])
    waits = sums - np.minimum.accumulate(sums)  # Lindley's recursion
    for share in (0.1, 0.01):
        wait_s = float(np.quantile(waits, 1 - share))
        assert md1_late_share(load, 1.0, wait_s) == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.8), (4, 0.8)])
def test_exponential_services(servers: int, load: float) -> None:
    """The tail of M/M/c agrees with a simulated queue."""
    services = np.random.default_rng(5).exponential(1.0, REQUESTS)
    waits = simulated_waits(servers, servers * load, services, seed=4)
    for wait_s in (0.0, 1.0, 3.0):
        simulated = float(np.mean(waits > wait_s))
        assert mmc_late_share(servers, servers * load, 1.0, wait_s) == pytest.approx(simulated, rel=0.1)


def test_a_published_value() -> None:
    """Erlang's C formula for 10 servers and 7 erlangs is 0.2217 in the tables of telephone traffic."""
    assert erlang_c(10, 7.0) == pytest.approx(0.2217, abs=1e-4)
    assert erlang_c(1, 0.8) == pytest.approx(0.8), "one server is busy for the share of the load"


def test_the_rate_at_a_limit() -> None:
    """At the returned rate the late share is the allowed one, and equal services allow a higher rate than varying ones."""
    rate = md1_rate(0.001, 0.01, 0.01)
    assert md1_late_share(rate, 0.001, 0.009) == pytest.approx(0.01, rel=1e-6)
    other_rate = mm1_rate(0.001, 0.01, 0.01)
    assert np.exp(-(1_000 - other_rate) * 0.01) == pytest.approx(0.01)
    assert 0 < other_rate < rate < 1_000


def test_a_limit_below_the_service_time() -> None:
    """No rate keeps a limit that is shorter than the service."""
    assert md1_rate(0.02, 0.01, 0.01) == 0
    assert mm1_rate(0.02, 0.01, 0.01) == 0


def test_an_overloaded_queue_has_no_answer() -> None:
    """A load of 1 or more has no steady state."""
    with pytest.raises(DemandError, match="load between 0 and 1"):
        md1_late_share(2.0, 1.0, 1.0)
    with pytest.raises(DemandError, match="below the number of servers"):
        erlang_c(2, 2.0)
