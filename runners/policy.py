"""When is a batch dispatched, and how many rows does it take: the rule, behind one small interface.

``Coalesce`` is the one that ships. Others, to be compared with it, live in ``benchmarks/policies.py``.
"""

from __future__ import annotations

from typing import Protocol

from runners.costs import BatchCosts

AT_ONCE = -1.0
"""What ``Policy.delay`` returns to have the batch run at once, before the next request is even read."""


class Policy(Protocol):
    """Decides about dispatch. All times are in seconds."""

    never_waits: bool
    """Whether ``delay`` is 0 whatever waits, so that it need not be asked for each batch."""

    def delay(self, queued_rows: int, oldest_wait: float, newest_wait: float, costs: BatchCosts) -> float:
        """Return how long dispatch still waits; 0 means the end of this pass of the loop, ``AT_ONCE`` now.

        Asked when rows are there and nothing is running or arranged: then again at each arrival, and after the delay.

        Args:
            queued_rows: how many rows wait.
            oldest_wait: how long the oldest request has waited.
            newest_wait: how long the newest has waited.
            costs: what is known of batch times.
        """
        ...

    def batch_rows(self, queued_rows: int, first_rows: int, costs: BatchCosts) -> int:
        """Return how many rows the next batch may take, at least 1.

        Args:
            queued_rows: how many rows wait.
            first_rows: how many of them are of the oldest request.
            costs: what is known of batch times.
        """
        ...

    def observe(self, rows: int, seconds: float, latency: float) -> None:
        """Learn from a batch: its rows, its seconds, and the longest wait plus run of a request in it."""
        ...


class Coalesce:
    """Dispatch at the end of each pass what arrived in it: no wait when idle, larger batches just when the loop is busy.

    Args:
        batch_budget_s: how long one batch may take, predicted; more rows go into the next pass.
        max_batch_rows: how many rows one batch may have at most.
    """

    never_waits = True

    def __init__(self, batch_budget_s: float, max_batch_rows: int) -> None:
        self._batch_budget_s = batch_budget_s
        self._max_batch_rows = max_batch_rows

    def delay(self, queued_rows: int, oldest_wait: float, newest_wait: float, costs: BatchCosts) -> float:
        """See ``Policy``."""
        return 0.0

    def batch_rows(self, queued_rows: int, first_rows: int, costs: BatchCosts) -> int:
        """See ``Policy``."""
        return costs.rows_within(self._batch_budget_s, min(queued_rows, self._max_batch_rows))

    def observe(self, rows: int, seconds: float, latency: float) -> None:
        """See ``Policy``: nothing to learn beyond the costs."""
