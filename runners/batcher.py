"""The micro-batcher: rows of many requests in, one call of the model, each request's own predictions out.

Rows that arrive in one pass of the event loop are run together at its end, so that batches grow by themselves exactly
when the loop is busy, and an idle service waits for nothing. It counts rows, not requests. A request of many rows is
sliced, so that it does not hold single rows up, and put together again in order. A batch that is cheap runs on the loop;
a dear one in a thread, so that the loop goes on reading and answering. A batch that fails is run again by halves, so that
a row that breaks the model breaks its own request only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from runners.batch import BatchRun, Model, Outcome, Segment, none_of
from runners.clock import Loop, Offload, Timer
from runners.costs import BatchCosts
from runners.errors import DrainingError, ExpiredError, GoneError, QueueFullError
from runners.policy import Policy
from runners.stats import Stats
from runners.work import Work

ROW_RATE = 0.1
"""How fast the cost of a row follows the size of batches: the weight of one batch."""
ROW_OUTLIER = 2.0
"""A batch counts as at most this many times what its rows were expected to cost: it may have been the machine that paused."""


@dataclass(frozen=True)
class Limits:
    """The bounds within which the batcher works."""

    max_queue_rows: int
    """How many rows may wait; a request that does not fit is refused."""
    slice_rows: int
    """How many rows of one request go into one batch at most."""
    inline_s: float
    """Up to which predicted time a batch runs on the loop itself."""


class MicroBatcher:
    """Collects rows and runs them in batches.

    Args:
        model: what answers rows.
        loop: the event loop, or a simulated one.
        policy: when a batch is dispatched and how large it may be.
        costs: what is known of batch times; kept current.
        limits: the bounds.
        offload: runs a dear batch in a thread.
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
        self._queue: deque[Work] = deque()
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
        self.costs = costs
        self.stats = Stats()
        self._batch = BatchRun(model, self.stats)
        self.queued_rows = 0
        """How many rows wait."""

    def submit(self, work: Work) -> None:
        """Take a request's rows in; its ``done`` is called exactly once, now or later.

        A request that cannot be taken is answered at once with ``QueueFullError`` or ``DrainingError``.
        """
        if self._draining:
            self._drop(work, DrainingError("the service is stopping"), "draining")
            return
        if self.queued_rows + work.count > self._limits.max_queue_rows and self._queue:
            self._drop(work, QueueFullError(f"{self.queued_rows} rows are waiting"), "queue_full")
            return
        self._queue.append(work)
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
        """Return how long the waiting rows will take, predicted, in seconds."""
        if not self.queued_rows:
            return 0.0
        slice_rows = self._limits.slice_rows
        full, rest = divmod(self.queued_rows, slice_rows)
        return full * self.costs.predict(slice_rows) + (self.costs.predict(rest) if rest else 0.0)

    def row_s(self) -> float:
        """Return what a row takes now, in batches of the size that they have lately, in seconds."""
        return self._row_s or self.costs.predict(1)

    def inline_total_s(self) -> float:
        """Return how long batches have run on the loop itself in all, in seconds."""
        return self._inline_s

    def _arrange(self, reason: str = "pass") -> None:
        """See to it that what waits is dispatched, when the policy says; where nothing waits, tell who drains."""
        queue = self._queue
        while queue and not (self._running or self._arranged or self.queued_rows < self._hold_rows):
            now = self._loop.time()
            delay = 0.0
            if not self._draining:
                waits = now - queue[0].arrived, now - queue[-1].arrived
                delay = self._policy.delay(self.queued_rows, *waits, self.costs)
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
        if self._queue and not self._running and self.queued_rows >= self._hold_rows:
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
        """Take the next batch from the queue, in order, leaving out whoever expired or left."""
        segments: list[Segment] = []
        queue = self._queue
        first_rows = queue[0].count - queue[0].taken
        budget = self._policy.batch_rows(self.queued_rows, first_rows, self.costs)
        rows = 0
        kept: list[Work] = []
        dropped: list[tuple[Work, Exception, str]] = []
        while queue and rows < budget:
            work = queue.popleft()
            first = work.taken == 0
            if now > work.deadline and (first or work.strict):
                self.queued_rows -= work.count - work.taken
                dropped.append((work, ExpiredError("its deadline passed while it waited"), "expired"))
                continue
            if work.gone():
                self.queued_rows -= work.count - work.taken
                dropped.append((work, GoneError("its client left"), "gone"))
                continue
            if first:
                self.stats.wait_s.add(now - work.arrived)
            count = min(work.count - work.taken, self._limits.slice_rows, budget - rows)
            segments.append(Segment(work, work.taken, count))
            work.taken += count
            rows += count
            self.queued_rows -= count
            if work.taken < work.count:
                kept.append(work)
        queue.extendleft(reversed(kept))
        for work, error, reason in dropped:
            self._drop(work, error, reason)
        return segments, rows

    def _start(self, segments: list[Segment], rows: int) -> bool:
        """Run a batch; tell whether it is still running, in the thread."""
        predicted = self.costs.predict(rows)
        if predicted <= self._limits.inline_s:
            started = self._clock()
            outcome = self._batch.run(segments, rows)
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
        stats = self.stats
        stats.batch_rows.add(rows)
        stats.batch_s.add(seconds)
        failed = False
        for part, result in zip(segments, outcome, strict=True):
            work = part.work
            if isinstance(result, Exception):
                failed = True
                self._give_up(work, result)
            elif part.count == work.count:
                work.done(result, None)
            else:
                work.values += result
                if len(work.values) == work.count:
                    work.done(work.values, None)
        # What a batch took that failed, or was run in pieces, says nothing about the next.
        if not failed:
            self.costs.observe(rows, seconds)
            row_s = seconds / rows
            known_s = self._row_s or row_s
            self._row_s = known_s + ROW_RATE * (min(row_s, ROW_OUTLIER * known_s) - known_s)
            if predicted > 0:
                stats.predicted_ratio.add(seconds / predicted)
            self._policy.observe(rows, seconds, self._loop.time() - segments[0].work.arrived)

    def _give_up(self, work: Work, error: Exception) -> None:
        """Answer a request that failed, and take the rest of its rows out of the queue."""
        if work.taken < work.count:
            self._queue.remove(work)
            self.queued_rows -= work.count - work.taken
        self.stats.count(self.stats.dropped, "failed")
        work.done(None, error)

    def _drop(self, work: Work, error: Exception, reason: str) -> None:
        self.stats.count(self.stats.dropped, reason)
        work.done(None, error)

    def _tell_drained(self) -> None:
        if not self._queue and not self._running:
            waiting, self._drained = self._drained, []
            for done in waiting:
                done()
