"""Steadiness: where scikit-learn does not agree with itself.

Linear algebra adds products up in an order that depends on how many rows come together, so the last bits of a principal
component or of a score differ between a row alone and the same row in a batch. Where a tree, a bin or an argmax stands
behind them, a row that lies that near to its edge has no one answer, in scikit-learn or anywhere. Such rows are
undecided. What is undecided is measured, not assumed: by how much each column that the trees see changes between
batches of several sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from bundle.contract import Contract
from training.export.leaves import reached_leaves
from training.frames import to_frame
from training.parity.answers import pipeline_answers
from training.parity.branches import BranchProbe, Reached, part_of
from training.parity.figures import differences
from training.parity.lines import taken_by
from training.parity.overhearing import as_numbers

SAMPLE_ROWS = 32
"""On how many rows it is measured how steady a column is."""
COMPANY = (1, 3, 7)
"""The sizes of the batches in which these rows are asked about."""
ROOM = 8.0
"""A row counts as undecided within this many times the largest change that was seen: few rows were looked at, and ONNX
Runtime adds in yet another order."""
RANDOM_DIRECTIONS = 8
"""Besides one column at a time and all together, so many mixed directions are tried."""
COLUMNS = 64
"""The most columns that are moved one at a time."""
ASKED_AGAIN = 200
"""The most rows whose answers are asked for again, in batches of each size."""
GIVE_UP_AFTER = 20
"""After so many rows none of which the company explains, no more are asked about."""
ROUNDING = 1e-6
"""No rounding of sums changes an answer by more than this, relative: what is further apart has to be explained row by row."""
SEED = 21


class Steadiness:
    """Tells for which rows a pipeline's own answer depends on the company in which they come.

    Args:
        pipeline: fitted.
        contract: the columns.
        probe: knows the trees.
        rows: packed rows of all kinds, of which a sample is measured.
    """

    def __init__(self, pipeline: Any, contract: Contract, probe: BranchProbe, rows: NDArray[np.float64]) -> None:
        self._pipeline = pipeline
        self._contract = contract
        self._probe = probe
        self._changes: dict[int, NDArray[np.float64]] | None = None
        self._known: dict[bytes, NDArray[np.float64]] = {}
        self._sample = rows[np.linspace(0, len(rows) - 1, min(SAMPLE_ROWS, len(rows))).astype(np.intp)]

    def branches_undecided(self, astray: Sequence[Reached], taken: Mapping[int, Any]) -> NDArray[np.bool_]:
        """Say for which rows every other branch of the graph is one that the pipeline's own rounding may take.

        The first forest in which a row takes another branch decides about it: what later forests see follows from it.

        Args:
            astray: the leaves of N rows that take another branch somewhere, by forest.
            taken: by the estimator's identity, what the pipeline gives it for these rows.
        """
        undecided = np.zeros(len(astray[0].graph), dtype=bool)
        judged = undecided.copy()
        for reached in astray:
            here = np.flatnonzero(reached.differ.any(axis=1) & ~judged)
            if not len(here):
                continue
            judged[here] = True
            estimator = reached.forest.estimator
            explained = ~reached.differ[here]
            for leaves in self._nearby_leaves(estimator, part_of(taken[id(estimator)], here)):
                repeats = reached.graph.shape[1] // leaves.shape[1]
                explained |= np.tile(leaves, (1, repeats)) == reached.graph[here]
                if explained.all():
                    break
            undecided[here] = explained.all(axis=1)
        return undecided

    def answers_undecided(
        self,
        rows: NDArray[np.float64],
        one: NDArray[np.float64],
        other: NDArray[np.float64],
        typical: NDArray[np.float64],
        limit: float,
    ) -> NDArray[np.bool_]:
        """Say for which rows two answers differ by no more than the pipeline's own do, shape (N,).

        Either the pipeline's own answers to the row differ with its company, and the other answer lies among them; or
        the two are no further apart than ``ROOM`` times what the company usually changes, where that is rounding: sums
        in which large terms cancel.

        Args:
            rows: packed rows of shape (N, F); ``ASKED_AGAIN`` of them are asked about again.
            one: answers of the pipeline, or of the graph to the row alone; shape (N, W), a label's index first where
                there are labels.
            other: answers of the graph.
            typical: the magnitude below which differences are relative to it, one per number of the answer.
            limit: the relative difference that is allowed anyway.
        """
        labels = 0 if self._contract.output.classes is None else 1
        _, apart = differences(one[:, labels:], other[:, labels:], typical)
        among = np.zeros(len(rows), dtype=bool)
        same_label = (one[:, :labels] == other[:, :labels]).all(axis=1)
        spreads: list[NDArray[np.float64]] = []
        for at in range(min(len(rows), ASKED_AGAIN)):
            own = self._own_answers(rows[at])
            _, spread = differences(own[:, labels:].min(axis=0), own[:, labels:].max(axis=0), typical)
            spreads.append(spread)
            varies = (own != own[0]).any()
            own = np.concatenate([own, one[at : at + 1]])
            slack = limit * np.maximum(np.abs(other[at, labels:]), typical)
            low, high = own[:, labels:].min(axis=0) - slack, own[:, labels:].max(axis=0) + slack
            inside = (other[at, labels:] >= low) & (other[at, labels:] <= high)
            among[at] = bool(varies and inside.all() and np.isin(other[at, :labels], own[:, :labels]).all())
            if at + 1 >= GIVE_UP_AFTER and not among[: at + 1].any():
                break
        usual = np.median(spreads, axis=0) if spreads else np.zeros(apart.shape[1])
        rounding = (apart <= np.minimum(ROOM * usual, ROUNDING)).all(axis=1) & (usual > 0).any() & same_label
        return np.asarray(among | rounding)

    def branches_unsteady(self, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say for which rows a branch of the pipeline itself is within its own rounding of another, shape (N,)."""
        found = np.zeros(len(rows), dtype=bool)
        taken = taken_by(self._pipeline, self._contract, rows, self._probe.estimators)
        for estimator in self._probe.estimators:
            if id(estimator) in taken:
                first = None
                for leaves in self._nearby_leaves(estimator, taken[id(estimator)]):
                    first = leaves if first is None else first
                    found |= (leaves != first).any(axis=1)
        return found

    def _own_answers(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the pipeline's answers to a row in company of itself, shape (answers, W)."""
        key = row.tobytes()
        if key not in self._known:
            given = []
            for size in COMPANY:
                frame = to_frame(np.repeat(row[np.newaxis], size, axis=0), self._contract)
                given.append(pipeline_answers(self._pipeline, frame, self._contract).reshape(size, -1))
            self._known[key] = np.concatenate(given)
        return self._known[key]

    def _nearby_leaves(self, estimator: Any, given: Any) -> Iterator[NDArray[np.int64]]:
        """Yield the leaves that an estimator reaches for what it is given, and for what lies within its rounding."""
        own = reached_leaves(estimator, given)
        if own is None or not len(own):
            return
        yield own
        change = self._change_of(estimator)
        unsteady = np.flatnonzero(change)
        if not len(unsteady):
            return
        values = as_numbers(given)
        size = np.nanmax(np.abs(values[:, unsteady]), axis=1, initial=0.0, keepdims=True)
        reach = ROOM * change[np.newaxis] * size
        for direction in _directions(len(change), unsteady):
            moved = values + direction * reach
            leaves = reached_leaves(estimator, _like(given, moved))
            if leaves is not None:
                yield leaves

    def _change_of(self, estimator: Any) -> NDArray[np.float64]:
        """Return by how much each column of an estimator changes with the company, over the row's magnitude."""
        if self._changes is None:
            self._changes = self._measure(self._probe.estimators)
        return self._changes[id(estimator)]

    def _measure(self, estimators: Sequence[Any]) -> dict[int, NDArray[np.float64]]:
        together = taken_by(self._pipeline, self._contract, self._sample, estimators)
        changes = {key: np.zeros(values.shape) for key, values in together.items()}
        for size in COMPANY:
            for start in range(0, len(self._sample), size):
                here = slice(start, start + size)
                alone = taken_by(self._pipeline, self._contract, self._sample[here], estimators)
                for key, values in alone.items():
                    # Infinities and missing values are the same in any company.
                    with np.errstate(invalid="ignore", over="ignore"):
                        apart = np.nan_to_num(np.abs(values - together[key][here]), nan=0.0, posinf=0.0)
                    changes[key][here] = np.maximum(changes[key][here], apart)
        found = {}
        for key, change in changes.items():
            unsteady = change.any(axis=0)
            size_of = np.nanmax(np.abs(together[key][:, unsteady]), axis=1, initial=0.0, keepdims=True)
            relative = np.divide(change, size_of, out=np.zeros_like(change), where=size_of > 0)
            found[key] = relative.max(axis=0, initial=0.0)
        return found


def _directions(width: int, unsteady: NDArray[np.intp]) -> Iterator[NDArray[np.float64]]:
    """Yield directions in which columns are moved: all, each alone, and mixtures; entries are -1, 0 and 1."""
    for sign in (1.0, -1.0):
        yield np.full(width, sign)
    for column in unsteady[:COLUMNS]:
        for sign in (1.0, -1.0):
            alone = np.zeros(width)
            alone[column] = sign
            yield alone
    generator = np.random.default_rng(SEED)
    for _ in range(RANDOM_DIRECTIONS):
        yield generator.choice([-1.0, 1.0], width)


def _like(given: Any, values: NDArray[np.float64]) -> Any:
    """Return numbers in the container in which an estimator was given its own."""
    if sparse.issparse(given):
        entries = given.tocoo()
        moved = sparse.coo_matrix((values[entries.row, entries.col], (entries.row, entries.col)), given.shape)
        return moved.asformat(given.format)
    return pd.DataFrame(values, columns=given.columns) if isinstance(given, pd.DataFrame) else values
