"""The threads that fetch bundles. The process ends without them: a source that hangs must not delay the end of a service.

The threads of ``ThreadPoolExecutor`` would: Python waits for them when it ends. What a thread leaves behind is removed by the next
fetch, see ``rollout.cascade.staging``.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class FetchThreads:
    """Runs functions in daemon threads.

    Args:
        limit: the largest number of threads at a time; further functions wait.
    """

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)

    async def run(self, function: Callable[[], T]) -> T:
        """Return the result of a function that runs in a thread; a cancelled call leaves its thread to itself.

        Raises:
            Exception: an error of the function.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        await self._free.acquire()
        try:
            arguments = (loop, outcome, function)
            threading.Thread(target=self._work, args=arguments, name="tabento-fetch", daemon=True).start()
        except BaseException:
            self._free.release()
            raise
        try:
            return await outcome
        finally:
            del outcome, arguments  # an error would refer to itself by its traceback

    def _work(self, loop: asyncio.AbstractEventLoop, outcome: asyncio.Future[T], function: Callable[[], T]) -> None:
        try:
            report = partial(self._succeed, outcome, function())
        except BaseException as error:
            report = partial(self._fail, outcome, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(report)
        del report, outcome  # see above

    def _succeed(self, outcome: asyncio.Future[T], result: T) -> None:
        self._free.release()
        if not outcome.done():
            outcome.set_result(result)

    def _fail(self, outcome: asyncio.Future[T], error: BaseException) -> None:
        self._free.release()
        if not outcome.done():
            outcome.set_exception(error)
