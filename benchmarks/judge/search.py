"""Rows on the boundaries of scikit-learn's answers, found by bisection from outside: nothing is read from the pipeline.

Two rows with different answers are halved, one column or several at a time, until they are neighbours in double (or
neighbouring integers, if the contract takes integers only). For answers that change in steps, the two ends are the two
sides of a step: a threshold of a tree, the edge of a bin, a vote, a tie of neighbours, a rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge.space import Space

RAISES = 1e301
"""Stands for the answer of a row on which the pipeline raises."""
LINEAR_HALVINGS = 10
"""The first halvings are of the values; the others of the doubles between them, so that they end."""
HALVINGS = 80
"""Enough for both: there are less than 2^64 doubles."""
Ask = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def ordinal(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the place of each double in the order of all doubles."""
    bits = np.ascontiguousarray(values, dtype=np.float64).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def from_ordinal(places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the doubles at places of the order of all doubles."""
    bits = np.where(places < 0, np.int64(-(2**63)) - places, places)
    return np.ascontiguousarray(bits).view(np.float64)


def middle(
    low: NDArray[np.float64], high: NDArray[np.float64], whole: NDArray[np.bool_], linear: bool
) -> NDArray[np.float64]:
    """Return rows between rows, column by column; a row equal to one end if no double lies between.

    Args:
        low: one end, shape (N, F).
        high: the other.
        whole: which columns take integers only, shape (F,).
        linear: whether the middle is that of the values; else that of the doubles' order.
    """
    same = (low == high) | np.isnan(low) | np.isnan(high)
    if linear:
        mid = low / 2 + high / 2
    else:
        first, second = ordinal(np.where(same, 0.0, low)), ordinal(np.where(same, 0.0, high))
        # Halved before they are added: the sum of two places may be beyond int64.
        mid = from_ordinal((first >> 1) + (second >> 1) + (first & second & 1))
    # Between neighbouring integers the middle is the lower one.
    mid = np.where(whole, np.floor(low / 2 + high / 2), mid)
    return np.where(same, low, mid)


def distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far answers of shape (N, W) are apart, shape (N,); NaN is as far from a number as can be."""
    apart = np.abs(first - second)
    apart[np.isnan(first) & np.isnan(second)] = 0.0
    return np.asarray(np.nan_to_num(apart, nan=RAISES, posinf=RAISES).max(axis=1, initial=0.0))


def candidates(
    pool: NDArray[np.float64], space: Space, count: int, draw: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pairs of rows that differ in one number or in several, and have the same texts and missing values."""
    numbers = np.array([not column.is_text for column in space.columns])
    first = pool[draw.integers(len(pool), size=count)]
    other = pool[draw.integers(len(pool), size=count)]
    movable = numbers & ~np.isnan(first) & ~np.isnan(other) & (first != other)
    some = movable & (draw.random(first.shape) < 0.5)
    # Half of the pairs: one column only, each as often as the others.
    scores = np.where(movable, draw.random(first.shape), -1.0)
    only = np.zeros_like(movable)
    only[np.arange(count), scores.argmax(axis=1)] = True
    moved = np.where((np.arange(count) % 2 == 0)[:, np.newaxis], only & movable, some)
    second = np.where(moved, other, first)
    kept = moved.any(axis=1)
    return first[kept], second[kept]


def boundaries(
    ask: Ask, low: NDArray[np.float64], high: NDArray[np.float64], space: Space
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Halve pairs of rows with different answers until their ends are neighbours.

    Args:
        ask: gives what is compared, float64 of shape (N, W).
        low: one end of each pair, shape (N, F).
        high: the other.
        space: says which columns take integers only.

    Returns:
        The ends, each of shape (N, F).
    """
    low, high = low.copy(), high.copy()
    whole = np.array([column.is_whole for column in space.columns])
    below, above = ask(low), ask(high)
    active = np.flatnonzero(distance(below, above) > 0)
    for round_number in range(HALVINGS):
        if not len(active):
            break
        mid = middle(low[active], high[active], whole, round_number < LINEAR_HALVINGS)
        ended = _equal(mid, low[active]) | _equal(mid, high[active])
        if round_number >= LINEAR_HALVINGS:
            active, mid = active[~ended], mid[~ended]
            if not len(active):
                break
        answers = ask(mid)
        to_low, to_high = distance(answers, below[active]), distance(answers, above[active])
        # The half with the larger jump is kept, so that a step is found in a slope as well.
        up = (to_low == 0) | ((to_high > 0) & (to_low <= to_high))
        low[active[up]], below[active[up]] = mid[up], answers[up]
        high[active[~up]], above[active[~up]] = mid[~up], answers[~up]
    return low, high


def single_steps(
    ask: Ask, low: NDArray[np.float64], high: NDArray[np.float64], space: Space
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return neighbours that differ in as few columns as the answer's difference needs: the others are made equal."""
    high = high.copy()
    below = ask(low)
    for place in range(len(space.columns)):
        tried = high.copy()
        tried[:, place] = low[:, place]
        changed = ~_equal(tried, high)
        if not changed.any():
            continue
        keeps = changed.copy()
        keeps[changed] = distance(ask(tried[changed]), below[changed]) > 0
        high[keeps] = tried[keeps]
    return low, high


def transplanted(
    ends: NDArray[np.float64],
    pool: NDArray[np.float64],
    pairs: tuple[NDArray[np.float64], NDArray[np.float64]],
    draw: np.random.Generator,
) -> NDArray[np.float64]:
    """Return plain rows that take over, from each end, the columns in which its pair differed: steps hold elsewhere."""
    first, second = pairs
    differed = (first != second) & ~np.isnan(first)
    rows = pool[draw.integers(len(pool), size=len(ends))]
    return np.where(differed, ends, rows)


def _equal(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(((first == second) | (np.isnan(first) & np.isnan(second))).all(axis=1))
