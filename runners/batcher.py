"""The micro-batcher: rows of many requests go in, one call of the model runs them, each request gets its own predictions.

Rows that arrive in one pass of the event loop run together at its end. Batches therefore grow when the loop is busy, and
an idle service waits for nothing. The batcher counts rows, not requests.

A request of more rows than a slice is *large*: a slice is at most ``Limits.slice_rows``, and at most what runs within
``Limits.large_s``. It does not hold others up: small requests are taken first, in the order in
which they came, and large ones take turns with a slice each in what is left of the batch. The rows of large requests may
take only a short time of each batch (``Limits.large_s``), so a small request waits for the batch that runs and goes along
in the next, no matter how many large requests wait. A share of each batch (``LARGE_SHARE``) is kept for large requests, so
that they move on under any load of small ones.

A cheap batch runs on the loop. An expensive one runs in a thread, so that the loop goes on reading and answering. A batch
that fails is run again by halves, so a row that breaks the model breaks its own request only. A callback that raises is
logged and counted; the other requests of its batch are answered all the same.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from runners.batch import BatchRun, Model, Outcome, Segment, none_of
from runners.clock import Loop, Offload, Timer
from runners.costs import BatchCosts
from runners.errors import DrainingError, ExpiredError, GoneError, QueueFullError
from runners.policy import Policy
from runners.stats import Stats
from runners.work import Values, Work

logger = logging.getLogger("tabento.runners")

ROW_RATE = 0.1
"""How fast the cost of a row, in the model and in an answer, is learned: the weight of one batch or answer."""
ROW_OUTLIER = 2.0
"""A batch or answer counts as at most this many times its expected cost: the machine may have paused."""
LARGE_SHARE = 0.25
"""The share of a full batch that is kept for large requests while some wait."""
LARGE_STRETCH = 1.5
"""Rows of large requests may always make a batch this many times as long as a batch of one row. If a batch costs much
more than its rows, a tighter bound would pay that cost again for every few rows."""
TURN_RATE = 0.05
"""How fast the stretch of large requests is learned: the weight of one batch."""
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
        self._limits = limits
        self._offload = offload
        self._clock = loop.time
        self._small: deque[Work] = deque()
        self._large: deque[Work] = deque()
        self._large_rows = 0
        # Rows of large requests that are due, in batches that small requests would fill.
        self._large_credit = 0.0
        # Of the running batch: its rows of large requests, and the moment from which they have waited for it. Then the
        # learned seconds of such a turn, with all that is done between two turns, and in the model.
        self._turn_rows = 0
        self._turn_since_s: float | None = None
        self._turn_s = 0.0
        self._turn_model_s = 0.0
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
        self.queued_rows = 0
        """How many rows wait."""
        self.slice_rows = 1
        """How many rows a slice has now; a request of more rows is large."""
        self.sliced_row_s = 0.0
        """The predicted seconds for a row in a batch of a full slice."""
        self.large_bound_s = 0.0
        """How long the rows of large requests may take in one batch, in seconds."""
        self.large_stretch = 1.0
        """How long large requests take for their time in the model, learned: 4 if they have a quarter of the time."""
        self.answer_row_s = 0.0
        """The learned seconds to encode and send the answer to one row of a request of many rows."""
        self._size_slice()

    def submit(self, work: Work) -> None:
        """Take a request's rows in; its ``done`` is called exactly once, now or later.

        A request that cannot be taken is answered at once with ``QueueFullError`` or ``DrainingError``. An exception that
        ``done`` raises is logged and counted, never raised from here.
        """
        if self._draining:
            self._drop(work, DrainingError("the service is stopping"), "draining")
            return
        if self.queued_rows + work.count > self._limits.max_queue_rows and self.queued_rows:
            self._drop(work, QueueFullError(f"{self.queued_rows} rows are waiting"), "queue_full")
            return
        if work.count > self.slice_rows:
            work.large = True
            self._large.append(work)
            self._large_rows += work.count
        else:
            self._small.append(work)
        self.queued_rows += work.count
        if not self._arranged:
            self._arrange()

    def end_pass(self) -> None:
        """Dispatch now what was to be dispatched at the end of this pass: nothing more comes in it."""
        if self._arranged:
            self._dispatch("pass")

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

    def backlog_s(self) -> float:
        """Return how long the waiting rows hold up a request of one row that comes now, predicted, in seconds.

        It waits for the small requests that came before it, and for the part that large ones take of the next batch. It
        does not wait for the other rows of large requests.
        """
        if not self.queued_rows:
            return 0.0
        slice_rows = self.slice_rows
        full, rest = divmod(self.queued_rows - self._large_rows, slice_rows)
        small_s = full * self.costs.predict(slice_rows) + (self.costs.predict(rest) if rest else 0.0)
        return small_s + self.large_turn_s()

    def large_turn_s(self) -> float:
        """Return how long the rows of large requests take in the next batch, predicted, in seconds."""
        if not self._large_rows:
            return 0.0
        rows = min(self._large_rows, len(self._large) * self.slice_rows)
        return min(self.costs.predict(rows), self.large_bound_s)

    def large_backlog_s(self) -> float:
        """Return how long the model takes for all waiting rows of large requests, predicted, in seconds."""
        return self._large_rows * self.sliced_row_s

    def row_s(self) -> float:
        """Return the seconds that the model takes for a row in batches of the size that they have lately."""
        return self._row_s or self.costs.predict(1)

    def loop_total_s(self) -> float:
        """Return how long batches, and answers of many rows, have kept the loop itself in all, in seconds."""
        return self._inline_s

    def _arrange(self, reason: str = "pass") -> None:
        """Schedule the next batch, if rows wait; tell those who wait for the drain, if none do."""
        while self.queued_rows and not (self._running or self._arranged or self.queued_rows < self._hold_rows):
            delay = 0.0
            if not self._draining:
                delay = self._policy.delay(self.queued_rows, *self._waits(self._loop.time()), self.costs)
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

    def _waits(self, now: float) -> tuple[float, float]:
        """Return how long the oldest and the newest request have waited, in seconds."""
        oldest, newest = inf, -inf
        if self._small:
            oldest, newest = self._small[0].arrived, self._small[-1].arrived
        for work in self._large:  # in the order of their turns
            oldest, newest = min(oldest, work.arrived), max(newest, work.arrived)
        return now - oldest, now - newest

    def _on_timer(self) -> None:
        self._timer = None
        self._arrange("delay")

    def _dispatch(self, reason: str) -> None:
        self._arranged = False
        if self.queued_rows and not self._running and self.queued_rows >= self._hold_rows:
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
            segments, rows = self._take(self._loop.time())
            if segments:
                self.stats.count(self.stats.released, "drain" if self._draining else reason)
                in_thread = self._start(segments, rows)
        finally:
            self._running = in_thread

    def _take(self, now: float) -> tuple[list[Segment], int]:
        """Take the next batch: small requests in order, then a slice of each large one in turn.

        Requests that expired, and those whose client left, are left out and answered.
        """
        segments: list[Segment] = []
        dropped: list[tuple[Work, Exception, str]] = []
        small, large = self._small, self._large
        first = small[0] if small else large[0]
        budget = self._policy.batch_rows(self.queued_rows, first.count - first.taken, self.costs)
        large_most = kept = 0
        if large:
            large_most = self.costs.rows_within(self.large_bound_s, min(budget, self._large_rows))
            if small:
                due = budget * LARGE_SHARE
                self._large_credit = min(self._large_credit + due, max(due, 1.0))
                kept = min(int(self._large_credit), large_most)
        rows = 0
        while small and rows < budget - kept:
            work = small[0]
            if self._may_run(work, now, dropped):
                count = min(work.count - work.taken, budget - kept - rows)
                segments.append(Segment(work, work.taken, count))
                work.taken += count
                rows += count
                if work.taken < work.count:
                    break
            small.popleft()
        large_most = min(large_most, budget - rows)
        self._turn_rows = 0
        if large and self._turn_since_s is None:
            self._turn_since_s = now
        for _ in range(len(large)):
            if not large_most:
                break
            work = large.popleft()
            waiting = work.count - work.taken
            if not self._may_run(work, now, dropped):
                self._large_rows -= waiting
                continue
            count = min(waiting, self.slice_rows, large_most)
            segments.append(Segment(work, work.taken, count))
            work.taken += count
            self._large_rows -= count
            self._large_credit = max(self._large_credit - count, 0.0)
            large_most -= count
            self._turn_rows += count
            rows += count
            if count < waiting:
                large.append(work)
        self.queued_rows -= rows
        for work, error, reason in dropped:
            self._drop(work, error, reason)
        return segments, rows

    def _may_run(self, work: Work, now: float, dropped: list[tuple[Work, Exception, str]]) -> bool:
        """Tell whether a request's next rows are to be run; if not, note why and take them out of the count."""
        first = work.taken == 0
        if now > work.deadline and (first or work.strict):
            dropped.append((work, ExpiredError("its deadline passed while it waited"), "expired"))
        else:
            try:
                gone = work.gone()
            except BaseException as raised:
                self._survive(raised, "the callback that tells whether a client has left")
                gone = False
            if not gone:
                if first:
                    self.stats.wait_s.add(now - work.arrived)
                return True
            dropped.append((work, GoneError("its client left"), "gone"))
        self.queued_rows -= work.count - work.taken
        return False

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
            elif work.count == 1:
                self._answer(work, result, None)
            else:
                if part.count < work.count:
                    work.values += result
                    result = work.values
                if len(result) == work.count:
                    self._answer_many(work, result)
        if self._turn_since_s is not None:
            self._end_turn(seconds * self._turn_rows / rows)
        # The time of a batch that failed, or was run in pieces, says nothing about the next.
        if not failed:
            self.costs.observe(rows, seconds)
            self._batches += 1
            if self._batches % SLICE_EVERY == 0:
                self._size_slice()
            self._row_s = _follow(self._row_s, seconds / rows)
            if predicted > 0:
                stats.predicted_ratio.add(seconds / predicted)
            self._policy.observe(rows, seconds, self._loop.time() - segments[0].work.arrived)

    def _end_turn(self, model_s: float) -> None:
        """Learn how long large requests take for their time in the model, which was so long in this batch."""
        now = self._clock()
        self._turn_s += TURN_RATE * (now - (self._turn_since_s or now) - self._turn_s)
        self._turn_model_s += TURN_RATE * (model_s - self._turn_model_s)
        if self._turn_model_s > 0.0:
            self.large_stretch = max(self._turn_s / self._turn_model_s, 1.0)
        self._turn_since_s = now if self._large else None

    def _size_slice(self) -> None:
        """Set what a slice may have, and costs, from what is known of batch times."""
        self.large_bound_s = max(self._limits.large_s, LARGE_STRETCH * self.costs.predict(1))
        self.slice_rows = self.costs.rows_within(self.large_bound_s, self._limits.slice_rows)
        self.sliced_row_s = self.costs.predict(self.slice_rows) / self.slice_rows

    def _answer(self, work: Work, values: Values | None, error: Exception | None) -> None:
        """Call a request's ``done``; what it raises is logged and counted, so that all others are answered as well."""
        try:
            work.done(values, error)
        except BaseException as raised:
            self._survive(raised, "the callback that takes a request's answer")

    def _answer_many(self, work: Work, values: Values) -> None:
        """Answer a request of many rows, and learn how long that takes for each of them."""
        started = self._clock()
        self._answer(work, values, None)
        seconds = self._clock() - started
        self._inline_s += seconds
        self.answer_row_s = _follow(self.answer_row_s, seconds / work.count)

    def _give_up(self, work: Work, error: Exception) -> None:
        """Answer a request that failed, and take the rest of its rows out of the queue."""
        waiting = work.count - work.taken
        if waiting:
            self.queued_rows -= waiting
            if work.large:
                self._large_rows -= waiting
                self._large.remove(work)
            else:
                self._small.remove(work)
        self._drop(work, error, "failed")

    def _drop(self, work: Work, error: Exception, reason: str) -> None:
        self.stats.count(self.stats.dropped, reason)
        self._answer(work, None, error)

    def _tell_drained(self) -> None:
        if not self.queued_rows and not self._running:
            waiting, self._drained = self._drained, []
            for done in waiting:
                try:
                    done()
                except BaseException as raised:
                    self._survive(raised, "the callback that is told of the end of a drain")

    def _survive(self, error: BaseException, callback: str) -> None:
        """Count and log what a callback raised; only a request to end the process is passed on, as asyncio does."""
        if isinstance(error, SystemExit | KeyboardInterrupt):
            raise error
        self.stats.callback_errors += 1
        logger.error("%s raised; all other requests are answered as usual", callback, exc_info=error)


def _follow(known_s: float, row_s: float) -> float:
    """Return the learned cost of a row after one more measurement; 0 means that nothing was known."""
    known_s = known_s or row_s
    return known_s + ROW_RATE * (min(row_s, ROW_OUTLIER * known_s) - known_s)
