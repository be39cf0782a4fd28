"""Rolling updates: every replica is replaced by a new process, one after the other, while the load continues."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.process import BenchmarkError
from benchmarks.rolling.load import Outcome, run_under_load
from benchmarks.rolling.replicas import Replica

IN_PLACE, SURGE = "in place", "surge"
"""Ends a replica and then starts the next one in its place (``maxUnavailable: 1``), or starts the next one first
(``maxUnavailable: 0``, ``maxSurge: 1``)."""
MIN_READY_S = 1.5
"""The seconds for which a new replica must be ready before the next one ends, as ``minReadySeconds``: the proxy notices meanwhile."""


@dataclass
class Timings:
    """The times of the parts of updates, in seconds."""

    end_s: list[float] = field(default_factory=list)
    """From SIGTERM to the end of each replica."""
    ready_s: list[float] = field(default_factory=list)
    """From the start of each replica until it was ready."""
    update_s: list[float] = field(default_factory=list)
    """The length of each update of all replicas."""

    def medians(self) -> dict[str, float | None]:
        """Return the medians; None if there was no update."""
        lists = {"end_s": self.end_s, "ready_s": self.ready_s, "update_s": self.update_s}
        return {name: round(statistics.median(values), 2) if values else None for name, values in lists.items()}


def update(places: Sequence[Replica], kind: str, timings: Timings, min_ready_s: float = MIN_READY_S) -> None:
    """Replace every running replica.

    Args:
        places: the places of replicas; one of them is free for a surge.
        kind: ``IN_PLACE`` or ``SURGE``.
        timings: gets the times.
        min_ready_s: see ``MIN_READY_S``.

    Raises:
        BenchmarkError: a replica did not end or start, or no place is free.
    """
    started_s = time.monotonic()
    for replica in [place for place in places if place.is_running]:
        next_replica = replica
        if kind == SURGE:
            free = [place for place in places if not place.is_running]
            if not free:
                raise BenchmarkError("expected a free place for the next replica, got none")
            next_replica = free[0]
            _start(next_replica, timings, min_ready_s)
        timings.end_s.append(replica.end())
        if kind == IN_PLACE:
            _start(next_replica, timings, min_ready_s)
    timings.update_s.append(time.monotonic() - started_s)


def _start(replica: Replica, timings: Timings, min_ready_s: float) -> None:
    replica.start()
    timings.ready_s.append(replica.wait_until_ready())
    time.sleep(min_ready_s)


UPDATES_PER_LINE = 5
"""The number of updates between two lines of progress."""


def run_updates(
    address: str,
    places: Sequence[Replica],
    count: int,
    rate_per_s: float,
    seed: int,
    say: Callable[[str], None] = print,
) -> tuple[Outcome, Timings]:
    """Do rolling updates under load, in place and by surge in turns.

    Args:
        address: the address of the proxy.
        places: the places of replicas.
        count: the number of updates.
        rate_per_s: the requests per second.
        seed: of the load.
        say: prints the progress.

    Raises:
        BenchmarkError: a replica did not end or start.
    """
    outcome, timings = Outcome(), Timings()

    def act() -> None:
        for number in range(count):
            update(places, (IN_PLACE, SURGE)[number % 2], timings)
            if (number + 1) % UPDATES_PER_LINE == 0:
                say(f"updated {number + 1} of {count} times")

    (result,) = run_under_load([address], rate_per_s, seed, act)
    outcome.add(result)
    return outcome, timings
