"""Shared parts of all plots: colours, figures without a screen, and number formats of axes."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from training.studies.texts import format_short

BLUE, ORANGE, GREY, LIGHT = "#2b6cb0", "#dd6b20", "#4a5568", "#cbd5e0"
CLASS_COLOURS = ("#dd6b20", "#2b6cb0", "#2f855a", "#805ad5", "#b7791f", "#c53030", "#319795", "#4a5568")
"""Colours of classes and features in one panel, in order; after eight they repeat."""
DPI = 120
LAYOUT: Literal["constrained"] | None = "constrained"
"""The layout engine of all figures, which keeps titles and labels apart."""
_DIGITS_MAX = 8
_THOUSANDS = 1e4
"""The number from which on an axis is written in thousands."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches that is drawn in memory."""
    figure = Figure(figsize=(width, height), layout=LAYOUT)
    FigureCanvasAgg(figure)
    return figure


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG file."""
    path.write_bytes(to_png(figure))


def to_png(figure: Figure) -> bytes:
    """Return a figure as a PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI, format="png")
    return buffer.getvalue()


def style_axes(axes: Axes) -> None:
    """Remove the upper and the right side of the frame."""
    axes.spines[["top", "right"]].set_visible(False)


def format_ticks(axes: Axes, direction: str = "both") -> None:
    """Format the numbers of one axis (``x``, ``y``) or of both with ``format_short``."""
    for name in ("x", "y") if direction == "both" else (direction,):
        getattr(axes, f"{name}axis").set_major_formatter(FuncFormatter(lambda value, _: format_short(value)))


def score_text(value: float, low: float, high: float) -> str:
    """Write a number of an axis from ``low`` to ``high``; its last digit resolves a tenth of the axis."""
    span = abs(high - low)
    if span == 0:
        return format_short(value)
    unit, name = (1e3, "k") if max(abs(low), abs(high)) >= _THOUSANDS else (1.0, "")
    digits = min(max(math.ceil(1 - math.log10(span / unit)), 0), _DIGITS_MAX)
    return f"{value / unit:,.{digits}f}{name}"


def score_ticks(axis: Axis) -> None:
    """Format the numbers of an axis with ``score_text``, also if its limits change later."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: score_text(value, *axis.get_view_interval())))
