"""Steadiness: which rows scikit-learn itself answers in more than one way.

Linear algebra adds products up in an order that depends on how many rows come together, so the last bits of a principal
component or of a score may differ between a row alone and the same row in a batch. If a tree, a bin or an argmax stands
behind them, a row that lies that near to an edge has no one answer, in scikit-learn or anywhere. Such rows are
undecided. Nothing is assumed: scikit-learn is asked again about each row, alone and in batches of many sizes, at many
places and with other rows beside it. A row is undecided only if these answers differ, and only if the graph's answer is
one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract
from training.export.leaves import reached_leaves
from training.parity.answers import pipeline_answers
from training.parity.branches import BranchProbe, Reached
from training.parity.figures import differences
from training.parity.overhearing import overhear

BATCHES = (1000, 256, 129, 128, 100, 64, 50, 33, 24, 17, 16, 12, 8, 7, 5, 4, 3, 2, 1)
"""The sizes of the batches in which a row is asked about again, the alone row last. Linear algebra treats a vector, few
rows, and the last rows of a block in other ways than whole blocks; blocks have 4 to 24 rows, by the processor."""
ASKED_ROWS = 500
"""The most rows of one kind that are asked about again. What is not asked about is not undecided."""
FIRST_ROWS = 24
"""So many rows are asked about first. If one of them is not undecided, the graph is wrong, and no more are asked about."""
ROUNDING_FACTOR = 8.0
"""If scikit-learn's own numbers differ in their last bits, a difference of this many times theirs is still rounding: ONNX
Runtime adds in yet another order."""
ROUNDING = 1e-6
"""No rounding of sums changes an answer by more than this, relative."""
SEED = 21


@dataclass
class Asked:
    """What scikit-learn answered about N rows, over all batches."""

    low: NDArray[np.float64]
    """(N, numbers) the smallest answers."""
    high: NDArray[np.float64]
    """(N, numbers) the largest."""
    labels: list[set[float]]
    """The labels' indices that each row got; empty sets if there are no labels."""

    def add(self, places: NDArray[np.intp], answers: NDArray[np.float64], labels: int) -> None:
        """Take in the answers to some rows, (M, W); a row may come more than once."""
        numbers = answers[:, labels:]
        np.fmin.at(self.low, places, numbers)
        np.fmax.at(self.high, places, numbers)
        if labels:
            for place, label in zip(places.tolist(), answers[:, 0].tolist(), strict=True):
                self.labels[place].add(label)


@dataclass(frozen=True)
class Verdict:
    """What asking scikit-learn again says about N rows whose answers differ."""

    undecided: NDArray[np.bool_]
    """(N,) scikit-learn gives several answers, further apart than the limit, and the others lie among them."""
    cancelled: NDArray[np.bool_]
    """(N,) the difference is rounding: large terms cancel, and scikit-learn's own numbers differ nearly as much."""

    @property
    def excused(self) -> NDArray[np.bool_]:
        """Which rows are one or the other, (N,)."""
        return np.asarray(self.undecided | self.cancelled)


class Steadiness:
    """Tells for which rows a pipeline's own answer depends on the batch in which they come.

    Args:
        pipeline: fitted.
        contract: the columns.
        probe: knows the trees.
        frame: rows as the pipeline sees them, with which batches are filled up.
    """

    def __init__(self, pipeline: Any, contract: Contract, probe: BranchProbe, frame: pd.DataFrame) -> None:
        self._pipeline = pipeline
        self._contract = contract
        self._probe = probe
        most = min(len(frame), BATCHES[0])
        self._company = frame.iloc[np.linspace(0, len(frame) - 1, most).astype(np.intp)].reset_index(drop=True)

    def branches_undecided(self, astray: Sequence[Reached], frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Say for which rows scikit-learn itself takes both branches: its own and the graph's, shape (N,).

        The first forest in which a row takes another branch decides: what later forests see follows from it.

        Args:
            astray: the leaves of N rows that take another branch somewhere, by forest.
            frame: these rows as the pipeline sees them.
        """
        undecided = np.zeros(len(frame), dtype=bool)
        first: dict[int, NDArray[np.intp]] = {}
        judged = undecided.copy()
        for number, reached in enumerate(astray):
            first[number] = np.flatnonzero(reached.differ.any(axis=1) & ~judged)
            judged[first[number]] = True
        for part in _parts(len(frame)):
            for number, reached in enumerate(astray):
                here = np.intersect1d(first[number], part)
                if len(here):
                    undecided[here] = self._takes_both(reached, frame, here)
            if not undecided[part].all():
                break
        return undecided

    def _takes_both(self, reached: Reached, frame: pd.DataFrame, here: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Say for which rows every other leaf of the graph is one that the estimator itself reaches in some batch."""
        explained = ~reached.differ[here]
        estimator = reached.forest.estimator

        def is_open() -> NDArray[np.bool_]:
            return np.asarray(~explained.all(axis=1))

        for places, batch in self._batches(frame.iloc[here], is_open):
            try:
                (heard,) = overhear(self._pipeline, batch, [estimator])
                leaves = None if heard is None else reached_leaves(estimator, heard.taken)
            except Exception:  # noqa: S112  # what it raises in a batch of this size says nothing about the others
                continue
            if leaves is None:
                break
            asked = np.flatnonzero(places >= 0)
            repeats = reached.graph.shape[1] // leaves.shape[1]
            same = np.tile(leaves[asked], (1, repeats)) == reached.graph[here[places[asked]]]
            np.logical_or.at(explained, places[asked], same)
        return np.asarray(explained.all(axis=1))

    def judge(
        self,
        frame: pd.DataFrame,
        answers: Sequence[NDArray[np.float64]],
        typical: NDArray[np.float64],
        limit: float,
    ) -> Verdict:
        """Ask scikit-learn again about rows, and say whether its own answers differ by as much as some answers do.

        A row is cancelled if its label is the same everywhere and its numbers differ by ``ROUNDING_FACTOR`` times as much
        as scikit-learn's own do, in this row or in the median of the rows, and by no more than ``ROUNDING``. Another row
        is undecided if scikit-learn's labels differ, or its numbers by more than the limit, and if each of the answers
        has a label that scikit-learn gives and numbers that lie among its own.

        Args:
            frame: N rows as the pipeline sees them.
            answers: of the graph, and of the pipeline to the rows in the proof's own batch; each of shape (N, W), a
                label's index first if there are labels.
            typical: the magnitude below which differences are relative to it, one per number of the answer.
            limit: the relative difference that is allowed anyway.
        """
        verdict = Verdict(np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool))
        for part in _parts(len(frame)):
            given = [some[part] for some in answers]
            found = self._judged(frame.iloc[part], given, typical, limit)
            verdict.undecided[part], verdict.cancelled[part] = found.undecided, found.cancelled
            if not verdict.excused[part].all():
                break
        return verdict

    def _judged(
        self, frame: pd.DataFrame, answers: list[NDArray[np.float64]], typical: NDArray[np.float64], limit: float
    ) -> Verdict:
        labels = 0 if self._contract.output.classes is None else 1
        shape = answers[0][:, labels:].shape
        asked = Asked(np.full(shape, np.nan), np.full(shape, np.nan), [set() for _ in range(len(frame))])
        undecided = np.zeros(len(frame), dtype=bool)

        def is_open() -> NDArray[np.bool_]:
            return ~undecided

        for places, batch in self._batches(frame, is_open):
            try:
                own = pipeline_answers(self._pipeline, batch, self._contract).reshape(len(batch), -1)
            except Exception:  # noqa: S112  # see above
                continue
            known = np.flatnonzero(places >= 0)
            asked.add(places[known], own[known], labels)
            undecided[:] = _among(asked, answers, labels, typical, limit)
        cancelled = _cancelled(asked, answers, labels, typical)
        return Verdict(undecided & ~cancelled, cancelled)

    def _batches(
        self, frame: pd.DataFrame, is_open: Callable[[], NDArray[np.bool_]]
    ) -> Iterator[tuple[NDArray[np.intp], pd.DataFrame]]:
        """Yield batches of every size that hold rows of a frame, as their places in it, -1 for a row beside them.

        Every row comes in each size at least once, at a place drawn by chance; what room is left is filled with the same
        rows again and with others, half and half.

        Args:
            frame: the rows that are asked about.
            is_open: called before each size, says which rows are to be asked about again, shape (N,).
        """
        generator = np.random.default_rng(SEED)
        together = pd.concat([frame, self._company], ignore_index=True)
        for size in BATCHES:
            wanted = np.flatnonzero(is_open())
            if not len(wanted):
                return
            order = generator.permutation(wanted)
            spare = -len(order) % size
            again = generator.choice(wanted, spare // 2)
            others = len(frame) + generator.choice(len(self._company), spare - spare // 2)
            filled = np.concatenate([order, again, others])
            for chosen in generator.permutation(filled).reshape(-1, size):
                if (chosen < len(frame)).any():
                    yield np.where(chosen < len(frame), chosen, -1), together.iloc[chosen].reset_index(drop=True)


def _parts(count: int) -> list[NDArray[np.intp]]:
    """Return the places of the rows that are asked about: a few drawn by chance first, then the others."""
    asked = np.random.default_rng(SEED).permutation(count)[:ASKED_ROWS]
    return [part for part in (asked[:FIRST_ROWS], asked[FIRST_ROWS:]) if len(part)]


def _among(
    asked: Asked, answers: list[NDArray[np.float64]], labels: int, typical: NDArray[np.float64], limit: float
) -> NDArray[np.bool_]:
    """Say for which rows scikit-learn's answers differ, and all given ones lie among them."""
    _, spread = differences(asked.low, asked.high, typical)
    several = np.array([len(found) > 1 for found in asked.labels], dtype=bool)
    undecided = (spread > limit).any(axis=1) | several
    for given in answers:
        numbers = given[:, labels:]
        slack = limit * np.maximum(np.abs(numbers), typical)
        undecided &= ((numbers >= asked.low - slack) & (numbers <= asked.high + slack)).all(axis=1)
        if labels:
            undecided &= np.array([label in found for label, found in zip(given[:, 0], asked.labels, strict=True)])
    return np.asarray(undecided)


def _cancelled(
    asked: Asked, answers: list[NDArray[np.float64]], labels: int, typical: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Say for which rows numbers differ by rounding only, as scikit-learn's own do."""
    _, spread = differences(asked.low, asked.high, typical)
    room = np.minimum(ROUNDING_FACTOR * np.maximum(spread, np.median(spread, axis=0)), ROUNDING)
    cancelled = np.ones(len(spread), dtype=bool)
    for given in answers:
        ends = [differences(end, given[:, labels:], typical)[1] for end in (asked.low, asked.high)]
        cancelled &= ((np.maximum(*ends) <= room) | (np.maximum(*ends) == 0)).all(axis=1)
        if labels:
            cancelled &= np.array([{label} == found for label, found in zip(given[:, 0], asked.labels, strict=True)])
    return np.asarray(cancelled)
