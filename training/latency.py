"""Latency: what a batch costs in ONNX Runtime on the machine that trained, by batch size.

It feeds the gate, the card and ``latency.json``. It is documentation for people: a server measures its own host at
warm-up and never reads this table.
"""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bundle.contract import Strict
from bundle.format import INPUT_NAME, PREDICTION_NAME

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
BUDGET_S = 3.0
"""How long all measurements take together."""
ROUNDS = 5
"""Each batch size is measured in this many rounds, and the table keeps the round with the smallest p99. Another
process that takes the core for a moment spoils the rounds that it meets; a slow model is slow in every round."""
_WARM_UPS = 3
_RUNS_MIN = 5


class BatchLatency(Strict):
    """The cost of one batch size, in its best round."""

    rows: int
    """Rows in the batch."""
    p50_us: float
    """The median time of a batch in microseconds."""
    p95_us: float | None = None
    """The 95% quantile of a batch's time in microseconds; older bundles do not have it."""
    p99_us: float
    """The 99% quantile of a batch's time in microseconds; with fewer than 100 runs, close to the slowest."""
    us_per_row: float
    """The median time divided by the rows."""
    runs: int
    """How often the batch was run in that round."""


class Machine(Strict):
    """Where the figures were measured."""

    cpu: str
    """The processor's name."""
    cores: int
    """How many cores the process may use; the measurement uses one."""


class LatencyTable(Strict):
    """The content of ``latency.json``."""

    machine: Machine
    versions: dict[str, str]
    """Versions of Python, NumPy and ONNX Runtime."""
    threads: int
    """Threads that ONNX Runtime used for one batch."""
    rounds: int
    """How many rounds were measured; the figures are those of the round with the smallest p99."""
    batches: tuple[BatchLatency, ...]
    """One entry for each batch size, ascending."""

    @property
    def single_row_p99_us(self) -> float:
        """The 99% quantile of a single row's time in microseconds."""
        return next(batch.p99_us for batch in self.batches if batch.rows == 1)


def measure_latency(
    model: bytes,
    rows: NDArray[np.float64],
    batch_sizes: Sequence[int] = BATCH_SIZES,
    budget_s: float = BUDGET_S,
) -> LatencyTable:
    """Measure a model on one thread, without garbage collection, on real rows that change from run to run.

    Args:
        model: The serialised ONNX graph of ``bundle.format``.
        rows: float64 of shape (N, F), N at least 1; repeated where a batch is larger.
        batch_sizes: Rows per batch, ascending, the first 1.
        budget_s: Seconds for all of it; a single run is never cut short.

    Raises:
        ValueError: there is no row, or the batch sizes do not start with 1.
    """
    if rows.ndim != 2 or len(rows) == 0:
        raise ValueError(f"expected rows of shape (N, F) with N of at least 1, got {rows.shape}")
    if not batch_sizes or batch_sizes[0] != 1:
        raise ValueError(f"expected batch sizes that start with 1, got {list(batch_sizes)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    enough = np.ascontiguousarray(np.resize(rows, (max(len(rows), 2 * batch_sizes[-1]), rows.shape[1])))
    share_s = budget_s / ROUNDS / len(batch_sizes)
    best: dict[int, BatchLatency] = {}
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for size in batch_sizes:
                measured = _measure(session, enough, size, share_s)
                if size not in best or measured.p99_us < best[size].p99_us:
                    best[size] = measured
    finally:
        if was_enabled:
            gc.enable()
    return LatencyTable(
        machine=Machine(cpu=_cpu_name(), cores=_cores()),
        versions={
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        threads=1,
        rounds=ROUNDS,
        batches=tuple(best[size] for size in batch_sizes),
    )


def _measure(
    session: onnxruntime.InferenceSession, rows: NDArray[np.float64], size: int, seconds: float
) -> BatchLatency:
    """Run batches of one size, each of other rows, until the time is up."""
    times: list[int] = []
    places = len(rows) - size + 1
    for place in range(_WARM_UPS):
        session.run([PREDICTION_NAME], {INPUT_NAME: rows[place % places : place % places + size]})
    deadline = time.perf_counter_ns() + int(seconds * 1e9)
    while len(times) < _RUNS_MIN or time.perf_counter_ns() < deadline:
        place = len(times) % places
        batch = rows[place : place + size]
        began = time.perf_counter_ns()
        session.run([PREDICTION_NAME], {INPUT_NAME: batch})
        times.append(time.perf_counter_ns() - began)
    p50_us, p95_us, p99_us = (float(value) / 1000 for value in np.quantile(times, [0.5, 0.95, 0.99]))
    return BatchLatency(
        rows=size, p50_us=p50_us, p95_us=p95_us, p99_us=p99_us, us_per_row=p50_us / size, runs=len(times)
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
