"""Knife edges: rows that lie on the boundary of a classifier's or outlier detector's decision, to the last digits.

A classifier that weighs sums (a logistic regression, a support vector machine, a network) changes its label where a score
passes another one or a threshold. The score's last bit depends on the order in which products are added up, so a
row right on the boundary may get the label of either side. Such a row is a knife edge: its probabilities are the same, within
a relative distance of ``KNIFE_EDGE`` scikit-learn itself gives the graph's answer, and no score jumps there. It is counted by itself. A jump, as
of a tree's leaf or of a neighbour's vote, is no knife edge: there the graph has to answer what scikit-learn answers. Only the rounds in which
libsvm couples the probabilities of ``SVC(probability=True)`` may stop one round earlier or later.

The distance is a backward error (N. J. Higham, Accuracy and Stability of Numerical Algorithms, 1996, section 1.5): how
far the question must be moved for the answer to be right. So it is relative to the size of what is added up.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.svm import SVC, NuSVC

from bundle.contract import Contract
from training.export.graph import Step
from training.export.label_answers import answers_labels
from training.parity.answers import pipeline_answers
from training.parity.bisection import WHOLE
from training.parity.figures import differences
from training.parity.overhearing import as_numbers, overhear
from training.parity.report import Limits

KNIFE_EDGE = 1e-9
"""How far from the row the pipeline's own label may change, relative to each number of the row."""
DISTANCES = (1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, KNIFE_EDGE)
"""The distances that are tried, one after the other."""
CONTINUOUS = 1e-6
"""A score that changes by more than this between two rows so near to each other jumps, relative to a typical score."""
LOOKED_AT = 300
"""The most rows of one kind that are looked at. All others count as wrong."""
COLUMNS = 32
"""The most columns that are moved one at a time."""
MIXTURES = 8
"""Besides one column at a time and all together, so many mixed directions are tried."""
CHUNK_ROWS = 10_000
SEED = 24


@dataclass(frozen=True)
class _Decisions:
    """What one classifier inside a pipeline decides about N rows."""

    labels: NDArray[Any]
    """(N,)"""
    scores: NDArray[np.float64] | None
    """(N, scores), or None if it has labels only."""


class KnifeEdges:
    """Finds knife edges.

    Args:
        pipeline: fitted.
        contract: the columns; of a regression no row is a knife edge.
        steps: the fitted objects of the pipeline.
        frame: rows that tell how large numbers usually are: the test part.
        limits: how far two answers may be apart and still count as the same.
    """

    def __init__(
        self, pipeline: Any, contract: Contract, steps: Sequence[Step], frame: pd.DataFrame, limits: Limits
    ) -> None:
        self._pipeline = pipeline
        self._contract = contract
        self._limits = limits
        self._labels = len(contract.output.label_sets)
        self._steps = [step for step in steps if answers_labels(step.model)]
        self._couples = _couples(steps)
        self._columns = [
            at for at, feature in enumerate(contract.features) if feature.ordered and frame.iloc[:, at].notna().any()
        ]
        values = frame.iloc[:, self._columns].to_numpy(dtype=np.float64)
        self._typical = np.nanmean(np.abs(values), axis=0) if len(self._columns) else np.empty(0)

    def distances(
        self, frame: pd.DataFrame, answers: Sequence[NDArray[np.float64]], *, jumps: bool = False
    ) -> NDArray[np.float64]:
        """Return how far from each row scikit-learn itself gives some answers, one of ``DISTANCES``, shape (N,).

        Infinity if it does not within ``KNIFE_EDGE``, or if a score jumps on the way.

        Args:
            frame: N rows as the pipeline sees them.
            answers: one or more answers to each row, each of shape (N, W), a label's index first if there are labels.
            jumps: whether scores, and numbers, may jump on the way: then a row beside a threshold of a tree counts, too.
        """
        jumps |= self._couples
        found = np.full(len(frame), np.inf)
        if not self._columns or (not self._steps and not jumps):
            return found
        chosen = np.random.default_rng(SEED).permutation(len(frame))[:LOOKED_AT]
        for start in range(0, len(chosen), max(CHUNK_ROWS // len(self._directions()), 1)):
            here = chosen[start : start + max(CHUNK_ROWS // len(self._directions()), 1)]
            try:
                found[here] = self._near(
                    frame.iloc[here].reset_index(drop=True), [some[here] for some in answers], jumps=jumps
                )
            except ValueError:
                # An encoder may refuse a number that it has not met, such as an integer with a fraction.
                continue
        return found

    def _near(self, frame: pd.DataFrame, answers: list[NDArray[np.float64]], *, jumps: bool) -> NDArray[np.float64]:
        found = np.full(len(frame), np.inf)
        own = self._answers(frame)
        # A label may differ, a probability may not: it is a number, and numbers have a limit of their own.
        labels, limit = self._labels, self._limits.probability
        kept = [
            np.asarray((np.abs(own - given)[:, labels:] <= limit).all(axis=1) | jumps, dtype=bool) for given in answers
        ]
        explained = [near & self._same(own, given) for near, given in zip(kept, answers, strict=True)]
        decided = [] if jumps else self._decisions(frame)
        for distance in DISTANCES:
            pending = np.flatnonzero(~np.isfinite(found))
            if not len(pending):
                break
            places, moved = self._moved(frame, pending, distance)
            if not len(moved):
                break
            there = self._answers(moved)
            smooth = np.ones(len(places), dtype=bool)
            if not jumps:
                smooth = self._is_smooth(decided, self._decisions(moved), places)
            for number, given in enumerate(answers):
                hit = smooth & kept[number][places] & self._same(there, given[places])
                np.logical_or.at(explained[number], places, hit)
            found[pending[np.all(explained, axis=0)[pending]]] = distance
        return found

    def _answers(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        return pipeline_answers(self._pipeline, frame, self._contract).reshape(len(frame), -1)

    def _same(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which answers are the same but for what so small a move may change in a number."""
        labels = self._labels
        absolute, relative = differences(one[:, labels:], other[:, labels:])
        near = np.minimum(absolute, relative) <= max(self._limits.probability, CONTINUOUS)
        return np.asarray((one[:, :labels] == other[:, :labels]).all(axis=1) & near.all(axis=1))

    def _decisions(self, frame: pd.DataFrame) -> list[_Decisions | None]:
        """Return what each classifier decides; None for one that is not asked."""
        heard = overhear(self._pipeline, frame, [step.model for step in self._steps])
        found: list[_Decisions | None] = []
        for step, call in zip(self._steps, heard, strict=True):
            if call is None:
                found.append(None)
                continue
            model = _with_own_scores(step.model)
            method = next((name for name in ("decision_function", "predict_proba") if hasattr(model, name)), None)
            scores = None if method is None else as_numbers(getattr(model, method)(call.taken))
            found.append(_Decisions(np.asarray(model.predict(call.taken)), scores))
        return found

    def _is_smooth(
        self, here: list[_Decisions | None], there: list[_Decisions | None], places: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """Say for which moved rows a classifier changes its label without a jump of its scores.

        A classifier of classifiers may jump if one of those changes its label: then that one is looked at.
        """
        flips = [
            np.zeros(len(places), dtype=bool)
            if one is None or other is None
            else np.asarray(one.labels[places] != other.labels).reshape(len(places), -1).any(axis=1)
            for one, other in zip(here, there, strict=True)
        ]
        smooth = np.any(flips, axis=0)
        for at, step in enumerate(self._steps):
            within = [number for number, other in enumerate(self._steps) if _holds(step, other)]
            inner = (
                np.any([flips[number] for number in within], axis=0) if within else np.zeros(len(places), dtype=bool)
            )
            smooth &= ~flips[at] | inner | ~_jumps(here[at], there[at], places)
        return np.asarray(smooth)

    def _directions(self) -> list[NDArray[np.float64]]:
        """Return directions in which the numbers of a row are moved: all, each alone, and mixtures of -1 and 1."""
        width = len(self._columns)
        found = [np.full(width, 1.0), np.full(width, -1.0)]
        for column in range(min(width, COLUMNS) if width > 1 else 0):
            for sign in (1.0, -1.0):
                alone = np.zeros(width)
                alone[column] = sign
                found.append(alone)
        generator = np.random.default_rng(SEED)
        return found + [generator.choice([-1.0, 1.0], width) for _ in range(MIXTURES if width > 1 else 0)]

    def _moved(
        self, frame: pd.DataFrame, pending: NDArray[np.intp], distance: float
    ) -> tuple[NDArray[np.intp], pd.DataFrame]:
        """Return rows moved by a relative distance in every direction, and the places of the rows that they come from."""
        directions = self._directions()
        places = np.repeat(pending, len(directions))
        moved = frame.iloc[places].reset_index(drop=True)
        signs = np.tile(np.array(directions), (len(pending), 1))
        for number, at in enumerate(self._columns):
            column = moved.iloc[:, at].to_numpy(dtype=np.float64)
            size = np.maximum(np.abs(column), self._typical[number])
            moved[moved.columns[at]] = column + signs[:, number] * distance * size
        return places, moved


def _couples(steps: Sequence[Step]) -> bool:
    """Say whether a rule to stop may make numbers jump: libsvm couples probabilities in rounds until an error is small
    enough, and a row at which the error is just that gets the numbers of one round more or less.

    Trees that take another branch are found by their leaves. The votes of neighbours are not, so there is no excuse beside
    them.
    """
    models = [step.model for step in steps]
    coupled = any(isinstance(model, (SVC, NuSVC)) and model.probability for model in models)
    return coupled and not any(hasattr(model, "kneighbors") for model in models)


def _with_own_scores(model: Any) -> Any:
    """Return a classifier that tells the scores by which it decides: a support vector machine those of pairs of classes."""
    if not isinstance(model, (SVC, NuSVC)):
        return model
    pairs = copy.copy(model)
    pairs.decision_function_shape, pairs.break_ties = "ovo", False
    return pairs if not model.break_ties else model


def _holds(outer: Step, inner: Step) -> bool:
    """Say whether one step is a part of another; the whole pipeline holds every other."""
    return (
        outer is not inner and (outer.path == WHOLE or inner.path.startswith(outer.path + "/")) and inner.path != WHOLE
    )


def _jumps(one: _Decisions | None, other: _Decisions | None, places: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say which scores change by more than a continuous function may, shape (len(places),)."""
    if one is None or other is None or one.scores is None or other.scores is None:
        return np.ones(len(places), dtype=bool)
    sizes = np.abs(one.scores[np.isfinite(one.scores)])
    typical = float(np.median(sizes)) if len(sizes) else 0.0
    _, relative = differences(one.scores[places], other.scores, max(typical, 1.0))
    return np.asarray((relative > CONTINUOUS).any(axis=1))
