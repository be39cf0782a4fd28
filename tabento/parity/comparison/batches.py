"""A row alone against the same row in batches, both in the graph: the answer must not depend on the other rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray

from tabento.parity.comparison.batch_sensitivity import BatchSensitivity
from tabento.parity.comparison.compared_rows import Scale
from tabento.parity.comparison.knife_edges import KnifeEdges
from tabento.parity.report import BatchParity
from tabento.parity.sessions import answers

BATCH_SIZES = (2, 50, 51, 80, 81, 128, 129, 1000)
"""ONNX Runtime changes its loop over the trees near 50, 80 and 128 rows; 1,000 is the largest request."""
ALONE_ROWS = 5000
"""The largest number of rows that are answered one at a time."""
BATCHED_ROWS = 200
"""The number of those rows that are answered again in batches of each size."""


@dataclass
class Batches:
    """The differences of the graph's own answers, alone and in batches."""

    alone: int
    """The number of rows that were answered alone."""
    batches: tuple[BatchParity, ...]
    """The result for each size."""
    worst_relative: float
    """The largest relative difference over all sizes and the proof's own batches, without the excluded rows."""
    undecided: int
    """The number of undecided rows that the proof's own batches did not show."""
    cancelled: int
    """The number of such rows that differ by rounding, because large terms cancel."""
    knife_edges: NDArray[np.float64]
    """The distances of knife edges that the proof's own batches did not show."""


def compare_batches(
    session: onnxruntime.InferenceSession,
    rows: NDArray[np.float64],
    frame: pd.DataFrame,
    graph_answers: NDArray[np.float64],
    excluded: NDArray[np.bool_],
    sensitivity: BatchSensitivity,
    knife_edges: KnifeEdges,
    scale: Scale,
) -> Batches:
    """Run the graph on rows one at a time and in batches of each size, at changing positions, and compare the answers.

    Args:
        session: the graph.
        rows: packed rows, float64 of shape (N, F).
        frame: the same rows as the pipeline sees them.
        graph_answers: the graph's answers to them in the proof's own batches, shape (N, W).
        excluded: the rows that are counted separately already, shape (N,).
        sensitivity: finds rows for which the pipeline itself has several answers.
        knife_edges: finds rows on the boundary of a decision.
        scale: the magnitudes that differences are relative to.
    """
    comparison = _BatchComparison(frame, excluded, sensitivity, knife_edges, scale)
    indices = np.linspace(0, len(rows) - 1, min(ALONE_ROWS, len(rows))).astype(np.intp)
    alone = np.concatenate([answers(session, rows[index : index + 1]).reshape(1, -1) for index in indices])
    relative, _ = comparison.differences(indices, alone, graph_answers[indices])
    worst = float(relative.max(initial=0.0))
    repeated = np.linspace(0, len(indices) - 1, BATCHED_ROWS).astype(np.intp)
    results = []
    for size in BATCH_SIZES:
        # The list is repeated, so that the last batch is full for every size.
        order = repeated[np.arange(-(-BATCHED_ROWS // size) * size) % BATCHED_ROWS]
        batched = np.concatenate(
            [answers(session, rows[indices[part]]).reshape(size, -1) for part in order.reshape(-1, size)]
        )
        relative, is_equal = comparison.differences(indices[order], alone[order], batched)
        results.append(BatchParity(size=size, bit_equal=is_equal, worst_relative=float(relative.max(initial=0.0))))
    worst = max([worst] + [result.worst_relative for result in results])
    edges = np.array(comparison.knife_edges, dtype=np.float64)
    return Batches(len(indices), tuple(results), worst, comparison.undecided, comparison.cancelled, edges)


class _BatchComparison:
    """Compares the graph with itself, and explains each differing row once."""

    def __init__(
        self,
        frame: pd.DataFrame,
        excluded: NDArray[np.bool_],
        sensitivity: BatchSensitivity,
        knife_edges: KnifeEdges,
        scale: Scale,
    ) -> None:
        self._frame = frame
        self._excluded = excluded.copy()
        self._sensitivity = sensitivity
        self._edges = knife_edges
        self._scale = scale
        self.undecided = 0
        self.cancelled = 0
        self.knife_edges: list[float] = []

    def differences(
        self, indices: NDArray[np.intp], first: NDArray[np.float64], second: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], bool]:
        """Return the relative differences of two answers to the same rows, and whether all are equal.

        Args:
            indices: the rows, shape (N,); a row can appear several times.
            first: the graph's answers, shape (N, W).
            second: the graph's answers to the same rows in other batches, shape (N, W).

        Returns:
            Float64 of shape (N,): 1 for another label, 0 for excluded rows; and True if no row differs.
        """
        _, relative, flips = self._scale.differences(first, second)
        largest = np.maximum(relative.max(axis=1, initial=0.0), flips)
        is_equal = not largest.any()
        above_limit = np.flatnonzero((largest > self._scale.limits.relative) & ~self._excluded[indices])
        # A row appears several times in a batch; it is explained once.
        _, first_positions = np.unique(indices[above_limit], return_index=True)
        positions = above_limit[first_positions]
        if len(positions):
            self._explain(indices[positions], [first[positions], second[positions]])
        largest[self._excluded[indices]] = 0.0
        return largest, is_equal

    def _explain(self, indices: NDArray[np.intp], answers: list[NDArray[np.float64]]) -> None:
        """Exclude the rows whose difference is a knife edge or comes from scikit-learn itself."""
        if self._scale.labels:
            distances = self._edges.distances(self._frame.iloc[indices], answers)
            is_edge = np.isfinite(distances)
            self.knife_edges += distances[is_edge].tolist()
            self._excluded[indices[is_edge]] = True
            indices, answers = indices[~is_edge], [side[~is_edge] for side in answers]
        result = self._sensitivity.explain_differences(
            self._frame.iloc[indices], answers, self._scale.typical, self._scale.limits.relative
        )
        self.undecided += int(result.undecided.sum())
        self.cancelled += int(result.is_cancellation.sum())
        self._excluded[indices[result.excluded]] = True
