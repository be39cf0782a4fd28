"""The cost of one body: CPU time in total and in the longest slice, and memory."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

from serving.codec.rows import Rows
from serving.codec.slices import Steps
from serving.errors import ServingError

DecodeSteps = Callable[[bytes], Steps[Rows]]


@dataclass(frozen=True)
class Cost:
    """The cost of one body."""

    size: int
    """Bytes of the body."""
    seconds: float
    """CPU time of the whole decoding."""
    slice_s: float
    """CPU time of the longest slice."""

    @property
    def ns_per_byte(self) -> float:
        """CPU time for each byte of the body, in nanoseconds."""
        return self.seconds * 1e9 / max(self.size, 1)


def measure_time(decode_steps: DecodeSteps, body: bytes, repeats: int = 1) -> Cost:
    """Decode a body, and return the least time of several repeats: the rest is disturbance by other programs."""
    total, longest = float("inf"), float("inf")
    for _ in range(repeats):
        slices: list[float] = []
        steps = decode_steps(body)
        # CPU time of this thread: the time of other programs is not included.
        started = time.thread_time()
        with contextlib.suppress(StopIteration, ServingError):
            while True:
                before = started if not slices else time.thread_time()
                try:
                    next(steps)
                finally:
                    slices.append(time.thread_time() - before)
        total = min(total, time.thread_time() - started)
        longest = min(longest, max(slices))
    return Cost(len(body), total, longest)


def measure_memory(decode_steps: DecodeSteps, body: bytes) -> int:
    """Return the peak memory of decoding a body in bytes, with the result and without the body."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        with contextlib.suppress(ServingError):
            for _ in decode_steps(body):
                pass
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
