"""The counts of the runner: plain numbers, so that a count costs a request next to nothing.

A counter of ``prometheus_client`` that is shared between processes takes some microseconds; a plain number takes a tenth of one.
``serving.operations.metrics`` reads them when Prometheus scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
RATIOS = (0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0)


class Tally:
    """A histogram: the number of observations at or below each bound and above the previous one."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        """One more than the bounds; the last one counts the observations above all bounds."""
        self.total = 0.0

    def add(self, value: float) -> None:
        """Add one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Stats:
    """The counts of the queue and its batches; several batchers of one loop may share them."""

    def __init__(self) -> None:
        self.wait_s = Tally(SECONDS)
        """The waits of requests in the queue, in seconds."""
        self.batch_rows = Tally(ROWS)
        """Rows per batch."""
        self.batch_s = Tally(SECONDS)
        """The durations of batches, in seconds."""
        self.predicted_ratio = Tally(RATIOS)
        """Actual over predicted batch time."""
        self.released: dict[str, int] = {}
        """Batches by the reason of their dispatch."""
        self.dropped: dict[str, int] = {}
        """Requests that were not run, by reason."""
        self.retried = 0
        """The number of batches, or halves of batches, that failed and were run again by halves."""
        self.callback_errors = 0
        """The number of exceptions in callbacks of requests and drains. More than 0 is a defect."""

    def count(self, counters: dict[str, int], reason: str) -> None:
        """Add one to a counter by reason."""
        counters[reason] = counters.get(reason, 0) + 1
