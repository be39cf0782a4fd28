"""Ranges with slack: the accepted range of a feature, from the smallest and the largest value of a sample."""

from __future__ import annotations

import math
from typing import Any

from tabento.bundle.contract import LARGEST_EXACT_INTEGER

SLACK = 0.5
"""The distance of the range's ends from the values on each side, as a share of the span of the values."""
_DIGITS = 2
"""The number of digits of the span to which the ends of a range are rounded, outwards."""
_SPAN_MIN, _SPAN_MAX = 1e-300, 1e300
"""Beyond these limits, steps are not finite doubles above 0."""


def value_range(low: float, high: float, *, is_integer: bool) -> tuple[float, float]:
    """Return a range with slack around the values of a sample.

    On either side half of the span is added, and the end is rounded outwards to two digits of the span (to an integer, if
    the values are integers). If all values are equal, the span is their magnitude (1 for zero). A column without negative
    values gets no negative end, a column without positive values no positive end.
    """
    span = min(max(high - low or abs(high) or 1.0, _SPAN_MIN), _SPAN_MAX)
    step = 10.0 ** (math.floor(math.log10(span)) - _DIGITS + 1)
    if is_integer:
        step = max(step, 1.0)
    lower = _round((low - SLACK * span) / step, step, math.floor)
    upper = _round((high + SLACK * span) / step, step, math.ceil)
    if low >= 0:
        lower = max(lower, 0.0)
    if high <= 0 and low < 0:
        upper = min(upper, 0.0)
    limit = float(LARGEST_EXACT_INTEGER)
    # Beyond this limit integers are not exact; a sample with larger values keeps its own ends.
    lower, upper = max(lower, min(low, -limit)), min(upper, max(high, limit))
    # Large numbers that are close together lose their difference when they are written with twelve digits.
    return min(lower, low), max(upper, high)


def _round(steps: float, step: float, outwards: Any) -> float:
    if math.isinf(steps):
        return steps
    # 0.30000000000000004 is written 0.3, for readers.
    return float(f"{outwards(steps) * step:.12g}")  # rounded: on purpose
