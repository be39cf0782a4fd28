"""A row alone against the same row in batches, both in the graph: the answer must not depend on who else asks."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from training.parity.report import BatchParity
from training.parity.sessions import answers
from training.parity.steadiness import Steadiness
from training.parity.tried import Scale

BATCH_SIZES = (2, 50, 51, 80, 81, 128, 129, 1000)
"""ONNX Runtime changes its way through the trees near 50, 80 and 128 rows; 1,000 is the most that a request may hold."""
ALONE_ROWS = 5000
"""The most rows that are asked about one by one."""
BATCHED_ROWS = 200
"""How many of them are asked about again in batches of each size."""


def compare_batches(
    session: onnxruntime.InferenceSession,
    rows: NDArray[np.float64],
    got: NDArray[np.float64],
    steadiness: Steadiness,
    scale: Scale,
) -> tuple[int, tuple[BatchParity, ...], float]:
    """Ask about rows one by one and in batches of each size, at changing places, and compare.

    Args:
        session: the graph.
        rows: packed rows of shape (N, F).
        got: the graph's answers to them, shape (N, W).
        steadiness: knows which rows the pipeline does not answer in one way.
        scale: what differences are relative to.

    Returns:
        How many rows were asked about alone; the figures per size; the worst relative difference over all,
        ``BATCH_SIZES`` and the proof's own batches, rows that the pipeline does not answer in one way left out.
    """
    some = np.linspace(0, len(rows) - 1, min(ALONE_ROWS, len(rows))).astype(np.intp)
    alone = np.concatenate([answers(session, rows[at : at + 1]).reshape(1, -1) for at in some])
    relative, _ = _apart(rows[some], alone, got[some], steadiness, scale)
    worst = float(relative.max(initial=0.0))
    chosen = np.linspace(0, len(some) - 1, BATCHED_ROWS).astype(np.intp)
    results = []
    for size in BATCH_SIZES:
        # The list is repeated so that the last batch is full as well, whatever the size.
        order = chosen[np.arange(-(-BATCHED_ROWS // size) * size) % BATCHED_ROWS]
        together = np.concatenate(
            [answers(session, rows[some[part]]).reshape(size, -1) for part in order.reshape(-1, size)]
        )
        relative, equal = _apart(rows[some[order]], alone[order], together, steadiness, scale)
        results.append(BatchParity(size=size, bit_equal=equal, worst_relative=float(relative.max(initial=0.0))))
    return len(some), tuple(results), max([worst] + [result.worst_relative for result in results])


def _apart(
    rows: NDArray[np.float64],
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    steadiness: Steadiness,
    scale: Scale,
) -> tuple[NDArray[np.float64], bool]:
    """Return by how much the graph differs from itself, 1 for another label, (N,), and whether not at all."""
    _, relative, flips = scale.apart(one, other)
    largest = np.maximum(relative.max(axis=1, initial=0.0), flips)
    equal = not largest.any()
    beyond = np.flatnonzero(largest > scale.limits.relative)
    if len(beyond):
        excused = steadiness.branches_unsteady(rows[beyond])
        rest = beyond[~excused]
        excused[~excused] = steadiness.answers_undecided(
            rows[rest], one[rest], other[rest], scale.typical, scale.limits.relative
        )
        largest[beyond[excused]] = 0.0
    return largest, equal
