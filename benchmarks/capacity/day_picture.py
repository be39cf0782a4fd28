"""The picture of a simulated day: the requests, the replicas of each way to scale, and the refused requests around the burst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.capacity.cluster import Course, Strategy
from benchmarks.capacity.traffic import HOUR_S, Trace

# Okabe and Ito's colours, which colour-blind readers can distinguish too.
_COLOURS = (
    "#000000",
    "#999999",
    "#0072b2",
    "#56b4e9",
    "#cc79a7",
    "#009e73",
    "#e69f00",
    "#d55e00",
    "#7b3294",
    "#8c510a",
)
_GREY = "#4a5568"
MINUTE_S = 60
ZOOM_BEFORE_S, ZOOM_AFTER_S = 300, 1_500
"""The seconds before and after the highest rate's begin that the lower panels show."""


def draw_day(trace: Trace, strategies: Sequence[Strategy], courses: Mapping[str, Course], path: Path) -> None:
    """Draw four panels: the traffic and the replicas of the day, and both around the steepest rise."""
    figure = Figure(figsize=(14, 9), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2)
    figure.suptitle(f"{trace.name}: replicas by way to scale, with the delays of metrics and starts", fontsize=13)
    hours = np.arange(0, len(trace.rates_per_s), MINUTE_S) / HOUR_S
    panels[0, 0].plot(hours, per_minute(trace.rates_per_s), color=_GREY, linewidth=1)
    panels[0, 0].set(title="requests per second, mean of a minute", xlabel="hour of the day")
    begin, end = zoom(trace.rates_per_s)
    seconds = np.arange(begin, end) - begin - min(ZOOM_BEFORE_S, begin)
    highest = 0.0
    for number, strategy in enumerate(strategies):
        course, colour = courses[strategy.name], _COLOURS[number % len(_COLOURS)]
        is_shipped = strategy.title.startswith("components/")
        style = {"color": colour, "linewidth": 1.3, "label": strategy.title, "linestyle": "--" if is_shipped else "-"}
        panels[0, 1].step(hours, course.running[::MINUTE_S], where="post", **style)
        panels[1, 0].step(seconds, course.ready[begin:end], where="post", **style)
        bad = np.cumsum((course.refused + course.late)[begin:end]) / 1e6
        panels[1, 1].plot(seconds, bad, **style)
        if strategy.metrics:
            highest = max(highest, float(bad[-1]))
    panels[0, 1].set(title="replicas that run or start", xlabel="hour of the day")
    panels[1, 0].set(title="ready replicas around the steepest rise", xlabel="seconds from the rise")
    panels[1, 1].set(title="million requests refused or late since then", xlabel="seconds from the rise")
    for axes in panels.ravel():
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    if highest:  # a fixed number of replicas may refuse far more
        panels[1, 1].set_ylim(0, 1.1 * highest)
    handles, labels = panels[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=110, format="png")


def per_minute(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each minute; the last one may be shorter."""
    starts = np.arange(0, len(values), MINUTE_S)
    means: NDArray[np.float64] = np.add.reduceat(values, starts) / np.diff([*starts, len(values)])
    return means


def zoom(rates_per_s: NDArray[np.float64]) -> tuple[int, int]:
    """Return the seconds around the steepest rise within a minute."""
    lag = min(MINUTE_S, len(rates_per_s) - 1)
    rise = int(np.argmax(rates_per_s[lag:] - rates_per_s[:-lag])) if lag else 0
    return max(0, rise - ZOOM_BEFORE_S), min(len(rates_per_s), rise + ZOOM_AFTER_S)
