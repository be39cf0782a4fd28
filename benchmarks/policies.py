"""Other rules of dispatch, to be held against the one that ships (``runners.policy.Coalesce``).

All of them run inside the same micro-batcher, so that only the rule differs. Each follows its authors' description,
counted in rows. They bound a batch in rows only, as theirs do; the batcher slices large requests for all of them.
"""

from __future__ import annotations

from collections import deque

from runners.costs import BatchCosts
from runners.policy import NO_DELAY

POLL_S = 0.001
"""The interval at which BentoML's dispatcher checks its queue."""
KEPT_BATCHES = 50
"""The number of batches to which BentoML's dispatcher fits its line."""
SKIPPED_BATCHES = 2
"""The number of batches that it skips after the start."""
WAIT_DECAY = 0.95
"""The share of the mean wait of past batches up to which it waits again."""


class Immediate:
    """Each request is a batch of its own, run immediately, as in a service without batching."""

    never_waits = False

    def delay(self, queued_rows: int, oldest_wait: float, newest_wait: float, costs: BatchCosts) -> float:
        """See ``runners.policy.Policy``."""
        return NO_DELAY

    def batch_rows(self, queued_rows: int, first_rows: int, costs: BatchCosts) -> int:
        """See ``runners.policy.Policy``."""
        return first_rows

    def observe(self, rows: int, seconds: float, latency: float) -> None:
        """See ``runners.policy.Policy``: nothing to learn."""


class FixedDelay:
    """Wait a fixed time after the first row, or until the batch is full: TensorFlow Serving, Triton, LitServe, MLServer.

    Args:
        delay_s: the longest wait of the first row, in seconds.
        max_batch_rows: the number of rows of a full batch.
    """

    never_waits = False

    def __init__(self, delay_s: float, max_batch_rows: int) -> None:
        self._delay_s = delay_s
        self._max_batch_rows = max_batch_rows

    def delay(self, queued_rows: int, oldest_wait: float, newest_wait: float, costs: BatchCosts) -> float:
        """See ``runners.policy.Policy``."""
        return 0.0 if queued_rows >= self._max_batch_rows else max(self._delay_s - oldest_wait, 0.0)

    def batch_rows(self, queued_rows: int, first_rows: int, costs: BatchCosts) -> int:
        """See ``runners.policy.Policy``."""
        return self._max_batch_rows

    def observe(self, rows: int, seconds: float, latency: float) -> None:
        """See ``runners.policy.Policy``: nothing to learn."""


class Aimd:
    """Additive increase, multiplicative decrease of the largest batch, after Clipper (Crankshaw et al., NSDI 2017, 4.3.1).

    The largest batch grows by a fixed number of rows until a batch takes longer than the objective, and then shrinks by
    10%. Only a full batch has information about a larger batch. There is no delay, as in the paper's default.

    Args:
        objective_s: the longest time of a batch, in seconds.
        max_batch_rows: the largest batch in rows.
        step_rows: the number of rows that are added at a time.
    """

    never_waits = False

    DECREASE = 0.9

    def __init__(self, objective_s: float, max_batch_rows: int, step_rows: int = 2) -> None:
        self._objective_s = objective_s
        self._max_rows = max_batch_rows
        self._step_rows = step_rows
        self._rows = 1.0

    def delay(self, queued_rows: int, oldest_wait: float, newest_wait: float, costs: BatchCosts) -> float:
        """See ``runners.policy.Policy``."""
        return 0.0

    def batch_rows(self, queued_rows: int, first_rows: int, costs: BatchCosts) -> int:
        """See ``runners.policy.Policy``."""
        return int(self._rows)

    def observe(self, rows: int, seconds: float, latency: float) -> None:
        """See ``runners.policy.Policy``: a slow batch shrinks the largest, a full one that was fast lets it grow."""
        if seconds > self._objective_s:
            self._rows = max(self._rows * self.DECREASE, 1.0)
        elif rows >= int(self._rows):
            self._rows = min(self._rows + self._step_rows, self._max_rows)


class MeanRegression:
    """BentoML's ``CorkDispatcher`` (1.4.39): a line through the *mean* batch time, and a wait learned from past waits.

    It fits ``seconds = slope × rows + offset`` by least squares to the last 50 batches and waits on while
    ``rows × (wait of the newest + poll + slope)`` is at most 0.95 of the mean wait of those batches, looking again each
    millisecond. BentoML fits again every 5 s. This fits again after 50 more batches, and after each of the
    first 50, which is sooner. Not copied: its training requests at the start, and that it sheds the oldest request
    where the line puts it beyond the maximum latency, because admission decides about refusals here.

    Args:
        max_latency_s: BentoML's ``max_latency_ms``, from which the line starts before anything was fitted.
        max_batch_rows: the number of rows of a full batch.
    """

    never_waits = False

    def __init__(self, max_latency_s: float, max_batch_rows: int) -> None:
        self._max_batch_rows = max_batch_rows
        self._batches: deque[tuple[int, float, float]] = deque(maxlen=KEPT_BATCHES)
        self._observed = 0
        self.slope_s = min(2.0, max_latency_s * 2 / 30)
        """Seconds a row."""
        self.offset_s = min(1.0, max_latency_s / 30)
        """Seconds a batch."""
        self.wait_s = 0.0
        """The mean wait of the oldest request of a batch before it was run."""

    def delay(self, queued_rows: int, oldest_wait: float, newest_wait: float, costs: BatchCosts) -> float:
        """See ``runners.policy.Policy``."""
        wait_on = queued_rows * (newest_wait + POLL_S + self.slope_s) <= self.wait_s * WAIT_DECAY
        return POLL_S if queued_rows < self._max_batch_rows and wait_on else 0.0

    def batch_rows(self, queued_rows: int, first_rows: int, costs: BatchCosts) -> int:
        """See ``runners.policy.Policy``."""
        return self._max_batch_rows

    def observe(self, rows: int, seconds: float, latency: float) -> None:
        """See ``runners.policy.Policy``: fit again if the last fit is old."""
        self._observed += 1
        if self._observed <= SKIPPED_BATCHES:
            return
        self._batches.append((rows, seconds, max(latency - seconds, 0.0)))
        if self._observed <= KEPT_BATCHES or self._observed % KEPT_BATCHES == 0:
            self._fit()

    def _fit(self) -> None:
        count = len(self._batches)
        mean_rows = sum(rows for rows, _, _ in self._batches) / count
        mean_s = sum(seconds for _, seconds, _ in self._batches) / count
        spread = sum((rows - mean_rows) ** 2 for rows, _, _ in self._batches)
        if spread:
            slope = sum((rows - mean_rows) * (seconds - mean_s) for rows, seconds, _ in self._batches) / spread
            offset = mean_s - slope * mean_rows
        else:
            # Batches of one size do not determine slope and offset; least squares of the smallest norm, as BentoML's solver.
            slope = mean_s * mean_rows / (mean_rows**2 + 1)
            offset = mean_s / (mean_rows**2 + 1)
        self.slope_s = max(slope, 1e-6)
        self.offset_s = max(offset, 0.0)
        self.wait_s = sum(wait for _, _, wait in self._batches) / count
