"""The queue of rows: small requests in the order of their arrival, large ones in turns.

A request of more rows than a slice is *large*. A slice is the part of one large request that may go into one batch: at most
``slice_rows``, and at most the rows that the model runs within a short time, ``large_s``. The rows of all large requests
together may take no longer than ``large_s`` of a batch. So a small request is run in the next batch, regardless of the number
of large requests that wait. ``LARGE_SHARE`` of each batch is kept for large requests, so that they progress under any load of
small requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from runners.batch import Segment
from runners.costs import BatchCosts
from runners.work import Work

LARGE_SHARE = 0.25
"""The share of a full batch that is kept for large requests while some wait."""
LARGE_STRETCH = 1.5
"""Rows of large requests may always make a batch this many times as long as a batch of one row. If a batch costs much
more than its rows, a tighter bound would pay that cost again for every few rows."""
TURN_RATE = 0.05
"""The learning rate of the stretch of large requests: the weight of one batch."""


class RowQueue:
    """Requests whose rows wait for the model.

    Args:
        costs: the learned batch times.
        slice_rows: the largest number of rows of a slice.
        large_s: the predicted time that the rows of large requests may take in one batch, in seconds.
    """

    def __init__(self, costs: BatchCosts, slice_rows: int, large_s: float) -> None:
        self._costs = costs
        self._slice_limit = slice_rows
        self._large_s = large_s
        self._small: deque[Work] = deque()
        self._large: deque[Work] = deque()
        self._large_rows = 0
        # Rows of the next batch that are reserved for large requests; less than one row is carried over.
        self._credit = 0.0
        # The rows of large requests in the batch that runs.
        self._turn_rows = 0
        self.turn_since_s: float | None = None
        """The time since which large requests have waited for the batch that runs; None if no large request waits."""
        # The learned seconds from one turn of large requests to the next, and in the model during it.
        self._turn_s = 0.0
        self._turn_model_s = 0.0
        self.holds_large = False
        """Whether large requests wait, since large requests of another model run in this turn of the loop."""
        self.large_turn = 0
        """The number of the last turn in which large requests ran while those of other models waited; see ``LoopTurns``."""
        self.rows = 0
        """The number of rows that wait."""
        self.slice_rows = slice_rows
        """The present number of rows of a slice; a request of more rows is large."""
        self.sliced_row_s = 0.0
        """The predicted seconds for a row in a batch of a full slice."""
        self.large_bound_s = large_s
        """The time that the rows of large requests may take in one batch now, in seconds."""
        self.large_stretch = 1.0
        """The learned ratio of the time of large requests to their time in the model: 4 if they have a quarter of the time."""
        self.size_slice()

    def size_slice(self) -> None:
        """Set the size and the cost of a slice by the batch times learned so far."""
        self.large_bound_s = max(self._large_s, LARGE_STRETCH * self._costs.predict(1))
        self.slice_rows = self._costs.rows_within(self.large_bound_s, self._slice_limit)
        self.sliced_row_s = self._costs.predict(self.slice_rows) / self.slice_rows

    def set_large_time(self, large_s: float) -> None:
        """Set the predicted time that the rows of large requests may take in one batch, in seconds."""
        self._large_s = large_s
        self.size_slice()

    @property
    def has_large(self) -> bool:
        """Whether large requests wait."""
        return bool(self._large)

    def add(self, work: Work) -> None:
        """Add a request."""
        if work.count > self.slice_rows:
            work.large = True
            self._large.append(work)
            self._large_rows += work.count
        else:
            self._small.append(work)
        self.rows += work.count

    def discard(self, work: Work) -> None:
        """Remove the rows of a request that still wait, if any do."""
        waiting = work.count - work.n_taken
        if not waiting:
            return
        self.rows -= waiting
        if work.large:
            self._large_rows -= waiting
            self._large.remove(work)
        else:
            self._small.remove(work)

    def waits(self, now: float) -> tuple[float, float]:
        """Return the waits of the oldest and the newest request, in seconds; at least one request must wait."""
        oldest, newest = inf, -inf
        if self._small:
            oldest, newest = self._small[0].arrived, self._small[-1].arrived
        for work in self._large:  # these are in the order of their turns
            oldest, newest = min(oldest, work.arrived), max(newest, work.arrived)
        return now - oldest, now - newest

    def first_rows(self) -> int:
        """Return the number of remaining rows of the next request; at least one request must wait."""
        work = self._small[0] if self._small else self._large[0]
        return work.count - work.n_taken

    def backlog_s(self) -> float:
        """Return the predicted wait of a request of one row that arrives now, in seconds.

        It waits for the small requests before it, and for the part of the next batch that large requests take. It does not
        wait for the other rows of large requests.
        """
        if not self.rows:
            return 0.0
        full_slices, remainder = divmod(self.rows - self._large_rows, self.slice_rows)
        small_s = full_slices * self._costs.predict(self.slice_rows)
        if remainder:
            small_s += self._costs.predict(remainder)
        return small_s + self.large_turn_s()

    def large_turn_s(self) -> float:
        """Return the predicted time of the rows of large requests in the next batch, in seconds."""
        if not self._large_rows:
            return 0.0
        rows = min(self._large_rows, len(self._large) * self.slice_rows)
        return min(self._costs.predict(rows), self.large_bound_s)

    def large_backlog_s(self) -> float:
        """Return the model's predicted time for all waiting rows of large requests, in seconds."""
        return self._large_rows * self.sliced_row_s

    def take(self, budget: int, now: float, may_run: Callable[[Work], bool]) -> tuple[list[Segment], int]:
        """Take the next batch: small requests in order, then a slice of each large one in turn.

        Args:
            budget: the largest number of its rows, at least 1.
            now: the time, in seconds.
            may_run: returns whether to run the next rows of a request; if not, the request leaves the queue.

        Returns:
            The segments of the batch, and the total number of their rows.
        """
        segments: list[Segment] = []
        small = self._small
        large_limit = reserved = 0
        takes_large = self._large and not self.holds_large
        if takes_large:
            large_limit = self._costs.rows_within(self.large_bound_s, min(budget, self._large_rows))
            reserved = self._reserved_rows(budget, large_limit)
            if self.turn_since_s is None:
                self.turn_since_s = now
        free = budget - reserved
        while small and free > 0:
            work = small[0]
            if may_run(work):
                waiting = work.count - work.n_taken
                count = waiting if waiting <= free else free
                segments.append(Segment(work, work.n_taken, count))
                work.n_taken += count
                free -= count
                if count < waiting:
                    break
            else:
                self.rows -= work.count - work.n_taken
            small.popleft()
        rows = budget - reserved - free
        if takes_large:
            self._turn_rows = self._take_large(min(large_limit, budget - rows), may_run, segments)
            rows += self._turn_rows
        else:
            self._turn_rows = 0
        self.rows -= rows
        return segments, rows

    def end_batch(self, seconds: float, rows: int, now: float) -> None:
        """Learn the ratio of the time of large requests to their time in the model, at the end of the batch that was taken.

        Args:
            seconds: the time that it ran.
            rows: the number of its rows.
            now: the time, in seconds.
        """
        since_s = self.turn_since_s
        if since_s is None:
            return
        self._turn_s += TURN_RATE * (now - since_s - self._turn_s)
        self._turn_model_s += TURN_RATE * (seconds * self._turn_rows / rows - self._turn_model_s)
        if self._turn_model_s > 0.0:
            self.large_stretch = max(self._turn_s / self._turn_model_s, 1.0)
        self.turn_since_s = now if self._large else None

    def _reserved_rows(self, budget: int, large_limit: int) -> int:
        """Return the number of rows of a batch that are reserved for large requests."""
        if not self._small:
            return 0
        due = budget * LARGE_SHARE
        self._credit = min(self._credit + due, max(due, 1.0))
        return min(int(self._credit), large_limit)

    def _take_large(self, limit: int, may_run: Callable[[Work], bool], segments: list[Segment]) -> int:
        """Add a slice of each large request in turn, up to a limit of rows; return the number of added rows."""
        large, rows = self._large, 0
        for _ in range(len(large)):
            if rows == limit:
                break
            work = large.popleft()
            waiting = work.count - work.n_taken
            if not may_run(work):
                self._large_rows -= waiting
                self.rows -= waiting
                continue
            count = min(waiting, self.slice_rows, limit - rows)
            segments.append(Segment(work, work.n_taken, count))
            work.n_taken += count
            rows += count
            if count < waiting:
                large.append(work)
        self._large_rows -= rows
        self._credit = max(self._credit - rows, 0.0)
        return rows
