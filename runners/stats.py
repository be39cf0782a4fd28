"""What the runner counts while it works: plain numbers, cheap enough for every request.

A counter of ``prometheus_client`` that is shared between processes takes some microseconds; these take a tenth of one.
``serving.metrics`` hands them on to Prometheus now and then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
RATIOS = (0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0)


class Tally:
    """A histogram: how many observations lie at or below each bound and above the one before."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        """One more than bounds; the last is for what lies above all."""
        self.total = 0.0

    def add(self, value: float) -> None:
        """Take in one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Stats:
    """Everything that is counted about queue and batches."""

    def __init__(self) -> None:
        self.wait_s = Tally(SECONDS)
        """How long requests waited in the queue."""
        self.batch_rows = Tally(ROWS)
        """Rows per batch."""
        self.batch_s = Tally(SECONDS)
        """How long batches took."""
        self.predicted_ratio = Tally(RATIOS)
        """Actual over predicted batch time."""
        self.released: dict[str, int] = {}
        """Batches by the reason for which they were released."""
        self.dropped: dict[str, int] = {}
        """Requests that were not run, by reason."""
        self.retried = 0
        """How often a batch, or a half of one, failed and was run again by halves."""
        self.callback_errors = 0
        """How often a callback of a request, or of a drain, raised. More than 0 is a defect."""

    def count(self, counters: dict[str, int], reason: str) -> None:
        """Add one to a counter by reason."""
        counters[reason] = counters.get(reason, 0) + 1
