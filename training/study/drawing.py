"""What all pictures of the reports share: colours, figures without a screen, and short numbers on axes."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

BLUE, ORANGE, GREY, LIGHT = "#2b6cb0", "#dd6b20", "#4a5568", "#cbd5e0"
CLASS_COLOURS = ("#dd6b20", "#2b6cb0", "#2f855a", "#805ad5", "#b7791f", "#c53030", "#319795", "#4a5568")
"""Colours of classes and of features in one panel, in order; they repeat beyond eight."""
DPI = 120


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches that draws into memory."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure) -> bytes:
    """Return a figure as a PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI, format="png")
    return buffer.getvalue()


def tidy(axes: Axes) -> None:
    """Take away the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)


def short_ticks(axes: Axes, which: str = "both") -> None:
    """Write the numbers of one axis (``x``, ``y``) or of both as ``short`` does."""
    for name in ("x", "y") if which == "both" else (which,):
        getattr(axes, f"{name}axis").set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def short(value: float | None) -> str:
    """Write a number with at most four digits: 0.125, 12.5, 1,250, 125k, 1.25M; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    size = abs(value)
    if size >= 1e12:
        return f"{value:.3g}"
    if size >= 1e6:
        return f"{value / 1e6:,.4g}M"
    if size >= 1e4:
        return f"{value / 1e3:,.4g}k"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"


def apart(values: Sequence[float]) -> list[str]:
    """Write numbers with as many digits as it takes to tell them apart, three at least."""
    for digits in range(3, 9):
        texts = [f"{value:,.{digits}g}" if abs(value) < 10**digits else short(value) for value in values]
        if len(set(texts)) == len(set(values)):
            return texts
    return [f"{value:.15g}" for value in values]


def percent(share: float | None) -> str:
    """Write a share as a percentage: 0, 0.012%, 3.4%, 20%; a dash where there is none."""
    if share is None or math.isnan(share):
        return "–"
    if share == 0:
        return "0"
    return (
        f"{100 * share:.2g}%" if share < 0.0995 else f"{100 * share:.0f}%" if share < 0.995 else f"{100 * share:.4g}%"
    )


def cut(text: str, characters: int = 22) -> str:
    """Shorten text for an axis."""
    return text if len(text) <= characters else text[: characters - 1] + "…"
