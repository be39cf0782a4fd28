"""Knife edges: rows on the boundary of a classifier's or outlier detector's decision, to the last digits.

A classifier that weights sums (a logistic regression, a support vector machine, a network) changes its label if a score
passes another score or a threshold. The last bit of a score depends on the order in which products are added, so a row on the
boundary can get the label of either side. Such a row is a knife edge. Three conditions define it: the probabilities are equal,
scikit-learn itself gives the graph's answer within a relative distance of ``KNIFE_EDGE``, and no score jumps in between. Knife
edges are counted separately. A jump, such as a tree's leaf or a neighbour's vote, is not a knife edge: there the graph must
give scikit-learn's answer. One exception are the rounds in which libsvm couples the probabilities of
``SVC(probability=True)``: they can stop one round earlier or later.

The distance is a backward error (N. J. Higham, Accuracy and Stability of Numerical Algorithms, 1996, section 1.5): the
smallest change of the input for which the answer is right. It is relative to the size of the terms of the sum.
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

from tabento.bundle.contract import Contract
from tabento.export.graph.facts import Step
from tabento.export.label_answers import answers_labels
from tabento.export.pipeline_answers import pipeline_answers
from tabento.parity.recorded_calls import as_numbers, record_calls
from tabento.parity.report import Limits
from tabento.parity.rows.threshold_bisection import PIPELINE_STEP
from tabento.parity.tolerances import differences

KNIFE_EDGE = 1e-9
"""The largest distance of a knife edge from its row, relative to each number of the row."""
DISTANCES = (1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, KNIFE_EDGE)
"""The distances that are tested, in sequence."""
CONTINUOUS = 1e-6
"""A score jumps if it changes by more than this between two rows this near, relative to a typical score."""
TESTED_ROWS = 300
"""The largest number of rows of one kind that are tested. Rows beyond this number count as wrong."""
COLUMNS = 32
"""The largest number of columns that are changed one at a time."""
MIXTURES = 8
"""The number of mixed directions, in addition to one column at a time and all columns together."""
CHUNK_ROWS = 10_000
SEED = 24


@dataclass(frozen=True)
class _Decisions:
    """The decisions of one classifier inside a pipeline about N rows."""

    labels: NDArray[Any]
    """(N,)"""
    scores: NDArray[np.float64] | None
    """(N, scores), or None for a classifier without scores."""


class KnifeEdges:
    """Finds knife edges.

    Args:
        pipeline: fitted.
        contract: the columns; a regression has no knife edges.
        steps: the fitted objects of the pipeline.
        frame: the test part, which gives the usual size of each number.
        limits: the differences up to which two answers are equal.
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
            index
            for index, feature in enumerate(contract.features)
            if feature.ordered and frame.iloc[:, index].notna().any()
        ]
        values = frame.iloc[:, self._columns].to_numpy(dtype=np.float64)
        self._typical = np.nanmean(np.abs(values), axis=0) if len(self._columns) else np.empty(0)

    def distances(
        self, frame: pd.DataFrame, answers: Sequence[NDArray[np.float64]], *, jumps: bool = False
    ) -> NDArray[np.float64]:
        """Return the distance from each row at which scikit-learn itself gives all answers, shape (N,).

        The distance is one of ``DISTANCES``, or infinity if scikit-learn does not give the answers within ``KNIFE_EDGE``, or
        if a score jumps in between.

        Args:
            frame: N rows as the pipeline sees them.
            answers: one or more answers to each row, each of shape (N, W), first the label's index if there are labels.
            jumps: whether scores and numbers are allowed to jump: then a row next to the threshold of a tree is included.
        """
        jumps |= self._couples
        distances = np.full(len(frame), np.inf)
        if not self._columns or (not self._steps and not jumps):
            return distances
        sample = np.random.default_rng(SEED).permutation(len(frame))[:TESTED_ROWS]
        for start in range(0, len(sample), max(CHUNK_ROWS // len(self._directions()), 1)):
            indices = sample[start : start + max(CHUNK_ROWS // len(self._directions()), 1)]
            try:
                distances[indices] = self._smallest_distances(
                    frame.iloc[indices].reset_index(drop=True), [side[indices] for side in answers], jumps=jumps
                )
            except ValueError:
                # An encoder may refuse a number that it has not met, such as an integer with a fraction.
                continue
        return distances

    def _smallest_distances(
        self, frame: pd.DataFrame, answers: list[NDArray[np.float64]], *, jumps: bool
    ) -> NDArray[np.float64]:
        smallest = np.full(len(frame), np.inf)
        own_answers = self._answers(frame)
        # A label can differ. A probability cannot: it is a number, and numbers have their own limit.
        labels, limit = self._labels, self._limits.probability
        is_close = [
            np.asarray((np.abs(own_answers - side)[:, labels:] <= limit).all(axis=1) | jumps, dtype=bool)
            for side in answers
        ]
        explained = [mask & self._is_same(own_answers, side) for mask, side in zip(is_close, answers, strict=True)]
        decisions = [] if jumps else self._decisions(frame)
        for distance in DISTANCES:
            pending = np.flatnonzero(~np.isfinite(smallest))
            if not len(pending):
                break
            indices, moved_rows = self._move(frame, pending, distance)
            if not len(moved_rows):
                break
            moved_answers = self._answers(moved_rows)
            is_smooth = np.ones(len(indices), dtype=bool)
            if not jumps:
                is_smooth = self._is_smooth(decisions, self._decisions(moved_rows), indices)
            for number, side in enumerate(answers):
                is_equal = is_smooth & is_close[number][indices] & self._is_same(moved_answers, side[indices])
                np.logical_or.at(explained[number], indices, is_equal)
            smallest[pending[np.all(explained, axis=0)[pending]]] = distance
        return smallest

    def _answers(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        return pipeline_answers(self._pipeline, frame, self._contract).reshape(len(frame), -1)

    def _is_same(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the mask of equal answers, apart from the small change of a number that so small a move causes."""
        labels = self._labels
        absolute, relative = differences(left[:, labels:], right[:, labels:])
        is_near = np.minimum(absolute, relative) <= max(self._limits.probability, CONTINUOUS)
        return np.asarray((left[:, :labels] == right[:, :labels]).all(axis=1) & is_near.all(axis=1))

    def _decisions(self, frame: pd.DataFrame) -> list[_Decisions | None]:
        """Return the decisions of each classifier; None for a classifier that is not called."""
        calls = record_calls(self._pipeline, frame, [step.model for step in self._steps])
        decisions: list[_Decisions | None] = []
        for step, call in zip(self._steps, calls, strict=True):
            if call is None:
                decisions.append(None)
                continue
            model = _with_pair_scores(step.model)
            method = next((name for name in ("decision_function", "predict_proba") if hasattr(model, name)), None)
            scores = None if method is None else as_numbers(getattr(model, method)(call.inputs))
            decisions.append(_Decisions(np.asarray(model.predict(call.inputs)), scores))
        return decisions

    def _is_smooth(
        self, decisions: list[_Decisions | None], moved_decisions: list[_Decisions | None], indices: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """Return the mask of moved rows for which a classifier changes its label without a jump of its scores.

        A classifier that contains classifiers can jump if an inner one changes its label: then the inner one is tested.
        """
        flips = [
            np.zeros(len(indices), dtype=bool)
            if left is None or right is None
            else np.asarray(left.labels[indices] != right.labels).reshape(len(indices), -1).any(axis=1)
            for left, right in zip(decisions, moved_decisions, strict=True)
        ]
        is_smooth = np.any(flips, axis=0)
        for index, step in enumerate(self._steps):
            inner_steps = [number for number, inner in enumerate(self._steps) if _contains(step, inner)]
            inner_flips = np.zeros(len(indices), dtype=bool)
            for number in inner_steps:
                inner_flips |= flips[number]
            is_smooth &= ~flips[index] | inner_flips | ~_jumps(decisions[index], moved_decisions[index], indices)
        return np.asarray(is_smooth)

    def _directions(self) -> list[NDArray[np.float64]]:
        """Return the directions in which the numbers of a row are moved: all together, each alone, and mixtures of -1 and 1."""
        width = len(self._columns)
        directions = [np.full(width, 1.0), np.full(width, -1.0)]
        for column in range(min(width, COLUMNS) if width > 1 else 0):
            for sign in (1.0, -1.0):
                one_column = np.zeros(width)
                one_column[column] = sign
                directions.append(one_column)
        generator = np.random.default_rng(SEED)
        return directions + [generator.choice([-1.0, 1.0], width) for _ in range(MIXTURES if width > 1 else 0)]

    def _move(
        self, frame: pd.DataFrame, pending: NDArray[np.intp], distance: float
    ) -> tuple[NDArray[np.intp], pd.DataFrame]:
        """Return the indices of the pending rows, and these rows moved by a relative distance in every direction."""
        directions = self._directions()
        indices = np.repeat(pending, len(directions))
        moved_rows = frame.iloc[indices].reset_index(drop=True)
        signs = np.tile(np.array(directions), (len(pending), 1))
        for number, index in enumerate(self._columns):
            column = moved_rows.iloc[:, index].to_numpy(dtype=np.float64)
            size = np.maximum(np.abs(column), self._typical[number])
            moved_rows[moved_rows.columns[index]] = column + signs[:, number] * distance * size
        return indices, moved_rows


def _couples(steps: Sequence[Step]) -> bool:
    """Return True if a stopping rule can make numbers jump.

    libsvm couples probabilities in rounds until an error is small enough. A row with an error near that bound gets the
    numbers of one round more or less. Trees that take another branch are found by their leaves. The votes of neighbours are
    not, so a pipeline with neighbours gets no allowance.
    """
    models = [step.model for step in steps]
    coupled = any(isinstance(model, (SVC, NuSVC)) and model.probability for model in models)
    return coupled and not any(hasattr(model, "kneighbors") for model in models)


def _with_pair_scores(model: Any) -> Any:
    """Return a classifier with the scores by which it decides: for a support vector machine the scores of pairs of classes."""
    if not isinstance(model, (SVC, NuSVC)):
        return model
    pairs = copy.copy(model)
    pairs.decision_function_shape, pairs.break_ties = "ovo", False
    return pairs if not model.break_ties else model


def _contains(outer: Step, inner: Step) -> bool:
    """Return True if one step is a part of another; the pipeline as a whole contains every other step."""
    return (
        outer is not inner
        and (outer.path == PIPELINE_STEP or inner.path.startswith(outer.path + "/"))
        and inner.path != PIPELINE_STEP
    )


def _jumps(left: _Decisions | None, right: _Decisions | None, indices: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return the mask of rows with a score that changes by more than a continuous function can, shape (len(indices),)."""
    if left is None or right is None or left.scores is None or right.scores is None:
        return np.ones(len(indices), dtype=bool)
    sizes = np.abs(left.scores[np.isfinite(left.scores)])
    typical = float(np.median(sizes)) if len(sizes) else 0.0
    _, relative = differences(left.scores[indices], right.scores, max(typical, 1.0))
    return np.asarray((relative > CONTINUOUS).any(axis=1))
