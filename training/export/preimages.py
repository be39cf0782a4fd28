"""Preimages: where in front of a monotone function a threshold behind it lies, to the last double.

The doubles are ordered as integers made of their bits are, so a bisection over those takes 64 steps for all thresholds
at once, with the pipeline's own function as the judge. Functions such as the inverse of the normal distribution rise
but for their last bits; where that shows around a threshold there is no one double that parts left from right, and the
function is described by all the doubles at which a threshold is crossed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.export.lookup import Pieces

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

NEIGHBOURS = 32
"""How many doubles on either side of a new threshold are tried to see that the function is monotone there."""
FLAT = 1e-9
"""How near to the value at a level turn a threshold may not lie, relative: the last bits are uncertain too far around it."""
FARTHEST = 1 << 14
"""How many doubles on either side are tried at most to find where a function has settled."""


def preimages(
    thresholds: NDArray[np.float64],
    function: Function,
    domain: tuple[float, float] = (-np.inf, np.inf),
    *,
    increasing: bool = True,
    certain: bool = False,
) -> tuple[NDArray[np.float64], bool]:
    """Return for each threshold t the double that parts the x with f(x) <= t from those with f(x) > t.

    Args:
        thresholds: float64 of shape (T,), not NaN.
        function: weakly monotone on the domain; takes and gives float64 of shape (n,).
        domain: from where to where x goes, inclusive.
        increasing: whether the function rises.
        certain: do not look for exceptions around what was found.

    Returns:
        float64 of shape (T,): where it rises, the largest x with f(x) <= t; where it falls, the largest x with
        f(x) > t. Below the domain where there is none. And whether the function was monotone around each of them. The
        doubles are ordered as integers made of their bits are, so the bisection goes over those: 64 steps for all
        thresholds at once.
    """
    least, most = (_ordered(np.array([end]))[0] for end in domain)
    low = np.full(len(thresholds), least - 1)  # what is sought is at or above low ...
    high = np.full(len(thresholds), most + 1)  # ... and below high

    def belongs(places: NDArray[np.int64], limits: NDArray[np.float64]) -> NDArray[np.bool_]:
        with np.errstate(all="ignore"):
            values = function(_doubles(places))
        return values <= limits if increasing else values > limits

    while True:
        # Half of the way without a sum that could overflow.
        middle = low + ((high.astype(np.uint64) - low.astype(np.uint64)) // np.uint64(2)).astype(np.int64)
        open_ones = middle > low
        if not open_ones.any():
            break
        inside = belongs(np.clip(middle, least, most), thresholds) & open_ones
        low = np.where(inside, middle, low)
        high = np.where(open_ones & ~inside, middle, high)
    monotone = True
    if not certain:
        for step in range(-NEIGHBOURS, NEIGHBOURS + 1):
            around = np.clip(low + step, least, most)
            monotone &= bool(np.array_equal(belongs(around, thresholds), around <= low))
    ends = _ordered(np.array([-np.inf, np.inf]))
    return _doubles(np.clip(low, *ends)), monotone


def crossings(
    thresholds: NDArray[np.float64], function: Function, domain: tuple[float, float], *, increasing: bool = True
) -> Pieces | None:
    """Return how many thresholds a function lies above, as a function of its argument that is constant in pieces.

    For a function that is monotone but for its last bits: f(x) <= thresholds[k] where the number is at most k.

    Args:
        thresholds: float64 of shape (T,), rising, not NaN, at least one.
        function: see ``preimages``; it may turn back near a threshold.
        domain: from where to where x goes, inclusive.
        increasing: whether the function rises.

    Returns:
        The pieces; missing stays missing. None where the function does not settle near some threshold.
    """
    least, most = (_ordered(np.array([end]))[0] for end in domain)
    found, _ = preimages(thresholds, function, domain, increasing=increasing, certain=True)
    middle = np.clip(_ordered(found), least, most)[:, np.newaxis]
    reach = 2 * NEIGHBOURS
    while True:
        places = np.clip(middle + np.arange(-reach, reach + 1), least, most)
        above = _values(function, places) > thresholds[:, np.newaxis]
        margin = reach // 2
        settled = (above[:, :margin] == above[:, :1]).all() and (above[:, -margin:] == above[:, -1:]).all()
        if settled:
            break
        reach *= 4
        if reach > FARTHEST:
            return None
    changes = above[:, 1:] != above[:, :-1]
    boundaries = np.unique(places[:, :-1][changes])
    values = _values(function, np.append(boundaries, most))
    # A threshold that is the value itself is not below it.
    return Pieces(_doubles(boundaries), np.searchsorted(thresholds, values, side="left").astype(np.float64), np.nan)


def turned_crossings(
    thresholds: NDArray[np.float64],
    function: Function,
    domain: tuple[float, float],
    turns: NDArray[np.float64],
    *,
    flat: bool = False,
) -> Pieces | None:
    """Return the same as ``crossings`` for a function that rises or falls, or is not defined, between its turns.

    Args:
        thresholds: float64 of shape (T,), rising, not NaN, at least one.
        function: monotone but for its last bits, or NaN, on each part of the domain between two turns.
        domain: from where to where x goes, inclusive.
        turns: the last double of each part, rising; those outside of the domain do not count.
        flat: whether the function is level where it turns.

    Returns:
        The pieces, NaN where the function is not defined. None where it does not settle near some threshold.
    """
    low, high = domain
    inner = np.unique(turns[(turns >= low) & (turns < high)])
    starts, ends = np.append(low, np.nextafter(inner, np.inf)), np.append(inner, high)
    boundaries: list[NDArray[np.float64]] = []
    ranks: list[NDArray[np.float64]] = []
    for start, end in zip(starts, ends, strict=True):
        first, last = _values(function, _ordered(np.array([start, end])))
        if (
            flat
            and np.isclose(thresholds[:, np.newaxis], [first, last], rtol=FLAT, atol=FLAT)[
                :, _at_turn(inner, start, end)
            ].any()
        ):
            return None
        if np.isnan([first, last]).any():
            part = Pieces(np.empty(0), np.array([np.nan]), np.nan) if np.isnan([first, last]).all() else None
        else:
            part = crossings(thresholds, function, (start, end), increasing=bool(first <= last))
        if part is None:
            return None
        boundaries += [part.boundaries, np.array([end])]
        ranks.append(part.values)
    return Pieces(np.concatenate(boundaries)[:-1], np.concatenate(ranks), np.nan)


def _at_turn(inner: NDArray[np.float64], start: float, end: float) -> NDArray[np.bool_]:
    """Say which ends of a part are turns rather than ends of the domain."""
    return np.isin([np.nextafter(start, -np.inf), end], inner)


def _values(function: Function, places: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        return function(_doubles(places.ravel())).reshape(places.shape)


def _ordered(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return integers that are ordered as the doubles are, -0.0 and 0.0 as one."""
    bits = (values + 0.0).view(np.int64)
    return np.where(bits < 0, np.int64(np.iinfo(np.int64).min) - bits, bits)


def _doubles(places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the doubles of such integers; one beyond infinity stays infinity."""
    bits = np.where(places < 0, np.int64(np.iinfo(np.int64).min) - places, places)
    return np.asarray(bits.view(np.float64))
