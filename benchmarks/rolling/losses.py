"""The loss of a replica under load: all its processes are killed, with requests in flight, or stop without an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.process import BenchmarkError
from benchmarks.rolling.load import Outcome, in_flight, run_under_load
from benchmarks.rolling.replicas import Replica

SETTLE_S = 2.0
"""The seconds for which a replica that was started again must be ready before the next loss."""
STALL_S = 0.3
"""The time for which a replica does not answer before it is killed, in seconds, so that requests are in flight on it."""
PAUSE_S = 8.0
"""The time for which a paused replica does not answer, in seconds; longer than the proxies wait for an answer (5 s)."""
LATE_S = 0.05
"""The time after the end of a replica's last process within which the proxy may still find a connection to it, in seconds."""
LIMIT_S = 60.0
"""The longest time of a loss, in seconds. The schedule of the load is short, so that it starts before the loss."""


@dataclass
class Losses:
    """Several losses of one kind."""

    outcome: Outcome = field(default_factory=Outcome)
    in_flight: list[int] = field(default_factory=list)
    """The requests that were in flight at each loss, on all replicas."""
    failed: list[int] = field(default_factory=list)
    """The failed requests of each loss."""
    n_later: int = 0
    """The failed requests that were sent after a replica had ended: a request that was not in flight must not fail."""


def kill_replicas(address: str, places: Sequence[Replica], count: int, rate_per_s: float, seed: int) -> Losses:
    """Kill replicas under load, one after the other, and start each again.

    Args:
        address: the address of the proxy.
        places: the places of replicas.
        count: the number of kills.
        rate_per_s: the requests per second.
        seed: of the load.

    Raises:
        BenchmarkError: a replica does not start again.
    """

    def kill(replica: Replica) -> tuple[float, float]:
        replica.pause()
        time.sleep(STALL_S)
        return replica.kill()

    def start_again(replica: Replica) -> None:
        replica.start()
        replica.wait_until_ready()
        time.sleep(SETTLE_S)

    return _lose(address, places, count, rate_per_s, seed, kill, start_again)


def pause_replicas(address: str, places: Sequence[Replica], count: int, rate_per_s: float, seed: int) -> Losses:
    """Stop all processes of replicas under load, one after the other, and let them continue after ``PAUSE_S``.

    Args:
        address: the address of the proxy.
        places: the places of replicas.
        count: the number of pauses.
        rate_per_s: the requests per second.
        seed: of the load.
    """

    def pause(replica: Replica) -> tuple[float, float]:
        replica.pause()
        paused_s = time.monotonic()
        try:
            time.sleep(PAUSE_S)
        finally:
            replica.resume()
        return paused_s, paused_s

    return _lose(address, places, count, rate_per_s, seed, pause, lambda _: None)


def _lose(
    address: str,
    places: Sequence[Replica],
    count: int,
    rate_per_s: float,
    seed: int,
    lose: Callable[[Replica], tuple[float, float]],
    recover: Callable[[Replica], None],
) -> Losses:
    """Lose replicas, each under a load of its own.

    Args:
        address: the address of the proxy.
        places: the places of replicas; the running ones take turns.
        count: the number of losses.
        rate_per_s: the requests per second.
        seed: of the load.
        lose: loses a replica, and returns the times of start and end of the loss.
        recover: makes the replica answer again, after the load.

    Raises:
        BenchmarkError: the load started after a loss.
    """
    losses = Losses()
    running = [place for place in places if place.is_running]
    for number in range(count):
        replica = running[number % len(running)]
        spans: list[tuple[float, float]] = []

        def act(replica: Replica = replica, spans: list[tuple[float, float]] = spans) -> None:
            spans.append(lose(replica))

        (result,) = run_under_load([address], rate_per_s, seed + number, act, LIMIT_S)
        if result.counts["start_ns"] / 1e9 > spans[0][0]:
            raise BenchmarkError("the load started after the loss: other programs take the processor time")
        n_before = len(losses.outcome.failures)
        losses.outcome.add(result)
        failures = losses.outcome.failures[n_before:]
        losses.in_flight.append(in_flight(result, *spans[0]))
        losses.failed.append(len(failures))
        losses.n_later += sum(sent_s > spans[0][1] + LATE_S for _, sent_s in failures)
        recover(replica)
    return losses
