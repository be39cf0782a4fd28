"""Repeated answers of scikit-learn, if they differ from the graph's: are they consistent, and is another answer near?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge.answers import Owner
from benchmarks.judge.space import Space

BATCHES = (2, 3, 5, 8, 16, 33, 51, 64, 100, 129, 257, 500)
"""The sizes of a dozen batches, each with other company rows and the row at another position."""
NUDGE_SIZES = (1e-9, 1e-7)
"""The distance by which a row is moved to find another label next to it, as a share of a column's span."""
STOP_LIMIT = 1e-5
"""The largest change of a probability under such a small move within the same round."""
NUDGES = 24
"""The number of random directions in which a row is moved by each distance."""


def repeated_answers(
    owner: Owner, suspects: NDArray[np.float64], company: NDArray[np.float64], draw: np.random.Generator
) -> NDArray[np.float64]:
    """Return scikit-learn's answers to rows, alone and in a dozen batches: float64 of shape (13, N, W).

    Args:
        owner: the pipeline with its own calls.
        suspects: rows on which scikit-learn raises no error, shape (N, F).
        company: further such rows, which fill the batches.
        draw: the generator that chooses company rows and positions.
    """
    single_row_answers = np.concatenate([owner.answers(row[np.newaxis]) for row in suspects])
    rounds = [single_row_answers]
    for size in BATCHES:
        answers = np.empty_like(single_row_answers)
        order = draw.permutation(len(suspects))
        share = max(1, size // 2)
        for start in range(0, len(order), share):
            group = order[start : start + share]
            batch = company[draw.integers(len(company), size=size)]
            places = draw.permutation(size)[: len(group)]
            batch[places] = suspects[group]
            answers[group] = owner.answers(batch)[places]
        rounds.append(answers)
    return np.stack(rounds)


@dataclass(frozen=True)
class Limits:
    """The limits within which two answers are equal."""

    relative: float
    """Numbers: the largest relative difference."""
    probability: float
    """Probabilities: the largest difference."""
    typical: NDArray[np.float64]
    """Numbers: the magnitude of a usual answer, shape (W,). A relative difference is relative to at least this magnitude."""
    labelled: bool
    """Whether the first value is the index of a label."""

    def differences(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which values differ, bool of the shape of the answers; NaN equals NaN only."""
        with np.errstate(all="ignore"):
            difference = np.abs(first - second)
            if self.labelled:
                exceeds = difference > self.probability
                exceeds[..., 0] = first[..., 0] != second[..., 0]
            else:
                exceeds = difference > self.relative * np.maximum(
                    np.maximum(np.abs(first), np.abs(second)), self.typical
                )
        neither = np.isnan(first) & np.isnan(second)
        same = (first == second) | neither
        either = (~np.isfinite(first) | ~np.isfinite(second)) & ~same
        return np.asarray((exceeds & ~same) | either)


def is_knife_edge(
    owner: Owner, space: Space, row: NDArray[np.float64], label: float, margin_limit: float, draw: np.random.Generator
) -> bool:
    """Return whether scikit-learn gives another label within rounding of a row, shape (F,).

    The margin of the decision is within ``margin_limit``, and the label changes if the row is moved by ``NUDGE_SIZES``. A tie
    by rule, such as two votes against two, does not change in this way. It is not a knife edge, because one answer is right.
    """
    if owner.margin(row[np.newaxis]) > margin_limit:
        return False
    answers, _ = owner.answers_or_raises(_nudged(space, row, draw), "labels")
    return bool((answers[:, 0] != label).any())


def is_near_stopping_rule(
    owner: Owner, space: Space, row: NDArray[np.float64], graph_answer: NDArray[np.float64], draw: np.random.Generator
) -> bool:
    """Return whether scikit-learn gives the graph's answer, shape (W,), to a row moved by ``NUDGE_SIZES``.

    The check is for probabilities that libsvm computes in rounds. They jump if a row needs one round more or less, and the
    number of rounds depends on the last bit of an exponential.
    """
    answers, _ = owner.answers_or_raises(_nudged(space, row, draw))
    return bool((np.abs(answers - graph_answer).max(axis=1, initial=0.0) <= STOP_LIMIT).any())


def _nudged(space: Space, row: NDArray[np.float64], draw: np.random.Generator) -> NDArray[np.float64]:
    """Return a row moved a little in random directions, shape (moves, F)."""
    columns = space.columns
    spans = np.array(
        [0.0 if column.is_text or not len(column.observed) else np.ptp(column.observed) or 1.0 for column in columns]
    )
    is_integer = np.array([column.is_whole for column in columns])
    # An integer that is a category becomes unknown when it is moved, so integers stay in the first moves.
    scales = [steps * size for steps in (np.where(is_integer, 0.0, spans), spans) for size in NUDGE_SIZES]
    moves = [draw.choice([-1.0, 0.0, 1.0], size=(NUDGES, len(row))) * scale for scale in scales]
    return np.asarray(row + np.concatenate(moves))
