"""The parts of an event loop that the runner needs, so that it also runs on a simulated loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Protocol


class Timer(Protocol):
    """The timer that ``call_later`` returns."""

    def cancel(self) -> object:
        """Cancel the callback."""
        ...


class Loop(Protocol):
    """The part of ``asyncio.AbstractEventLoop`` that the runner uses; times are in seconds."""

    def time(self) -> float:
        """Return the loop's monotonic clock."""
        ...

    def call_soon(self, callback: Callable[..., object], *args: Any) -> object:
        """Run a callback in the next pass, after the callbacks that already wait there."""
        ...

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Run a callback after a delay, unless it is cancelled."""
        ...


class Offload(Protocol):
    """Runs a function outside the loop and passes its result, or its exception, to a callback on the loop."""

    def __call__(self, function: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """Start the function; ``done`` is called later, never within this call.

        Raises:
            Exception: the function could not be started; ``done`` will not be called.
        """
        ...


class RunningLoop:
    """The running asyncio loop, with a clock finer than uvloop's own, which counts in milliseconds.

    Args:
        loop: the loop of this thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.call_soon = loop.call_soon
        self.call_later = loop.call_later
        self.time = perf_counter


class ThreadOffload:
    """Runs functions in a thread, and their callbacks on the loop. The thread begins with the first function.

    Args:
        loop: the loop of this thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool: ThreadPoolExecutor | None = None
        self._is_closed = False

    def __call__(self, function: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """See ``Offload``."""

        def report(future: asyncio.Future[Any]) -> None:
            error = future.exception()
            done(None if error else future.result(), error)

        if self._pool is None:
            if self._is_closed:
                raise RuntimeError("no function can be started: the model is no longer live")
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="tabento-runner")
        self._loop.run_in_executor(self._pool, function).add_done_callback(report)

    def close(self) -> None:
        """End the thread when its work is done."""
        self._is_closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=False)
