"""A run over numbers: each composition runs in a process, whose crash or hang does not end the run."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from benchmarks.fuzz_export.attempt import CPU_SECONDS, FIT_CPU_SECONDS, REDRAWS_MAX, attempt
from benchmarks.fuzz_export.outcome import Result

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""The variables that limit a process to one core."""
TASKS_MAX = 100
"""The number of compositions after which a new process replaces the old one."""
CPU_SECONDS_MAX = 2 * CPU_SECONDS + REDRAWS_MAX * FIT_CPU_SECONDS
"""The processor time of one composition after which the system ends the process: a hang inside a library."""
TOLD_EVERY = 25
"""The number of compositions after which the run reports its progress."""
WAIT_SECONDS = 5.0
Tell = Callable[[str], None]


class _Worker:
    """A process, and the number of its current composition."""

    def __init__(self, seed: int) -> None:
        context = get_context("spawn")
        self.connection: Connection
        self.connection, worker_connection = context.Pipe()
        self.process: Any = context.Process(target=_work, args=(worker_connection, seed), daemon=True)
        self.process.start()
        worker_connection.close()
        self.number: int | None = None
        self.tasks = 0

    def give(self, number: int) -> None:
        """Send the number of a composition to the process."""
        self.number = number
        self.tasks += 1
        self.connection.send(number)

    def stop(self) -> None:
        """End the process when it is idle."""
        with contextlib.suppress(OSError):
            self.connection.send(None)
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()


def run(
    numbers: Sequence[int], seed: int, jobs: int, tell: Tell, keep: Callable[[list[Result]], None] | None = None
) -> list[Result]:
    """Try compositions.

    Args:
        numbers: the numbers of the compositions.
        seed: the run's seed.
        jobs: the number of compositions at a time, each in a process of its own.
        tell: the function that receives a line for each bug, and the progress.
        keep: the function that receives all results so far, after every few compositions.

    Returns:
        A result for each number, in their order.
    """
    results: dict[int, Result] = {}
    started_s = time.monotonic()
    for result in _try_compositions(numbers, seed, jobs):
        results[result.number] = result
        if result.outcome in ("RAW", "not proven"):
            tell(f"{result.number}: {result.outcome}: {result.words[:200]} {result.place}")
        if len(results) % TOLD_EVERY == 0:
            if keep is not None:
                keep([results[number] for number in numbers if number in results])
            tell(
                f"[{len(results):,}/{len(numbers):,}] {outcome_counts(list(results.values()))}, {time.monotonic() - started_s:.0f} s"
            )
    return [results[number] for number in numbers]


def outcome_counts(results: Sequence[Result]) -> str:
    """Return the number of compositions by outcome, as text."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    return ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))


def _try_compositions(numbers: Sequence[int], seed: int, jobs: int) -> Iterator[Result]:
    for variable in THREADS:
        os.environ.setdefault(variable, "1")
    pending = deque(numbers)
    workers: list[_Worker] = []
    try:
        for _ in range(min(jobs, len(pending))):
            workers.append(_Worker(seed))
            workers[-1].give(pending.popleft())
        while workers:
            ready = wait([worker.connection for worker in workers], WAIT_SECONDS)
            for worker in [worker for worker in workers if worker.connection in ready]:
                result = _receive_result(worker)
                yield result
                workers.remove(worker)
                if not worker.process.is_alive() or worker.tasks >= TASKS_MAX or not pending:
                    worker.stop()
                    worker = _Worker(seed) if pending else worker
                if pending:
                    worker.give(pending.popleft())
                    workers.append(worker)
    finally:
        for worker in workers:
            worker.process.kill()


def _receive_result(worker: _Worker) -> Result:
    assert worker.number is not None
    try:
        return Result.model_validate_json(worker.connection.recv())
    except (EOFError, OSError):
        worker.process.join(10)
        return Result(
            number=worker.number,
            outcome="RAW",
            words=f"the process ended with exit code {worker.process.exitcode}",
            place="process",
        )


def _work(connection: Connection, seed: int) -> None:
    while (number := connection.recv()) is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime) + CPU_SECONDS_MAX
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        connection.send(attempt(seed, number).model_dump_json())
