"""Rows on the boundaries of scikit-learn's answers, found by bisection from outside: the search reads nothing inside the pipeline.

The interval between two rows with different answers is halved, in one column or several, until its ends are neighbours in
double (or neighbouring integers, if the contract accepts integers only). If the answer changes in steps, the ends are the
two sides of a step: a threshold of a tree, the edge of a bin, a vote, a tie of neighbours, a rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge.space import Space

RAISES = 1e301
"""The value that represents the answer of a row on which the pipeline raises."""
LINEAR_HALVINGS = 10
"""The number of first halvings by value. The others are by the order of doubles, so that the search ends."""
HALVINGS = 80
"""The limit of all halvings: fewer than 2^64 doubles exist."""
AnswerFunction = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def ordinal(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the position of each double in the order of all doubles."""
    bits = np.ascontiguousarray(values, dtype=np.float64).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def from_ordinal(places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the doubles at positions of the order of all doubles."""
    bits = np.where(places < 0, np.int64(-(2**63)) - places, places)
    return np.ascontiguousarray(bits).view(np.float64)


def middle(
    low: NDArray[np.float64], high: NDArray[np.float64], is_integer: NDArray[np.bool_], linear: bool
) -> NDArray[np.float64]:
    """Return the middle of rows, column by column; a row equal to one end if no double is between the ends.

    Args:
        low: one end, shape (N, F).
        high: the other end.
        is_integer: mask of the columns that accept integers only, shape (F,).
        linear: whether the middle is between the values. If not, it is between the positions in the order of doubles.
    """
    same = (low == high) | np.isnan(low) | np.isnan(high)
    if linear:
        mid = low / 2 + high / 2
    else:
        first, second = ordinal(np.where(same, 0.0, low)), ordinal(np.where(same, 0.0, high))
        # The positions are halved before the addition, because their sum might be outside int64.
        mid = from_ordinal((first >> 1) + (second >> 1) + (first & second & 1))
    # Between neighbouring integers the middle is the lower one.
    mid = np.where(is_integer, np.floor(low / 2 + high / 2), mid)
    return np.where(same, low, mid)


def distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest difference of answers of shape (N, W), shape (N,); the distance of NaN to a number is ``RAISES``."""
    difference = np.abs(first - second)
    difference[np.isnan(first) & np.isnan(second)] = 0.0
    return np.asarray(np.nan_to_num(difference, nan=RAISES, posinf=RAISES).max(axis=1, initial=0.0))


def candidates(
    pool: NDArray[np.float64], space: Space, count: int, draw: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pairs of rows that differ in one number or in several, and have the same texts and missing values."""
    numbers = np.array([not column.is_text for column in space.columns])
    first = pool[draw.integers(len(pool), size=count)]
    other = pool[draw.integers(len(pool), size=count)]
    movable = numbers & ~np.isnan(first) & ~np.isnan(other) & (first != other)
    random_columns = movable & (draw.random(first.shape) < 0.5)
    # Half of the pairs differ in one column only; all columns are equally likely.
    scores = np.where(movable, draw.random(first.shape), -1.0)
    only = np.zeros_like(movable)
    only[np.arange(count), scores.argmax(axis=1)] = True
    replaced = np.where((np.arange(count) % 2 == 0)[:, np.newaxis], only & movable, random_columns)
    second = np.where(replaced, other, first)
    differs = replaced.any(axis=1)
    return first[differs], second[differs]


def boundaries(
    ask: AnswerFunction, low: NDArray[np.float64], high: NDArray[np.float64], space: Space
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bisect pairs of rows with different answers until their ends are neighbours.

    Args:
        ask: the function to bisect; it returns float64 of shape (N, W).
        low: one end of each pair, shape (N, F).
        high: the other end.
        space: the space of the rows; its columns state whether they accept integers only.

    Returns:
        The ends, each of shape (N, F).
    """
    low, high = low.copy(), high.copy()
    is_integer = np.array([column.is_whole for column in space.columns])
    below, above = ask(low), ask(high)
    active = np.flatnonzero(distance(below, above) > 0)
    for round_number in range(HALVINGS):
        if not len(active):
            break
        mid = middle(low[active], high[active], is_integer, round_number < LINEAR_HALVINGS)
        finished = _equal(mid, low[active]) | _equal(mid, high[active])
        if round_number >= LINEAR_HALVINGS:
            active, mid = active[~finished], mid[~finished]
            if not len(active):
                break
        answers = ask(mid)
        to_low, to_high = distance(answers, below[active]), distance(answers, above[active])
        # The half with the larger jump is kept, so that the search finds a step in a slope as well.
        up = (to_low == 0) | ((to_high > 0) & (to_low <= to_high))
        low[active[up]], below[active[up]] = mid[up], answers[up]
        high[active[~up]], above[active[~up]] = mid[~up], answers[~up]
    return low, high


def single_steps(
    ask: AnswerFunction, low: NDArray[np.float64], high: NDArray[np.float64], space: Space
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return neighbours that differ in few columns: each column is made equal if the answers still differ."""
    high = high.copy()
    below = ask(low)
    for place in range(len(space.columns)):
        attempt = high.copy()
        attempt[:, place] = low[:, place]
        changed = ~_equal(attempt, high)
        if not changed.any():
            continue
        keeps = changed.copy()
        keeps[changed] = distance(ask(attempt[changed]), below[changed]) > 0
        high[keeps] = attempt[keeps]
    return low, high


def transplant(
    ends: NDArray[np.float64],
    pool: NDArray[np.float64],
    pairs: tuple[NDArray[np.float64], NDArray[np.float64]],
    draw: np.random.Generator,
) -> NDArray[np.float64]:
    """Return plain rows with the values of each end in the columns in which its pair differs: a step exists elsewhere too."""
    first, second = pairs
    differed = (first != second) & ~np.isnan(first)
    rows = pool[draw.integers(len(pool), size=len(ends))]
    return np.where(differed, ends, rows)


def _equal(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(((first == second) | (np.isnan(first) & np.isnan(second))).all(axis=1))
