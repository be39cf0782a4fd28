"""The threads that fetch bundles: bounded, cancelled without harm, and no reason for a process to stay."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref

import pytest

from serving.fleet.fetching import FetchThreads
from tests.serving.fleet.small_fleet import until

HANGING = """
import asyncio, threading
from serving.fleet.fetching import FetchThreads

async def main():
    started = threading.Event()
    task = asyncio.create_task(FetchThreads(1).run(lambda: started.set() or threading.Event().wait()))
    while not started.is_set():
        await asyncio.sleep(0.001)
    task.cancel()

asyncio.run(main())
print("ended")
"""


def test_results_and_errors_are_returned() -> None:
    """The caller gets the result of its function, or its error."""

    async def run() -> None:
        threads = FetchThreads(1)
        assert await threads.run(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        assert await threads.run(lambda: 8) == 8

    asyncio.run(run())


def test_the_number_of_threads_is_bounded_also_after_a_cancelled_call() -> None:
    """A thread counts until its function ends, although nobody waits for it any more."""

    async def run() -> None:
        threads, release = FetchThreads(2), threading.Event()
        started: list[int] = []

        def hang(number: int) -> int:
            started.append(number)
            release.wait()
            return number

        tasks = [asyncio.create_task(threads.run(lambda number=number: hang(number))) for number in range(3)]  # type: ignore[misc]
        await until(lambda: len(started) == 2, "two functions to run")
        tasks[0].cancel()
        await asyncio.gather(tasks[0], return_exceptions=True)
        assert started == [0, 1]
        release.set()
        assert await asyncio.gather(*tasks[1:]) == [1, 2]

    asyncio.run(run())


def test_an_error_is_freed_without_a_collection() -> None:
    """A failed fetch leaves no circle of objects, which a service that loads on demand would keep."""

    class LostError(Exception):
        pass

    def lose() -> None:
        raise LostError

    async def run() -> None:
        threads = FetchThreads(1)
        references: list[weakref.ref[LostError]] = []
        try:
            await threads.run(lose)
        except LostError as error:
            references.append(weakref.ref(error))
        await until(lambda: references[0]() is None, "the error to be freed", 5.0)

    gc.collect()
    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()


def test_a_process_ends_while_a_fetch_hangs() -> None:
    """The end of a service does not wait for a source."""
    finished = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=60, check=True, cwd="."
    )
    assert finished.stdout == "ended\n"
