"""The micro-batcher: it runs the rows of many requests in one call of the model, and gives each request its predictions.

Rows that arrive in one pass of the event loop run together at its end. Batches therefore grow when the loop is busy, and
an idle service does not wait. The batcher counts rows, not requests.

A large request does not delay others: its rows are sliced and take turns, see ``runners.row_queue``.

An inexpensive batch runs on the loop. An expensive one runs in a thread, so that the loop continues to read and answer. A
batch that fails is run again by halves, so a row on which the model fails affects its own request only. A callback that
raises is logged and counted; the other requests of its batch are answered (``runners.callbacks``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from runners.batch import BatchRun, Model, Outcome, Segment, fail_all
from runners.callbacks import ANSWER_CALLBACK, Callbacks
from runners.clock import Loop, Offload, Timer
from runners.costs import BatchCosts
from runners.errors import DrainingError, ExpiredError, GoneError, QueueFullError
from runners.loop_turns import LoopTurns
from runners.policy import Policy
from runners.row_queue import RowQueue
from runners.stats import Stats
from runners.work import Values, Work

ROW_RATE = 0.1
"""The learning rate of the cost of a row, in the model and in an answer: the weight of one batch or answer."""
ROW_OUTLIER = 2.0
"""A batch or answer counts as at most this many times its expected cost: the computer may have paused."""
SLICE_EVERY = 16
"""The size of a slice is set again after this number of batches: costs change slowly, and setting it takes time."""


@dataclass(frozen=True)
class Limits:
    """The limits of the batcher."""

    max_queue_rows: int
    """The largest number of rows that wait; a request that does not fit is refused."""
    slice_rows: int
    """The largest number of rows of a slice: the rows of one large request that go into one batch."""
    inline_s: float
    """A batch that is predicted to take longer than this runs in a thread."""
    large_s: float = inf
    """The predicted time that the rows of large requests may take in one batch, in seconds."""
    batch_s: float = inf
    """The predicted time that one batch may take, in seconds. It is used if another model of the loop has a tighter SLO."""


class MicroBatcher:
    """Collects rows and runs them in batches.

    Args:
        model: predicts rows.
        loop: the event loop, or a simulated one.
        policy: decides when a batch is dispatched and how large it may be.
        costs: the learned batch times; kept current.
        limits: the bounds.
        offload: runs an expensive batch in a thread.
        turns: runs the batches of all models of the loop; by default the model is alone.
        stats: the counts, if several batchers share them.
    """

    __slots__ = (
        "__weakref__",
        "_arranged",
        "_batch",
        "_batch_rows",
        "_batches",
        "_call_soon",
        "_callbacks",
        "_clock",
        "_drained",
        "_draining",
        "_hold_rows",
        "_inline_limit_s",
        "_limits",
        "_loop",
        "_never_waits",
        "_offload",
        "_policy",
        "_reason",
        "_row_s",
        "_run_turn",
        "_timer",
        "answer_row_s",
        "batch_s",
        "batch_started_s",
        "costs",
        "is_listed",
        "is_running",
        "last_failed",
        "observe_batch",
        "queue",
        "stats",
        "turns",
    )

    def __init__(
        self,
        model: Model,
        loop: Loop,
        policy: Policy,
        costs: BatchCosts,
        limits: Limits,
        offload: Offload,
        turns: LoopTurns | None = None,
        stats: Stats | None = None,
    ) -> None:
        self._loop = loop
        self._call_soon = loop.call_soon
        self._policy = policy
        self._never_waits = policy.never_waits
        self._limits = limits
        self._offload = offload
        self._clock = loop.time
        self._arranged = False
        self._reason = "pass"
        # True from the moment a batch is taken until all of its requests are answered. If their callbacks submit or drain
        # meanwhile, that waits until then.
        self.is_running = False
        """Whether a batch is running, or its requests are being answered."""
        self.is_listed = False
        """See ``runners.loop_turns.TurnBatcher``."""
        self._timer: Timer | None = None
        self._hold_rows = 0
        self._draining = False
        self._drained: list[Callable[[], object]] = []
        self._inline_limit_s = limits.inline_s
        self._batch_rows = policy.batch_rows
        self._row_s = 0.0
        self._batches = 0
        self.costs = costs
        self.turns = turns or LoopTurns(loop)
        self._run_turn = self.turns.run
        self.stats = stats or Stats()
        self._batch = BatchRun(model, self.stats)
        self._callbacks = Callbacks(self.stats)
        self.last_failed = False
        """Whether the model failed on a row of the last batch."""
        self.queue = RowQueue(costs, limits.slice_rows, limits.large_s)
        self.batch_started_s = 0.0
        """The time at which the batch began whose requests are being answered, on the loop's clock."""
        self.batch_s = 0.0
        """The seconds of that batch in the model."""
        self.observe_batch: Callable[[list[Segment], int, float, float], object] | None = None
        """Receives the segments, the number of rows, the start and the seconds of each batch before its requests are answered."""
        self.answer_row_s = 0.0
        """The learned seconds to encode and send the answer to one row of a request of many rows."""

    @property
    def queued_rows(self) -> int:
        """The number of rows that wait."""
        return self.queue.rows

    def submit(self, work: Work) -> None:
        """Add a request's rows; its ``finish`` is called exactly once, now or later.

        A request that cannot be accepted is answered immediately with ``QueueFullError`` or ``DrainingError``. An exception that
        ``finish`` raises is logged and counted, never raised from here.
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

    def answer(self, work: Work, values: Values) -> None:
        """Give a request its predictions without the model, which a cache in front of the batcher has; see ``submit``."""
        if work.count > 1:
            self._answer_many(work, values)
        else:
            self._callbacks.answer(work, values, None)

    def hold(self, rows: int) -> None:
        """Dispatch no batch until ``rows`` rows wait, then that batch, once: for tests that need a certain batch."""
        self._hold_rows = rows
        self._arrange()

    def drain(self, done: Callable[[], object]) -> None:
        """Accept no more rows, answer the accepted ones, then call ``done``."""
        self._draining = True
        self._hold_rows = 0
        self._drained.append(done)
        self._arrange()

    def row_s(self) -> float:
        """Return the model's seconds for a row in batches of the recent size."""
        return self._row_s or self.costs.predict(1)

    def expected_s(self) -> float:
        """Return the expected seconds of all waiting rows, roughly."""
        return self._row_s * self.queue.rows

    def scale_times(self, ratio: float) -> None:
        """Shorten batches, for the sake of a model with a tighter SLO on the same loop.

        Args:
            ratio: the tighter SLO over the model's own, at most 1; at 1 batches are as long as by themselves.
        """
        limits = self._limits
        batch_s = limits.batch_s * ratio
        batch_rows = self._policy.batch_rows

        def shorter_rows(queued_rows: int, first_rows: int, costs: BatchCosts) -> int:
            return costs.rows_within(batch_s, batch_rows(queued_rows, first_rows, costs))

        self._batch_rows = batch_rows if ratio == 1.0 else shorter_rows
        self._inline_limit_s = limits.inline_s if ratio == 1.0 else min(limits.inline_s, batch_s)
        self.queue.set_large_time(limits.large_s * ratio)

    def _arrange(self, reason: str = "pass") -> None:
        """Schedule the next batch, if rows wait; if no rows wait, report the end of a drain."""
        queue = self.queue
        while queue.rows and not (self.is_running or self._arranged or queue.rows < self._hold_rows):
            delay = 0.0
            if not (self._draining or self._never_waits):
                delay = self._policy.delay(queue.rows, *queue.waits(self._clock()), self.costs)
            if not self.is_listed:
                self.turns.enlist(self)
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
                self._reason = reason
                turns = self.turns
                if not turns.due:
                    self._call_soon(self._run_turn)
                turns.due.append(self)
                return
            self._run_next("at_once")
        if self._draining:
            self._report_drained()

    def _on_timer(self) -> None:
        self._timer = None
        self._arrange("delay")

    def dispatch(self) -> None:
        """Run the next batch, if rows wait, and arrange the one after it; called by ``LoopTurns``."""
        self._arranged = False
        if self.queue.rows and not self.is_running and self.queue.rows >= self._hold_rows:
            self._run_next(self._reason)
            self._arrange()

    def _run_next(self, reason: str) -> None:
        """Take the next batch and run it, here or in the thread."""
        self.is_running = True
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
            self.is_running = in_thread

    def _take(self, now: float) -> tuple[list[Segment], int]:
        """Take the next batch. Requests that expired, or whose client left, are removed and answered."""
        queue, add_wait = self.queue, self.stats.wait_s.add
        dropped: list[tuple[Work, Exception, str]] = []

        def may_run(work: Work) -> bool:
            first = work.n_taken == 0
            if now > work.deadline and (first or work.strict):
                dropped.append((work, ExpiredError("its deadline passed while it waited"), "expired"))
                return False
            try:
                is_abandoned = work.requester.is_abandoned()
            except BaseException as raised:
                self._callbacks.survive(raised, "the callback that returns whether a client has left", work)
                is_abandoned = False
            if is_abandoned:
                dropped.append((work, GoneError("its client left"), "gone"))
                return False
            if first:
                add_wait(now - work.arrived)
            return True

        budget = self._batch_rows(queue.rows, queue.first_rows(), self.costs)
        segments, rows = queue.take(budget, now, may_run)
        for work, error, reason in dropped:
            self._drop(work, error, reason)
        return segments, rows

    def _start(self, segments: list[Segment], rows: int) -> bool:
        """Run a batch; return whether it is still running, in the thread."""
        predicted = self.costs.predict(rows)
        if predicted <= self._inline_limit_s:
            started = self._clock()
            try:
                outcome = self._batch.run(segments, rows)
            except Exception as error:
                outcome = fail_all(segments, f"a batch could not be run: {error!r}")
            seconds = self._clock() - started
            self.turns.measured_s += seconds
            self._finish(segments, rows, predicted, started, seconds, outcome)
            return False

        def run_timed() -> tuple[float, float, Outcome]:
            started = self._clock()
            outcome = self._batch.run(segments, rows)
            return started, self._clock() - started, outcome

        def finish(result: tuple[float, float, Outcome] | None, error: BaseException | None) -> None:
            self.turns.n_in_thread -= 1
            try:
                if result is None:
                    result = (self._clock(), 0.0, fail_all(segments, f"the thread that ran a batch failed: {error!r}"))
                self._finish(segments, rows, predicted, *result)
            finally:
                self.is_running = False
                self._arrange()

        try:
            self._offload(run_timed, finish)
        except Exception as error:
            failures = fail_all(segments, f"no thread was available to run a batch: {error!r}")
            self._finish(segments, rows, predicted, self._clock(), 0.0, failures)
            return False
        self.turns.n_in_thread += 1
        return True

    def _finish(
        self,
        segments: list[Segment],
        rows: int,
        predicted: float,
        started: float,
        seconds: float,
        outcome: Outcome,
    ) -> None:
        """Answer every request of a batch that has all of its predictions, or failed; learn from its time."""
        stats = self.stats
        self.batch_started_s, self.batch_s = started, seconds
        if self.observe_batch is not None:
            self.observe_batch(segments, rows, started, seconds)
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
                    work.requester.finish(result, None)
                except BaseException as raised:
                    self._callbacks.survive(raised, ANSWER_CALLBACK, work)
            else:
                if part.count < work.count:
                    work.values += result
                    result = work.values
                if len(result) == work.count:
                    self._answer_many(work, result)
        self.last_failed = failed
        if self.queue.turn_since_s is not None:
            self.queue.end_batch(seconds, rows, self._clock())
        # The time of a batch that failed, or was run by halves, does not predict the next one.
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
        """Answer a request of many rows, and learn the time for each row."""
        started = self._clock()
        self._callbacks.answer(work, values, None)
        seconds = self._clock() - started
        self.turns.measured_s += seconds
        self.answer_row_s = _follow(self.answer_row_s, seconds / work.count)

    def _give_up(self, work: Work, error: Exception) -> None:
        """Answer a request that failed, and remove its remaining rows from the queue."""
        self.queue.discard(work)
        self._drop(work, error, "failed")

    def _drop(self, work: Work, error: Exception, reason: str) -> None:
        self.stats.count(self.stats.dropped, reason)
        self._callbacks.answer(work, None, error)

    def _report_drained(self) -> None:
        if not self.queue.rows and not self.is_running:
            waiting, self._drained = self._drained, []
            for done in waiting:
                self._callbacks.drained(done)


def _follow(learned_s: float, row_s: float) -> float:
    """Return the learned cost of a row after another measurement; 0 means that there was no measurement before."""
    learned_s = learned_s or row_s
    return learned_s + ROW_RATE * (min(row_s, ROW_OUTLIER * learned_s) - learned_s)
