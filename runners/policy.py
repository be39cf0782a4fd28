"""The rule of dispatch: the time at which a batch is run, and the number of its rows.

``Coalesce`` is the rule of the service. Other rules, for comparison, are in ``benchmarks/policies.py``.
"""

from __future__ import annotations

from typing import Protocol

from runners.costs import BatchCosts

NO_DELAY = -1.0
"""The value of ``Policy.delay`` for a batch that is run immediately, before the next request is read."""


class Policy(Protocol):
    """A rule of dispatch. All times are in seconds."""

    never_waits: bool
    """Whether ``delay`` is always 0, so that it need not be called for each batch."""

    def delay(self, queued_rows: int, oldest_wait: float, newest_wait: float, costs: BatchCosts) -> float:
        """Return the time until dispatch; 0 means the end of this pass of the loop, ``NO_DELAY`` means now.

        Called if rows wait and no batch is running or scheduled, at each arrival, and after the delay.

        Args:
            queued_rows: the number of rows that wait.
            oldest_wait: the wait of the oldest request.
            newest_wait: the wait of the newest request.
            costs: the learned batch times.
        """
        ...

    def batch_rows(self, queued_rows: int, first_rows: int, costs: BatchCosts) -> int:
        """Return the largest number of rows for the next batch, at least 1.

        Args:
            queued_rows: the number of rows that wait.
            first_rows: the number of them that belong to the oldest request.
            costs: the learned batch times.
        """
        ...

    def observe(self, rows: int, seconds: float, latency: float) -> None:
        """Learn from a batch: its rows, its seconds, and the longest wait plus run of a request in it."""
        ...


class Coalesce:
    """Dispatch at the end of each pass: an idle service does not wait, and batches grow when the loop is busy.

    Args:
        batch_budget_s: the predicted time that one batch may take; further rows go into the next pass.
        max_batch_rows: the largest number of rows of a batch.
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
        """See ``Policy``: this rule learns nothing besides the costs."""
