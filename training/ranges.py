"""Ranges with slack: what a feature takes, from the smallest and the largest value that somebody has seen."""

from __future__ import annotations

import math
from typing import Any

from bundle.contract import LARGEST_EXACT_INTEGER

SLACK = 0.5
"""How far a range goes beyond the values on each side, as a share of what they span."""
_DIGITS = 2
"""To how many digits of the span the ends of a range are rounded, outwards."""
_SPAN_MIN, _SPAN_MAX = 1e-300, 1e300
"""Beyond these, steps would be no doubles any more."""


def value_range(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """Return a range with slack around what a sample shows.

    On either side half of the span is added, and the end rounded outwards to two digits of the span (to an integer, if
    the values are). Where the values are all equal, their magnitude counts as the span (1 for zero). A column without a
    negative value gets no negative end, one of negative values and zeros no positive one.
    """
    span = min(max(high - low or abs(high) or 1.0, _SPAN_MIN), _SPAN_MAX)
    step = 10.0 ** (math.floor(math.log10(span)) - _DIGITS + 1)
    if whole:
        step = max(step, 1.0)
    lower = _rounded((low - SLACK * span) / step, step, math.floor)
    upper = _rounded((high + SLACK * span) / step, step, math.ceil)
    if low >= 0:
        lower = max(lower, 0.0)
    if high <= 0 and low < 0:
        upper = min(upper, 0.0)
    limit = float(LARGEST_EXACT_INTEGER)
    # Beyond it integers are no longer exact; a sample that goes there itself keeps its own ends.
    lower, upper = max(lower, min(low, -limit)), min(upper, max(high, limit))
    # Large numbers that lie close together lose their difference when they are written with twelve digits.
    return min(lower, low), max(upper, high)


def _rounded(steps: float, step: float, outwards: Any) -> float:
    if math.isinf(steps):
        return steps
    # 0.30000000000000004 is written 0.3: a person reads it.
    return float(f"{outwards(steps) * step:.12g}")  # rounded: on purpose
