"""Double thresholds for libraries that round the rows to float32 before the trees compare them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BEYOND_FLOAT32 = 2.0**128
"""The number after the largest float32. It rounds to infinity, as all numbers from halfway between the two on do."""


def float32_splits(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return thresholds for doubles that are equivalent to thresholds for the doubles rounded to float32.

    A library that rounds rows to float32 goes left if float32(x) <= t. Rounding is to nearest, ties to the even
    significand (IEEE 754, 4.3.1). Let f be the largest float32 that is not above t. Then the largest such x is halfway
    between f and the next float32 if the significand of f is even, and the double before that if it is odd. The point
    halfway is a double, because a double has more bits than a float32.

    Args:
        thresholds: t, float64 of any shape, not NaN.

    Returns:
        For each t the largest double x with float32(x) <= t, of the same shape.
    """
    with np.errstate(over="ignore"):
        lower = thresholds.astype(np.float32)
        previous = np.nextafter(lower, np.float32(-np.inf))
        lower = np.where(lower.astype(np.float64) > thresholds, previous, lower)
        upper = np.nextafter(lower, np.float32(np.inf))
    low, high = (np.clip(end.astype(np.float64), -BEYOND_FLOAT32, BEYOND_FLOAT32) for end in (lower, upper))
    middle = low + (high - low) / 2
    even = lower.view(np.int32) % 2 == 0
    result = np.where(even, middle, np.nextafter(middle, -np.inf))
    return np.where(np.isposinf(lower), np.inf, result)
