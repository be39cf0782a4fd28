"""Preimages: the exact double at which a monotone function crosses a threshold.

The bits of doubles, read as integers, have the same order as the doubles. A bisection over these integers takes 64 steps
for all thresholds together and evaluates the pipeline's own function. Some functions, such as the inverse of the normal
distribution, are monotone except for their last bits. If this is visible around a threshold, no single double separates
left from right; the function is then described by all doubles at which it crosses a threshold.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tabento.export.formulas.lookup import StepFunction

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

NEIGHBOURS = 32
"""The number of doubles on each side of a new threshold at which monotonicity is checked."""
FLAT = 1e-9
"""The smallest relative distance of a threshold from the value at a flat turning point. Closer to it the last bits are
uncertain over too many doubles."""
FARTHEST = 1 << 14
"""The largest number of doubles on each side that are searched for the last crossing."""


def preimages(
    thresholds: NDArray[np.float64],
    function: Function,
    domain: tuple[float, float] = (-np.inf, np.inf),
    *,
    increasing: bool = True,
    certain: bool = False,
) -> tuple[NDArray[np.float64], bool]:
    """Find for each threshold t the double that separates the x with f(x) <= t from the x with f(x) > t.

    Args:
        thresholds: float64 of shape (T,), not NaN.
        function: weakly monotone on the domain; float64 of shape (n,) to float64 of shape (n,).
        domain: the smallest and the largest x, inclusive.
        increasing: whether the function increases.
        certain: whether the check for exceptions around each result is omitted.

    Returns:
        float64 of shape (T,): the largest x with f(x) <= t for an increasing function, the largest x with f(x) > t for a
        decreasing one, and a double below the domain if there is no such x. Second, whether the function was monotone
        around each of them.
    """
    lowest, highest = (_to_integers(np.array([end]))[0] for end in domain)
    low = np.full(len(thresholds), lowest - 1)  # the result is at or above low ...
    high = np.full(len(thresholds), highest + 1)  # ... and below high

    def belongs(integers: NDArray[np.int64], limits: NDArray[np.float64]) -> NDArray[np.bool_]:
        with np.errstate(all="ignore"):
            values = function(_to_doubles(integers))
        return values <= limits if increasing else values > limits

    while True:
        # The middle, computed without a sum that could overflow.
        middle = low + ((high.astype(np.uint64) - low.astype(np.uint64)) // np.uint64(2)).astype(np.int64)
        is_open = middle > low
        if not is_open.any():
            break
        is_in_lower_part = belongs(np.clip(middle, lowest, highest), thresholds) & is_open
        low = np.where(is_in_lower_part, middle, low)
        high = np.where(is_open & ~is_in_lower_part, middle, high)
    monotone = True
    if not certain:
        for step in range(-NEIGHBOURS, NEIGHBOURS + 1):
            around = np.clip(low + step, lowest, highest)
            monotone &= bool(np.array_equal(belongs(around, thresholds), around <= low))
    ends = _to_integers(np.array([-np.inf, np.inf]))
    return _to_doubles(np.clip(low, *ends)), monotone


def crossings(
    thresholds: NDArray[np.float64], function: Function, domain: tuple[float, float], *, increasing: bool = True
) -> StepFunction | None:
    """Return the number of thresholds below f(x) as a step function of x.

    The function f is monotone except for its last bits: f(x) <= thresholds[k] if the number is at most k.

    Args:
        thresholds: float64 of shape (T,), ascending, not NaN, at least one.
        function: see ``preimages``; it can cross a threshold several times.
        domain: the smallest and the largest x, inclusive.
        increasing: whether the function increases.

    Returns:
        The step function; NaN stays NaN. None if the last crossing of a threshold is not found.
    """
    lowest, highest = (_to_integers(np.array([end]))[0] for end in domain)
    first_crossings, _ = preimages(thresholds, function, domain, increasing=increasing, certain=True)
    middle = np.clip(_to_integers(first_crossings), lowest, highest)[:, np.newaxis]
    reach = 2 * NEIGHBOURS
    while True:
        integers = np.clip(middle + np.arange(-reach, reach + 1), lowest, highest)
        is_above = _values(function, integers) > thresholds[:, np.newaxis]
        margin = reach // 2
        is_settled = (is_above[:, :margin] == is_above[:, :1]).all() and (
            is_above[:, -margin:] == is_above[:, -1:]
        ).all()
        if is_settled:
            break
        reach *= 4
        if reach > FARTHEST:
            return None
    changes = is_above[:, 1:] != is_above[:, :-1]
    boundaries = np.unique(integers[:, :-1][changes])
    values = _values(function, np.append(boundaries, highest))
    # A threshold equal to the value is not below it.
    return StepFunction(
        _to_doubles(boundaries), np.searchsorted(thresholds, values, side="left").astype(np.float64), np.nan
    )


def turned_crossings(
    thresholds: NDArray[np.float64],
    function: Function,
    domain: tuple[float, float],
    turns: NDArray[np.float64],
    *,
    flat: bool = False,
) -> StepFunction | None:
    """Return the same as ``crossings`` for a function with turning points.

    Args:
        thresholds: float64 of shape (T,), ascending, not NaN, at least one.
        function: monotone except for its last bits, or NaN, on each part of the domain between two turning points.
        domain: the smallest and the largest x, inclusive.
        turns: the last double of each part, ascending; doubles outside of the domain are ignored.
        flat: whether the function has slope 0 at its turning points.

    Returns:
        The step function, NaN where the function is not defined. None if the last crossing of a threshold is not found.
    """
    low, high = domain
    inner = np.unique(turns[(turns >= low) & (turns < high)])
    starts, ends = np.append(low, np.nextafter(inner, np.inf)), np.append(inner, high)
    boundaries: list[NDArray[np.float64]] = []
    ranks: list[NDArray[np.float64]] = []
    for start, end in zip(starts, ends, strict=True):
        first, last = _values(function, _to_integers(np.array([start, end])))
        if (
            flat
            and np.isclose(thresholds[:, np.newaxis], [first, last], rtol=FLAT, atol=FLAT)[
                :, _at_turn(inner, start, end)
            ].any()
        ):
            return None
        if np.isnan([first, last]).any():
            part = StepFunction(np.empty(0), np.array([np.nan]), np.nan) if np.isnan([first, last]).all() else None
        else:
            part = crossings(thresholds, function, (start, end), increasing=bool(first <= last))
        if part is None:
            return None
        boundaries += [part.boundaries, np.array([end])]
        ranks.append(part.values)
    return StepFunction(np.concatenate(boundaries)[:-1], np.concatenate(ranks), np.nan)


def _at_turn(inner: NDArray[np.float64], start: float, end: float) -> NDArray[np.bool_]:
    """Return for the start and the end of a part whether it is a turning point and not the end of the domain."""
    return np.isin([np.nextafter(start, -np.inf), end], inner)


def _values(function: Function, integers: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        return function(_to_doubles(integers.ravel())).reshape(integers.shape)


def _to_integers(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Convert doubles to integers of the same order; -0.0 and 0.0 are the same integer."""
    bits = (values + 0.0).view(np.int64)
    return np.where(bits < 0, np.int64(np.iinfo(np.int64).min) - bits, bits)


def _to_doubles(integers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Convert such integers back to doubles."""
    bits = np.where(integers < 0, np.int64(np.iinfo(np.int64).min) - integers, integers)
    return np.asarray(bits.view(np.float64))
