"""A row alone against the same row in batches, both in the graph: the answer must not depend on who else asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray

from training.parity.knife_edges import KnifeEdges
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


@dataclass
class Batches:
    """What was found by asking the graph about rows alone and in batches."""

    alone: int
    """How many rows were asked about alone."""
    batches: tuple[BatchParity, ...]
    """The figures per size."""
    worst_relative: float
    """The worst relative difference over all sizes and the proof's own batches, rows that are counted apart left out."""
    undecided: int
    """How many more rows are undecided than the proof's own batches showed."""
    cancelled: int
    """How many more rows differ by rounding, because large terms cancel."""
    knife_edges: NDArray[np.float64]
    """The distances of more knife edges."""


def compare_batches(
    session: onnxruntime.InferenceSession,
    rows: NDArray[np.float64],
    frame: pd.DataFrame,
    got: NDArray[np.float64],
    excused: NDArray[np.bool_],
    steadiness: Steadiness,
    knife_edges: KnifeEdges,
    scale: Scale,
) -> Batches:
    """Ask about rows one by one and in batches of each size, at changing places, and compare.

    Args:
        session: the graph.
        rows: packed rows of shape (N, F).
        frame: the same rows as the pipeline sees them.
        got: the graph's answers to them, shape (N, W).
        excused: the rows that are counted apart already, shape (N,).
        steadiness: knows which rows the pipeline does not answer in one way.
        knife_edges: knows which rows lie on the boundary of a decision.
        scale: what differences are relative to.
    """
    apart = _Apart(frame, excused, steadiness, knife_edges, scale)
    some = np.linspace(0, len(rows) - 1, min(ALONE_ROWS, len(rows))).astype(np.intp)
    alone = np.concatenate([answers(session, rows[at : at + 1]).reshape(1, -1) for at in some])
    relative, _ = apart.between(some, alone, got[some])
    worst = float(relative.max(initial=0.0))
    chosen = np.linspace(0, len(some) - 1, BATCHED_ROWS).astype(np.intp)
    results = []
    for size in BATCH_SIZES:
        # The list is repeated so that the last batch is full as well, whatever the size.
        order = chosen[np.arange(-(-BATCHED_ROWS // size) * size) % BATCHED_ROWS]
        together = np.concatenate(
            [answers(session, rows[some[part]]).reshape(size, -1) for part in order.reshape(-1, size)]
        )
        relative, equal = apart.between(some[order], alone[order], together)
        results.append(BatchParity(size=size, bit_equal=equal, worst_relative=float(relative.max(initial=0.0))))
    worst = max([worst] + [result.worst_relative for result in results])
    edges = np.array(apart.knife_edges, dtype=np.float64)
    return Batches(len(some), tuple(results), worst, apart.undecided, apart.cancelled, edges)


class _Apart:
    """Compares the graph with itself, and judges each row that differs once."""

    def __init__(
        self,
        frame: pd.DataFrame,
        excused: NDArray[np.bool_],
        steadiness: Steadiness,
        knife_edges: KnifeEdges,
        scale: Scale,
    ) -> None:
        self._frame = frame
        self._excused = excused.copy()
        self._steadiness = steadiness
        self._edges = knife_edges
        self._scale = scale
        self.undecided = 0
        self.cancelled = 0
        self.knife_edges: list[float] = []

    def between(
        self, places: NDArray[np.intp], one: NDArray[np.float64], other: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], bool]:
        """Return by how much the graph differs from itself, 1 for another label, (N,), and whether not at all."""
        _, relative, flips = self._scale.apart(one, other)
        largest = np.maximum(relative.max(axis=1, initial=0.0), flips)
        equal = not largest.any()
        beyond = np.flatnonzero((largest > self._scale.limits.relative) & ~self._excused[places])
        # A row comes several times in a batch; it is asked about once.
        _, first = np.unique(places[beyond], return_index=True)
        asked = beyond[first]
        if len(asked):
            self._judge(places[asked], [one[asked], other[asked]])
        largest[self._excused[places]] = 0.0
        return largest, equal

    def _judge(self, places: NDArray[np.intp], answered: list[NDArray[np.float64]]) -> None:
        if self._scale.labels:
            distances = self._edges.distances(self._frame.iloc[places], answered)
            near = np.isfinite(distances)
            self.knife_edges += distances[near].tolist()
            self._excused[places[near]] = True
            places, answered = places[~near], [some[~near] for some in answered]
        verdict = self._steadiness.judge(
            self._frame.iloc[places], answered, self._scale.typical, self._scale.limits.relative
        )
        self.undecided += int(verdict.undecided.sum())
        self.cancelled += int(verdict.cancelled.sum())
        self._excused[places[verdict.excused]] = True
