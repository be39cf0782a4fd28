"""One attempt to use a source, in a thread of its own: a source that never answers cannot hold its caller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from rollout.cascade.errors import TemporarySourceError

T = TypeVar("T")

STALL_S = 10.0
"""The seconds without a single piece after which an attempt is given up: a server that is alive sends something."""


class AttemptCancelledError(Exception):
    """The caller has given the attempt up. It ends the attempt's thread."""


class Attempt(Generic[T]):
    """A call in a daemon thread. If it is given up, the thread ends at the call's next step.

    Args:
        call: the call. It calls ``step`` of its argument after each piece that a source sent.
    """

    def __init__(self, call: Callable[[Attempt[T]], T]) -> None:
        self._call = call
        self._steps = 0
        self._is_cancelled = False
        self._ended = threading.Event()
        self._result: list[T] = []
        self._error: BaseException | None = None

    def step(self) -> None:
        """Record that the source has sent something.

        Raises:
            AttemptCancelledError: the attempt was given up.
        """
        self._steps += 1
        if self._is_cancelled:
            raise AttemptCancelledError

    def run(self, timeout_s: float, stall_s: float) -> T:
        """Return the result of the call.

        Args:
            timeout_s: the seconds within which the call must end.
            stall_s: the longest time between two steps, in seconds.

        Raises:
            TemporarySourceError: the call was given up.
            Exception: an error of the call.
        """
        threading.Thread(target=self._run, name="bundle-fetch", daemon=True).start()
        begin_s = step_s = time.monotonic()
        steps = 0
        while not self._ended.wait(max(min(begin_s + timeout_s, step_s + stall_s) - time.monotonic(), 0.001)):
            now_s = time.monotonic()
            if self._steps != steps:
                steps, step_s = self._steps, now_s
            if now_s - begin_s >= timeout_s:
                self._is_cancelled = True
                raise TemporarySourceError(f"it did not deliver the bundle within {timeout_s:.3g} s")
            if now_s - step_s >= stall_s:
                self._is_cancelled = True
                raise TemporarySourceError(f"it sent nothing for {stall_s:.3g} s")
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _run(self) -> None:
        try:
            self._result.append(self._call(self))
        except BaseException as error:
            self._error = error
        self._ended.set()
