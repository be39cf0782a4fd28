"""Asking scikit-learn again, where it and the graph differ: is it of one mind, and how near is another answer?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge.ask import Owner
from benchmarks.judge.space import Space

BATCHES = (2, 3, 5, 8, 16, 33, 51, 64, 100, 129, 257, 500)
"""The sizes of a dozen batches, each with other company and the row at another place."""
NUDGE_SIZES = (1e-9, 1e-7)
"""How far a row is moved to see whether another label is next to it, as a share of a column's span."""
STOP_LIMIT = 1e-5
"""How far probabilities may change with so small a move and still be those of the same round."""
NUDGES = 24
"""How many times a row is moved by each of them, in directions that are drawn."""


def answers_again(
    owner: Owner, suspects: NDArray[np.float64], company: NDArray[np.float64], draw: np.random.Generator
) -> NDArray[np.float64]:
    """Return scikit-learn's answers to rows, alone and in a dozen batches: float64 of shape (13, N, W).

    Args:
        owner: is asked.
        suspects: rows that scikit-learn answers, shape (N, F).
        company: rows that it answers as well, with which batches are filled up.
        draw: chooses company and places.
    """
    alone = np.concatenate([owner.answers(row[np.newaxis]) for row in suspects])
    rounds = [alone]
    for size in BATCHES:
        answers = np.empty_like(alone)
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
    """When two answers are the same."""

    relative: float
    """For numbers: the largest relative difference."""
    probability: float
    """For probabilities: the largest difference."""
    typical: NDArray[np.float64]
    """For numbers: the magnitude of a usual answer, of which a relative difference is at least taken, shape (W,)."""
    labelled: bool
    """Whether the first value is a label's place."""

    def apart(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which values differ, bool of the shape of the answers; NaN equals NaN only."""
        with np.errstate(all="ignore"):
            difference = np.abs(first - second)
            if self.labelled:
                beyond = difference > self.probability
                beyond[..., 0] = first[..., 0] != second[..., 0]
            else:
                beyond = difference > self.relative * np.maximum(
                    np.maximum(np.abs(first), np.abs(second)), self.typical
                )
        neither = np.isnan(first) & np.isnan(second)
        same = (first == second) | neither
        either = (~np.isfinite(first) | ~np.isfinite(second)) & ~same
        return np.asarray((beyond & ~same) | either)


def is_knife_edge(
    owner: Owner, space: Space, row: NDArray[np.float64], label: float, margin_limit: float, draw: np.random.Generator
) -> bool:
    """Return whether another label of scikit-learn's is within rounding of a row, shape (F,).

    The margin of the decision is within ``margin_limit``, and the label changes if the row is moved by ``NUDGE_SIZES``. A tie
    by rule, such as two votes against two, does not change so: it is no knife edge, for it has one right answer.
    """
    if owner.margin(row[np.newaxis]) > margin_limit:
        return False
    answers, _ = owner.answers_or_raises(_nudged(space, row, draw), "labels")
    return bool((answers[:, 0] != label).any())


def is_beside_a_stop(
    owner: Owner, space: Space, row: NDArray[np.float64], got: NDArray[np.float64], draw: np.random.Generator
) -> bool:
    """Return whether scikit-learn gives the graph's answer, shape (W,), to a row moved by ``NUDGE_SIZES``.

    It is asked only of probabilities that libsvm finds in rounds: they jump where a row needs one round more or less, and
    which rows those are hangs on the last bit of an exponential.
    """
    answers, _ = owner.answers_or_raises(_nudged(space, row, draw))
    return bool((np.abs(answers - got).max(axis=1, initial=0.0) <= STOP_LIMIT).any())


def _nudged(space: Space, row: NDArray[np.float64], draw: np.random.Generator) -> NDArray[np.float64]:
    """Return a row moved a little in drawn directions, shape (moves, F)."""
    columns = space.columns
    spans = np.array(
        [0.0 if column.is_text or not len(column.observed) else np.ptp(column.observed) or 1.0 for column in columns]
    )
    whole = np.array([column.is_whole for column in columns])
    # A number that is a category loses it when it is moved, so integers stay in the first tries.
    scales = [steps * size for steps in (np.where(whole, 0.0, spans), spans) for size in NUDGE_SIZES]
    moves = [draw.choice([-1.0, 0.0, 1.0], size=(NUDGES, len(row))) * scale for scale in scales]
    return np.asarray(row + np.concatenate(moves))
