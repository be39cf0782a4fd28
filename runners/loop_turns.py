"""The turns of the event loop, in which the batches of several models run one after another.

Each batcher runs at most one batch in a turn. If several models have rows, the shortest batch runs first, so that the rows of an
inexpensive model do not wait for those of an expensive one. A turn ends after ``turn_s``, and the other batches run first in the next
turn: requests are read in between. Large requests of several models take turns as well: one model runs slices in each turn.
"""

from __future__ import annotations

from math import inf
from random import Random
from typing import Protocol

from runners.clock import Loop

PAIR_SEED = 17
"""The seed of the order of two versions of one model."""


class TurnQueue(Protocol):
    """The part of ``runners.row_queue.RowQueue`` that a turn needs; it has the meaning."""

    rows: int
    holds_large: bool
    large_turn: int

    @property
    def has_large(self) -> bool:
        """Whether large requests wait."""
        ...

    def backlog_s(self) -> float:
        """Return the seconds by which the waiting rows delay a new row."""
        ...

    def large_turn_s(self) -> float:
        """Return the seconds of the next batch that waiting large requests take."""
        ...


class TurnBatcher(Protocol):
    """The part of ``runners.batcher.MicroBatcher`` that a turn needs."""

    is_listed: bool
    """Whether it is among the batchers that may have waiting rows; kept by ``LoopTurns``."""
    is_running: bool
    """Whether a batch of it runs now, for instance in a thread."""

    @property
    def queue(self) -> TurnQueue:
        """The rows that wait."""
        ...

    def dispatch(self) -> None:
        """Run the next batch, and arrange the one after it."""
        ...

    def expected_s(self) -> float:
        """Return the expected seconds of all waiting rows, roughly."""
        ...


class LoopTurns:
    """Runs the batches of all models of one loop.

    Args:
        loop: the event loop, or a simulated one.
    """

    def __init__(self, loop: Loop) -> None:
        self._call_soon = loop.call_soon
        self._clock = loop.time
        self._large_turns = 0
        self._pairs: list[tuple[TurnBatcher, TurnBatcher]] = []
        self._random = Random(PAIR_SEED)  # noqa: S311 - an order, no secret
        # The number of batchers at the beginning of ``due`` that were due in an earlier turn.
        self._n_postponed = 0
        self.due: list[TurnBatcher] = []
        """The batchers whose next batch runs in the next turn. A batcher adds itself, once; the first one calls ``run`` soon."""
        self.listed: list[TurnBatcher] = []
        """The batchers that may have waiting rows: a batcher enlists itself if rows wait."""
        self.turn_s = inf
        """The seconds after which no further batch begins in a turn."""
        self.n_in_thread = 0
        """The number of batches that run in threads."""
        self.measured_s = 0.0
        """The total seconds that batches, and answers of many rows, have taken on the loop itself."""

    def enlist(self, batcher: TurnBatcher) -> None:
        """Count the waiting rows of a batcher from now on."""
        batcher.is_listed = True
        self.listed.append(batcher)

    def forget(self, batcher: TurnBatcher) -> None:
        """Forget a batcher that gets no more rows, once it has answered all of them."""
        if batcher.is_listed:
            batcher.is_listed = False
            self.listed.remove(batcher)

    def pair(self, first: TurnBatcher, second: TurnBatcher) -> None:
        """Run the batches of two versions of a model in a random order from now on, so that their latencies can be compared.

        Otherwise the version with less traffic always runs first, and its requests never wait for the other one's.
        """
        self._pairs.append((first, second))

    def unpair(self, first: TurnBatcher, second: TurnBatcher) -> None:
        """End what ``pair`` began."""
        if (first, second) in self._pairs:
            self._pairs.remove((first, second))

    def prune(self) -> None:
        """Drop the batchers without rows from ``listed``, so that models without requests cost nothing."""
        remaining_batchers = []
        for batcher in self.listed:
            if batcher.queue.rows or batcher.is_running:
                remaining_batchers.append(batcher)
            else:
                batcher.is_listed = False
        self.listed = remaining_batchers

    def backlog_s(self) -> float:
        """Return the seconds by which the waiting rows of all models delay a new row."""
        return sum((batcher.queue.backlog_s() for batcher in self.listed if batcher.queue.rows), 0.0)

    def large_turn_s(self) -> float:
        """Return the seconds that waiting large requests take in the next turn: one model runs them in each turn."""
        return max((batcher.queue.large_turn_s() for batcher in self.listed), default=0.0)

    def is_waiting(self) -> bool:
        """Return whether rows of any model wait."""
        return any(batcher.queue.rows for batcher in self.listed)

    def queued_rows(self) -> int:
        """Return the number of rows of all models that wait."""
        return sum(batcher.queue.rows for batcher in self.listed)

    def run(self) -> None:
        """Run the next batch of each batcher in ``due``."""
        due = self.due
        if len(due) == 1:
            self._n_postponed = 0
            due.pop().dispatch()
        else:
            self.due = []
            self._run_many(due)

    def _run_many(self, due: list[TurnBatcher]) -> None:
        """Run a batch of each of several models, the shortest first."""
        n_postponed, self._n_postponed = self._n_postponed, 0
        order = due[:n_postponed] + sorted(due[n_postponed:], key=lambda batcher: batcher.expected_s())
        if self._pairs:
            self._mix(order)
        waiting_large = self._hold_large(order)
        started_s = self._clock()
        n_run = 0
        try:
            for batcher in order:
                n_run += 1
                batcher.dispatch()
                if self._clock() - started_s >= self.turn_s:
                    break
        finally:
            for queue in waiting_large:
                queue.holds_large = False
            if n_run < len(order):
                if not self.due:
                    self._call_soon(self.run)
                self.due[:0] = order[n_run:]
                self._n_postponed = len(order) - n_run

    def _mix(self, order: list[TurnBatcher]) -> None:
        """Exchange the places of the two versions of each pair in half of the turns."""
        for first, second in self._pairs:
            if first in order and second in order and self._random.getrandbits(1):
                index, other = order.index(first), order.index(second)
                order[index], order[other] = second, first

    def _hold_large(self, order: list[TurnBatcher]) -> list[TurnQueue]:
        """Let large requests of one model run in this turn; return the queues whose large requests have to wait."""
        queues = [batcher.queue for batcher in order if batcher.queue.has_large and not batcher.is_running]
        if len(queues) < 2:
            return []
        next_queue = min(queues, key=lambda queue: queue.large_turn)
        self._large_turns += 1
        next_queue.large_turn = self._large_turns
        waiting_queues = [queue for queue in queues if queue is not next_queue]
        for queue in waiting_queues:
            queue.holds_large = True
        return waiting_queues
