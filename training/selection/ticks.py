"""Numbers on a score's axis: as many digits as tell its marks apart."""

from __future__ import annotations

import math

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter

from training.study.drawing import short

_DIGITS_MAX = 8
_THOUSANDS = 1e4
"""From here on a number is written in thousands."""


def score_text(value: float, low: float, high: float) -> str:
    """Write a number of an axis from ``low`` to ``high`` with a tenth of the axis in its last digit."""
    span = abs(high - low)
    if span == 0:
        return short(value)
    unit, name = (1e3, "k") if max(abs(low), abs(high)) >= _THOUSANDS else (1.0, "")
    digits = min(max(math.ceil(1 - math.log10(span / unit)), 0), _DIGITS_MAX)
    return f"{value / unit:,.{digits}f}{name}"


def score_ticks(axis: Axis) -> None:
    """Write an axis's numbers so, whatever its ends will be."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: score_text(value, *axis.get_view_interval())))
