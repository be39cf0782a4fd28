"""Batch sensitivity: the rows that scikit-learn itself answers in more than one way.

Linear algebra adds products in an order that depends on the number of rows in a batch. The last bits of a principal component
or of a score can therefore differ between a row alone and the same row in a batch. If a tree, a bin or an argmax follows, a
row near enough to an edge has no single answer, neither in scikit-learn nor in any other library. Such a row is undecided.
Nothing is assumed: scikit-learn predicts each row again, alone and in batches of many sizes, at many positions and with other
rows. A row is undecided only if these answers differ, and only if the graph's answer is one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.export.leaves import reached_leaves
from tabento.export.pipeline_answers import pipeline_answers
from tabento.parity.comparison.branches import BranchProbe, ReachedLeaves
from tabento.parity.recorded_calls import record_calls
from tabento.parity.tolerances import differences

BATCHES = (1000, 256, 129, 128, 100, 64, 50, 33, 24, 17, 16, 12, 8, 7, 5, 4, 3, 2, 1)
"""The sizes of the batches in which a row is predicted again, a single row last. Linear algebra treats a vector, few rows,
and the last rows of a block differently from whole blocks; blocks have 4 to 24 rows, depending on the processor."""
TESTED_ROWS = 500
"""The largest number of rows of one kind that are predicted again. Rows beyond this number count as decided."""
FIRST_ROWS = 24
"""The number of rows that are tested first. If one of them is decided, the graph is wrong, and no other rows are tested."""
ROUNDING_FACTOR = 8.0
"""If scikit-learn's own numbers differ in their last bits, a difference of this many times theirs is still rounding: ONNX
Runtime adds in yet another order."""
ROUNDING = 1e-6
"""No rounding of sums changes an answer by more than this, relative."""
SEED = 21


@dataclass
class AnswerRange:
    """The range of scikit-learn's answers to N rows, over all batches."""

    low: NDArray[np.float64]
    """(N, numbers) the smallest answers."""
    high: NDArray[np.float64]
    """(N, numbers) the largest answers."""
    labels: list[set[tuple[float, ...]]]
    """The labels of each row, as the indices of all labels of an answer; empty sets if there are no labels."""

    def add(self, indices: NDArray[np.intp], answers: NDArray[np.float64], labels: int) -> None:
        """Include the answers to some rows, (M, W); a row can appear more than once."""
        numbers = answers[:, labels:]
        np.fmin.at(self.low, indices, numbers)
        np.fmax.at(self.high, indices, numbers)
        if labels:
            for index, label in zip(indices.tolist(), _labels_of(answers, labels), strict=True):
                self.labels[index].add(label)


@dataclass(frozen=True)
class BatchSensitivityResult:
    """The explanation of N rows whose answers differ."""

    undecided: NDArray[np.bool_]
    """(N,) scikit-learn gives several answers that differ by more than the limit, and the compared answers are among them."""
    is_cancellation: NDArray[np.bool_]
    """(N,) the difference is rounding: large terms cancel, and scikit-learn's own numbers differ nearly as much."""

    @property
    def excluded(self) -> NDArray[np.bool_]:
        """The rows that are undecided or cancelled, (N,)."""
        return np.asarray(self.undecided | self.is_cancellation)


class BatchSensitivity:
    """Finds the rows for which a pipeline's own answer depends on the batch.

    Args:
        pipeline: fitted.
        contract: the columns.
        probe: reads the leaves of the trees.
        frame: rows as the pipeline sees them, with which batches are filled.
    """

    def __init__(self, pipeline: Any, contract: Contract, probe: BranchProbe, frame: pd.DataFrame) -> None:
        self._pipeline = pipeline
        self._contract = contract
        self._probe = probe
        count = min(len(frame), BATCHES[0])
        self._filling = frame.iloc[np.linspace(0, len(frame) - 1, count).astype(np.intp)].reset_index(drop=True)

    def undecided_branches(self, leaves: Sequence[ReachedLeaves], frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Return the mask of rows for which scikit-learn itself takes both branches: its own and the graph's, shape (N,).

        The first forest in which a row takes another branch decides: the inputs of later forests follow from it.

        Args:
            leaves: the leaves of N rows that take another branch somewhere, by forest.
            frame: these rows as the pipeline sees them.
        """
        undecided = np.zeros(len(frame), dtype=bool)
        first_rows: dict[int, NDArray[np.intp]] = {}
        assigned = undecided.copy()
        for number, forest_leaves in enumerate(leaves):
            first_rows[number] = np.flatnonzero(forest_leaves.differ.any(axis=1) & ~assigned)
            assigned[first_rows[number]] = True
        for part in _parts(len(frame)):
            for number, forest_leaves in enumerate(leaves):
                indices = np.intersect1d(first_rows[number], part)
                if len(indices):
                    undecided[indices] = self._takes_both(forest_leaves, frame, indices)
            if not undecided[part].all():
                break
        return undecided

    def _takes_both(self, leaves: ReachedLeaves, frame: pd.DataFrame, indices: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return the mask of rows for which the estimator itself reaches every leaf of the graph in some batch."""
        explained = ~leaves.differ[indices]
        estimator = leaves.forest.estimator

        def is_open() -> NDArray[np.bool_]:
            return np.asarray(~explained.all(axis=1))

        for positions, batch in self._batches(frame.iloc[indices], is_open):
            try:
                (call,) = record_calls(self._pipeline, batch, [estimator])
                estimator_leaves = None if call is None else reached_leaves(estimator, call.inputs)
            except Exception:  # noqa: S112  # an error in a batch of this size says nothing about the other sizes
                continue
            if estimator_leaves is None:
                break
            tested = np.flatnonzero(positions >= 0)
            repeats = leaves.graph.shape[1] // estimator_leaves.shape[1]
            is_same = np.tile(estimator_leaves[tested], (1, repeats)) == leaves.graph[indices[positions[tested]]]
            np.logical_or.at(explained, positions[tested], is_same)
        return np.asarray(explained.all(axis=1))

    def explain_differences(
        self,
        frame: pd.DataFrame,
        answers: Sequence[NDArray[np.float64]],
        typical: NDArray[np.float64],
        limit: float,
    ) -> BatchSensitivityResult:
        """Predict rows again in other batches, and find the rows for which scikit-learn's own answers differ as much.

        A row is cancelled if its label is the same everywhere and its numbers differ by ``ROUNDING_FACTOR`` times as much
        as scikit-learn's own do, in this row or in the median of the rows, and by no more than ``ROUNDING``. Another row
        is undecided if scikit-learn's labels differ, or its numbers by more than the limit, and if each of the answers
        has a label that scikit-learn gives and numbers within its range.

        Args:
            frame: N rows as the pipeline sees them.
            answers: two or more answers to the rows, each of shape (N, W), first the label's index if there are labels.
            typical: the magnitude below which differences are relative to it, one per number of the answer.
            limit: the relative difference that is allowed anyway.
        """
        result = BatchSensitivityResult(np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool))
        for part in _parts(len(frame)):
            explained = self._explained(frame.iloc[part], [side[part] for side in answers], typical, limit)
            result.undecided[part], result.is_cancellation[part] = explained.undecided, explained.is_cancellation
            if not result.excluded[part].all():
                break
        return result

    def _explained(
        self, frame: pd.DataFrame, answers: list[NDArray[np.float64]], typical: NDArray[np.float64], limit: float
    ) -> BatchSensitivityResult:
        labels = len(self._contract.output.label_sets)
        shape = answers[0][:, labels:].shape
        answer_range = AnswerRange(np.full(shape, np.nan), np.full(shape, np.nan), [set() for _ in range(len(frame))])
        undecided = np.zeros(len(frame), dtype=bool)

        def is_open() -> NDArray[np.bool_]:
            return ~undecided

        for positions, batch in self._batches(frame, is_open):
            try:
                own_answers = pipeline_answers(self._pipeline, batch, self._contract).reshape(len(batch), -1)
            except Exception:  # noqa: S112  # see above
                continue
            tested = np.flatnonzero(positions >= 0)
            answer_range.add(positions[tested], own_answers[tested], labels)
            undecided[:] = _within_range(answer_range, answers, labels, typical, limit)
        is_cancellation = _is_rounding(answer_range, answers, labels, typical)
        return BatchSensitivityResult(undecided & ~is_cancellation, is_cancellation)

    def _batches(
        self, frame: pd.DataFrame, is_open: Callable[[], NDArray[np.bool_]]
    ) -> Iterator[tuple[NDArray[np.intp], pd.DataFrame]]:
        """Yield batches of every size with rows of a frame, as their positions in the frame, -1 for other rows.

        Every row appears in each size at least once, at a random position. The remaining room is filled, half with the same
        rows again and half with other rows.

        Args:
            frame: the rows to test.
            is_open: called before each size; returns the mask of the rows that are tested in it, shape (N,).
        """
        generator = np.random.default_rng(SEED)
        combined = pd.concat([frame, self._filling], ignore_index=True)
        for size in BATCHES:
            open_rows = np.flatnonzero(is_open())
            if not len(open_rows):
                return
            order = generator.permutation(open_rows)
            room = -len(order) % size
            repeated_rows = generator.choice(open_rows, room // 2)
            other_rows = len(frame) + generator.choice(len(self._filling), room - room // 2)
            filled = np.concatenate([order, repeated_rows, other_rows])
            for batch in generator.permutation(filled).reshape(-1, size):
                if (batch < len(frame)).any():
                    yield np.where(batch < len(frame), batch, -1), combined.iloc[batch].reset_index(drop=True)


def _labels_of(answers: NDArray[np.float64], labels: int) -> list[tuple[float, ...]]:
    """Return the labels' indices of each answer, the first numbers of it."""
    return [tuple(row) for row in answers[:, :labels].tolist()]


def _parts(count: int) -> list[NDArray[np.intp]]:
    """Return the indices of the rows to test: a small random sample first, then a larger one."""
    order = np.random.default_rng(SEED).permutation(count)[:TESTED_ROWS]
    return [part for part in (order[:FIRST_ROWS], order[FIRST_ROWS:]) if len(part)]


def _within_range(
    answer_range: AnswerRange,
    answers: list[NDArray[np.float64]],
    labels: int,
    typical: NDArray[np.float64],
    limit: float,
) -> NDArray[np.bool_]:
    """Return the mask of rows for which scikit-learn's answers differ, and all compared answers are within their range."""
    _, spread = differences(answer_range.low, answer_range.high, typical)
    several_labels = np.array([len(row_labels) > 1 for row_labels in answer_range.labels], dtype=bool)
    undecided = (spread > limit).any(axis=1) | several_labels
    for side in answers:
        numbers = side[:, labels:]
        slack = limit * np.maximum(np.abs(numbers), typical)
        is_inside = (numbers >= answer_range.low - slack) & (numbers <= answer_range.high + slack)
        undecided &= is_inside.all(axis=1)
        if labels:
            pairs = zip(_labels_of(side, labels), answer_range.labels, strict=True)
            undecided &= np.array([label in row_labels for label, row_labels in pairs])
    return np.asarray(undecided)


def _is_rounding(
    answer_range: AnswerRange, answers: list[NDArray[np.float64]], labels: int, typical: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the mask of rows whose numbers differ by rounding only, as scikit-learn's own numbers do."""
    _, spread = differences(answer_range.low, answer_range.high, typical)
    allowed = np.minimum(ROUNDING_FACTOR * np.maximum(spread, np.median(spread, axis=0)), ROUNDING)
    is_rounding = np.ones(len(spread), dtype=bool)
    for side in answers:
        ends = [differences(end, side[:, labels:], typical)[1] for end in (answer_range.low, answer_range.high)]
        is_rounding &= ((np.maximum(*ends) <= allowed) | (np.maximum(*ends) == 0)).all(axis=1)
        if labels:
            pairs = zip(_labels_of(side, labels), answer_range.labels, strict=True)
            is_rounding &= np.array([{label} == row_labels for label, row_labels in pairs])
    return np.asarray(is_rounding)
