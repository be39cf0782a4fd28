"""The micro-batcher: rows of many requests go in, one call of the model runs them, each request gets its own predictions.

Rows that arrive in one pass of the event loop run together at its end. Batches therefore grow when the loop is busy, and
an idle service waits for nothing. The batcher counts rows, not requests.

A large request does not hold others up: its rows are sliced and take turns, see ``runners.row_queue``.

A cheap batch runs on the loop. An expensive one runs in a thread, so that the loop goes on reading and answering. A batch
that fails is run again by halves, so a row that breaks the model breaks its own request only. A callback that raises is
logged and counted; the other requests of its batch are answered all the same (``runners.callbacks``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from runners.batch import BatchRun, Model, Outcome, Segment, none_of
from runners.callbacks import ANSWER_CALLBACK, Callbacks
from runners.clock import Loop, Offload, Timer
from runners.costs import BatchCosts
from runners.errors import DrainingError, ExpiredError, GoneError, QueueFullError
from runners.policy import Policy
from runners.row_queue import RowQueue
from runners.stats import Stats
from runners.work import Values, Work

ROW_RATE = 0.1
"""How fast the cost of a row, in the model and in an answer, is learned: the weight of one batch or answer."""
ROW_OUTLIER = 2.0
"""A batch or answer counts as at most this many times its expected cost: the machine may have paused."""
SLICE_EVERY = 16
"""The size of a slice is set again after so many batches: costs change slowly, and this would cost every batch."""


@dataclass(frozen=True)
class Limits:
    """The bounds within which the batcher works."""

    max_queue_rows: int
    """How many rows may wait; a request that does not fit is refused."""
    slice_rows: int
    """How many rows a slice has at most: the rows of one large request that go into one batch."""
    inline_s: float
    """A batch that is predicted to take longer than this runs in a thread."""
    large_s: float = inf
    """How long the rows of large requests may take in one batch, predicted, in seconds."""


class MicroBatcher:
    """Collects rows and runs them in batches.

    Args:
        model: answers rows.
        loop: the event loop, or a simulated one.
        policy: decides when a batch is dispatched and how large it may be.
        costs: the learned batch times; kept current.
        limits: the bounds.
        offload: runs an expensive batch in a thread.
    """

    def __init__(
        self,
        model: Model,
        loop: Loop,
        policy: Policy,
        costs: BatchCosts,
        limits: Limits,
        offload: Offload,
    ) -> None:
        self._loop = loop
        self._policy = policy
        self._never_waits = policy.never_waits
        self._limits = limits
        self._offload = offload
        self._clock = loop.time
        self._arranged = False
        # True from the moment a batch is taken until all of its requests are answered: what their callbacks ask for
        # meanwhile (to submit, to drain) waits until then.
        self._running = False
        self._timer: Timer | None = None
        self._hold_rows = 0
        self._draining = False
        self._drained: list[Callable[[], object]] = []
        self._inline_s = 0.0
        self._row_s = 0.0
        self._batches = 0
        self.costs = costs
        self.stats = Stats()
        self._batch = BatchRun(model, self.stats)
        self._callbacks = Callbacks(self.stats)
        self.queue = RowQueue(costs, limits.slice_rows, limits.large_s)
        self.answer_row_s = 0.0
        """The learned seconds to encode and send the answer to one row of a request of many rows."""

    @property
    def queued_rows(self) -> int:
        """How many rows wait."""
        return self.queue.rows

    def submit(self, work: Work) -> None:
        """Take a request's rows in; its ``done`` is called exactly once, now or later.

        A request that cannot be taken is answered at once with ``QueueFullError`` or ``DrainingError``. An exception that
        ``done`` raises is logged and counted, never raised from here.
        """
        if self._draining:
            self._drop(work, DrainingError("the service is stopping"), "draining")
            return
        waiting = self.queue.rows
        if waiting and waiting + work.count > self._limits.max_queue_rows:
            self._drop(work, QueueFullError(f"{waiting} rows are waiting"), "queue_full")
            return
        self.queue.add(work)
        if not self._arranged:
            self._arrange()

    def hold(self, rows: int) -> None:
        """Dispatch nothing until ``rows`` rows wait, then that batch, once: for tests that need a certain batch."""
        self._hold_rows = rows
        self._arrange()

    def drain(self, done: Callable[[], object]) -> None:
        """Take no more rows, answer those that were taken, then call ``done``."""
        self._draining = True
        self._hold_rows = 0
        self._drained.append(done)
        self._arrange()

    def row_s(self) -> float:
        """Return the seconds that the model takes for a row in batches of the size that they have lately."""
        return self._row_s or self.costs.predict(1)

    def loop_total_s(self) -> float:
        """Return how long batches, and answers of many rows, have kept the loop itself in all, in seconds."""
        return self._inline_s

    def _arrange(self, reason: str = "pass") -> None:
        """Schedule the next batch, if rows wait; tell those who wait for the drain, if none do."""
        queue = self.queue
        while queue.rows and not (self._running or self._arranged or queue.rows < self._hold_rows):
            delay = 0.0
            if not (self._draining or self._never_waits):
                delay = self._policy.delay(queue.rows, *queue.waits(self._clock()), self.costs)
            if delay > 0.0:
                if self._timer is None:
                    self._timer = self._loop.call_later(delay, self._on_timer)
                return
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
                reason = "full"
            if delay == 0.0:
                self._arranged = True
                self._loop.call_soon(self._dispatch, reason)
                return
            self._run_next("at_once")
        if self._draining:
            self._tell_drained()

    def _on_timer(self) -> None:
        self._timer = None
        self._arrange("delay")

    def _dispatch(self, reason: str) -> None:
        self._arranged = False
        if self.queue.rows and not self._running and self.queue.rows >= self._hold_rows:
            self._run_next(reason)
            self._arrange()

    def _run_next(self, reason: str) -> None:
        """Take the next batch and run it, here or in the thread."""
        self._running = True
        in_thread = False
        try:
            if self._hold_rows:
                self._hold_rows = 0
                reason = "hold"
            segments, rows = self._take(self._clock())
            if segments:
                self.stats.count(self.stats.released, "drain" if self._draining else reason)
                in_thread = self._start(segments, rows)
        finally:
            self._running = in_thread

    def _take(self, now: float) -> tuple[list[Segment], int]:
        """Take the next batch; requests that expired, and those whose client left, are left out and answered."""
        queue, add_wait = self.queue, self.stats.wait_s.add
        dropped: list[tuple[Work, Exception, str]] = []

        def may_run(work: Work) -> bool:
            first = work.taken == 0
            if now > work.deadline and (first or work.strict):
                dropped.append((work, ExpiredError("its deadline passed while it waited"), "expired"))
                return False
            try:
                gone = work.gone()
            except BaseException as raised:
                self._callbacks.survive(raised, "the callback that tells whether a client has left")
                gone = False
            if gone:
                dropped.append((work, GoneError("its client left"), "gone"))
                return False
            if first:
                add_wait(now - work.arrived)
            return True

        budget = self._policy.batch_rows(queue.rows, queue.first_rows(), self.costs)
        segments, rows = queue.take(budget, now, may_run)
        for work, error, reason in dropped:
            self._drop(work, error, reason)
        return segments, rows

    def _start(self, segments: list[Segment], rows: int) -> bool:
        """Run a batch; tell whether it is still running, in the thread."""
        predicted = self.costs.predict(rows)
        if predicted <= self._limits.inline_s:
            started = self._clock()
            try:
                outcome = self._batch.run(segments, rows)
            except Exception as error:
                outcome = none_of(segments, f"a batch could not be run: {error!r}")
            seconds = self._clock() - started
            self._inline_s += seconds
            self._finish(segments, rows, predicted, seconds, outcome)
            return False

        def timed() -> tuple[float, Outcome]:
            started = self._clock()
            outcome = self._batch.run(segments, rows)
            return self._clock() - started, outcome

        def done(result: tuple[float, Outcome] | None, error: BaseException | None) -> None:
            try:
                if result is None:
                    result = (0.0, none_of(segments, f"the thread that ran a batch failed: {error!r}"))
                self._finish(segments, rows, predicted, *result)
            finally:
                self._running = False
                self._arrange()

        try:
            self._offload(timed, done)
        except Exception as error:
            failures = none_of(segments, f"no thread could be had to run a batch: {error!r}")
            self._finish(segments, rows, predicted, 0.0, failures)
            return False
        return True

    def _finish(
        self,
        segments: list[Segment],
        rows: int,
        predicted: float,
        seconds: float,
        outcome: Outcome,
    ) -> None:
        """Answer every request of a batch that has all of its predictions, or failed; learn from its time."""
        stats = self.stats
        stats.batch_rows.add(rows)
        stats.batch_s.add(seconds)
        failed = False
        for part, result in zip(segments, outcome, strict=True):
            work = part.work
            if isinstance(result, Exception):
                failed = True
                self._give_up(work, result)
            elif work.count == 1:  # most requests: ``Callbacks.answer`` without its call
                try:
                    work.done(result, None)
                except BaseException as raised:
                    self._callbacks.survive(raised, ANSWER_CALLBACK)
            else:
                if part.count < work.count:
                    work.values += result
                    result = work.values
                if len(result) == work.count:
                    self._answer_many(work, result)
        if self.queue.turn_since_s is not None:
            self.queue.end_batch(seconds, rows, self._clock())
        # The time of a batch that failed, or was run in pieces, says nothing about the next.
        if not failed:
            self.costs.observe(rows, seconds)
            self._batches += 1
            if self._batches % SLICE_EVERY == 0:
                self.queue.size_slice()
            self._row_s = _follow(self._row_s, seconds / rows)
            if predicted > 0:
                stats.predicted_ratio.add(seconds / predicted)
            self._policy.observe(rows, seconds, self._loop.time() - segments[0].work.arrived)

    def _answer_many(self, work: Work, values: Values) -> None:
        """Answer a request of many rows, and learn how long that takes for each of them."""
        started = self._clock()
        self._callbacks.answer(work, values, None)
        seconds = self._clock() - started
        self._inline_s += seconds
        self.answer_row_s = _follow(self.answer_row_s, seconds / work.count)

    def _give_up(self, work: Work, error: Exception) -> None:
        """Answer a request that failed, and take the rest of its rows out of the queue."""
        self.queue.discard(work)
        self._drop(work, error, "failed")

    def _drop(self, work: Work, error: Exception, reason: str) -> None:
        self.stats.count(self.stats.dropped, reason)
        self._callbacks.answer(work, None, error)

    def _tell_drained(self) -> None:
        if not self.queue.rows and not self._running:
            waiting, self._drained = self._drained, []
            for done in waiting:
                self._callbacks.drained(done)


def _follow(known_s: float, row_s: float) -> float:
    """Return the learned cost of a row after one more measurement; 0 means that nothing was known."""
    known_s = known_s or row_s
    return known_s + ROW_RATE * (min(row_s, ROW_OUTLIER * known_s) - known_s)
