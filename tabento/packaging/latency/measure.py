"""The measurement: short rounds of a model's runs, each between runs of the reference operation."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.bundle.session import open_session
from tabento.packaging.latency.reference import open_reference
from tabento.packaging.latency.rounds import Round, describe_disturbance, summarise
from tabento.packaging.latency.table import LatencyTable, Machine
from tabento.tables.wide_rows import wide_rows

BATCH_SIZES = (1, 2, 4, 8, 10, 16, 32, 64, 128, 256, 512, 1000)
BUDGET_S = 3.0
"""The duration of one attempt at all measurements."""
ATTEMPTS_MAX = 3
"""The largest number of attempts. Each attempt adds its rounds to the rounds of earlier attempts."""
ROUND_S = 0.002
"""The duration of the runs of one round. A system with more work than processors takes a thread off its core after 3 to 10
milliseconds, so that many rounds are not interrupted even then."""
_ROUNDS_MIN = 5
"""The smallest number of rounds of each batch size, regardless of the budget."""
_REFERENCE_RUNS = 3
"""The number of runs of the reference before and after a round; the median is used."""
_WARM_UPS = 3
_FINE_STEP_NS = 2_000
"""A clock that advances in larger steps cannot time a row."""

Clock = Callable[[], int]
"""Returns nanoseconds."""


def measure_latency(
    model: bytes,
    rows: NDArray[np.float64],
    batch_sizes: Sequence[int] = BATCH_SIZES,
    budget_s: float = BUDGET_S,
    *,
    is_undecided: Callable[[LatencyTable], bool] | None = None,
) -> LatencyTable:
    """Measure a model on one thread, without garbage collection, on real rows that change from run to run.

    The runs are timed by the processor time of this thread if the system has a fine clock of it, so the time that other
    processes take does not count. Rounds in which the reference operation is slow, or in which the thread waited for a
    processor, are discarded.

    Args:
        model: The serialised ONNX graph of ``tabento.bundle.format``.
        rows: float64 of shape (N, F), N at least 1; repeated if a batch is larger.
        batch_sizes: Rows per batch, ascending, the first 1.
        budget_s: Seconds for one attempt; a single run is never cut short.
        is_undecided: Whether a table leaves a limit undecided because the machine was disturbed. If so, the measurement
            is repeated, up to ``ATTEMPTS_MAX`` attempts in all.

    Raises:
        ValueError: there is no row, or the batch sizes do not start with 1.
    """
    if rows.ndim != 2 or len(rows) == 0:
        raise ValueError(f"expected rows of shape (N, F) with N of at least 1, got {rows.shape}")
    if not batch_sizes or batch_sizes[0] != 1:
        raise ValueError(f"expected batch sizes that start with 1, got {list(batch_sizes)}")
    session, reference = open_session(model), open_reference()
    rows = wide_rows(session, rows)
    enough = np.ascontiguousarray(np.resize(rows, (max(len(rows), 2 * batch_sizes[-1]), rows.shape[1])))
    clock_name, clock = choose_clock()
    timers = {size: _Timer(session, reference, enough, size, clock) for size in batch_sizes}
    rounds: dict[int, list[Round]] = {size: [] for size in batch_sizes}
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            _measure(timers, rounds, budget_s)
            table = _table(rounds, clock_name, attempt)
            if is_undecided is None or not is_undecided(table):
                break
    finally:
        if was_enabled:
            gc.enable()
    return table


def choose_clock() -> tuple[Literal["processor", "wall"], Clock]:
    """Return the clock of this thread's processor time if it is fine enough, else the one of the time that passes."""
    steps = []
    last = time.thread_time_ns()
    for _ in range(200):
        now = time.thread_time_ns()
        if now > last:
            steps.append(now - last)
        last = now
    if steps and min(steps) <= _FINE_STEP_NS:
        return "processor", time.thread_time_ns
    return "wall", time.perf_counter_ns


class _Timer:
    """Times rounds of one batch size; the rows change from run to run and from round to round."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        reference: Callable[[], object],
        rows: NDArray[np.float64],
        size: int,
        clock: Clock,
    ) -> None:
        self._session, self._reference, self._rows, self._size, self._clock = session, reference, rows, size, clock
        self._place = 0
        for _ in range(_WARM_UPS):
            self._run()
            reference()

    def round(self, seconds: float) -> Round:
        """Time at least one run, for the given seconds, between runs of the reference."""
        started_ns, processor_started_ns = time.perf_counter_ns(), time.thread_time_ns()
        before = self._reference_us()
        deadline = time.perf_counter_ns() + int(seconds * 1e9)
        times = [self._run()]
        while time.perf_counter_ns() < deadline:
            times.append(self._run())
        reference_us = max(before, self._reference_us())
        passed_ns, worked_ns = time.perf_counter_ns() - started_ns, time.thread_time_ns() - processor_started_ns
        # Only the processor's clock can tell: a coarse one would be wrong in every round.
        waiting = max(0.0, 1 - worked_ns / passed_ns) if self._clock is time.thread_time_ns else 0.0
        return Round([value / 1000 for value in times], reference_us, waiting)

    def _run(self) -> int:
        """Return the nanoseconds of one run."""
        start = self._place % (len(self._rows) - self._size + 1)
        self._place += 1
        batch = self._rows[start : start + self._size]
        started_ns = self._clock()
        self._session.run([PREDICTION_NAME], {INPUT_NAME: batch})
        return self._clock() - started_ns

    def _reference_us(self) -> float:
        times = []
        for _ in range(_REFERENCE_RUNS):
            started_ns = self._clock()
            self._reference()
            times.append(self._clock() - started_ns)
        return statistics.median(times) / 1000


def _measure(timers: dict[int, _Timer], rounds: dict[int, list[Round]], budget_s: float) -> None:
    """Add rounds of all batch sizes in turn until the time is up, so that a disturbance affects all of them equally."""
    seconds = min(ROUND_S, budget_s / _ROUNDS_MIN / len(timers))
    deadline = time.perf_counter_ns() + int(budget_s * 1e9)
    turn = 0
    while turn < _ROUNDS_MIN or time.perf_counter_ns() < deadline:
        for size, timer in timers.items():
            rounds[size].append(timer.round(seconds))
        turn += 1


def _table(rounds: dict[int, list[Round]], clock: Literal["processor", "wall"], attempts: int) -> LatencyTable:
    quiet_us = min(item.reference_us for items in rounds.values() for item in items)
    batches = tuple(summarise(size, items, quiet_us) for size, items in rounds.items())
    return LatencyTable(
        machine=Machine(cpu=_cpu_name(), cores=_cores()),
        versions={
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        threads=1,
        rounds=len(next(iter(rounds.values()))),
        batches=batches,
        disturbance=describe_disturbance(rounds, batches, clock, attempts),
    )


def _cpu_name() -> str:
    """Return the processor's name as Linux tells it, else what Python knows."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
