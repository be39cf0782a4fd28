"""Waiting times of queues in closed form: bounds for the rate that one core holds, by the processor time of a request.

A core that serves equally expensive requests of many independent clients is the queue M/D/1. If the cost of requests varies
as much as an exponential time, it is M/M/1, the pessimistic bound. A pool of c cores behind one common queue is M/M/c.
Sources: L. Kleinrock, Queueing Systems I (1975), sections 3.2 and 3.5, for M/M/1 and M/M/c; for M/D/1 the exponential tail of
Cramer and Lundberg, S. Asmussen, Applied Probability and Queues (2003), theorem XIII.5.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq

from benchmarks.capacity.demand import DemandError

_TOLERANCE = 1e-12
_LOAD_MOST = 1 - 1e-9


def erlang_c(servers: int, offered: float) -> float:
    """Return the probability that a request waits in M/M/c.

    Computed by the recursion of Erlang's loss formula, which is stable for many servers.

    Args:
        servers: the number of servers, c.
        offered: arrival rate over the rate of one server, in erlangs; below ``servers``.

    Raises:
        DemandError: the queue has no steady state.
    """
    if not (servers >= 1 and 0 <= offered < servers):
        raise DemandError(
            f"expected at least 1 server and an offered load from 0 to below the number of servers, got {servers} and {offered:g}"
        )
    loss = 1.0
    for server in range(1, servers + 1):
        loss = offered * loss / (server + offered * loss)
    load = offered / servers
    return loss / (1 - load + load * loss)


def mmc_late_share(servers: int, rate_per_s: float, service_s: float, wait_s: float) -> float:
    """Return the share of requests that wait for more than ``wait_s`` in M/M/c."""
    offered = rate_per_s * service_s
    return erlang_c(servers, offered) * math.exp(-(servers - offered) * wait_s / service_s)


def md1_late_share(rate_per_s: float, service_s: float, wait_s: float) -> float:
    """Return the share of requests that wait for more than ``wait_s`` in M/D/1.

    The exponential tail C exp(-θ t), with θ > 0 the root of λ (exp(θ D) - 1) = θ. It is exact for long waits; a test compares it with
    a simulated queue at the p90 and the p99. Never more than the load, the share that waits at all.

    Raises:
        DemandError: the queue has no steady state.
    """
    load = rate_per_s * service_s
    if not 0 < load < 1:
        raise DemandError(f"expected a load between 0 and 1, got {rate_per_s:g}/s x {service_s:g} s = {load:g}")
    # In units of the service time: load * (exp(x) - 1) = x. The root is between the minimum of the difference and a bound.
    low = -math.log(load)
    high = 2 * low + 2
    while load * math.expm1(high) < high:
        high *= 2
    root = float(brentq(lambda x: load * math.expm1(x) - x, low, high, xtol=_TOLERANCE))
    factor = (1 - load) / (load * math.exp(root) - 1)
    return min(load, factor * math.exp(-root * wait_s / service_s))


def md1_rate(service_s: float, latency_s: float, late_share: float) -> float:
    """Return the highest rate per second at which M/D/1 answers all but ``late_share`` of the requests within ``latency_s``.

    The latency is waiting time and service time. 0 if the service time alone is longer.
    """
    wait_s = latency_s - service_s
    if wait_s <= 0:
        return 0.0
    return _highest_rate(lambda rate: md1_late_share(rate, service_s, wait_s), service_s, late_share)


def mm1_rate(service_s: float, latency_s: float, late_share: float) -> float:
    """Return the highest rate per second at which M/M/1 answers all but ``late_share`` of the requests within ``latency_s``.

    The response time of M/M/1 is exponential with the rate 1/service time - arrival rate. 0 if there is no such rate.
    """
    return max(0.0, 1 / service_s + math.log(late_share) / latency_s)


def _highest_rate(late: Callable[[float], float], service_s: float, late_share: float) -> float:
    low, high = 0.0, _LOAD_MOST / service_s
    for _ in range(100):
        middle = (low + high) / 2
        if middle > 0 and late(middle) <= late_share:
            low = middle
        else:
            high = middle
    return low
