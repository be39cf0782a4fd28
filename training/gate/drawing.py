"""The pictures of the gate's report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.gate.figures import CalibrationFigures, ChampionFigures, SliceFigures
from training.study.drawing import BLUE, GREY, LIGHT, ORANGE, cut, new_figure, short, tidy, to_png

SLICES_MAX = 24
"""More bars than this cannot be read; those with the highest ratios are drawn."""


def draw_slices(figures: Sequence[SliceFigures], worse_max: float | None) -> bytes:
    """Return a PNG with the ratio of each slice and its interval, the worst on top; the limit is a line.

    Raises:
        ValueError: there is no slice.
    """
    if not figures:
        raise ValueError("expected at least one slice to draw, got none")
    drawn = list(figures)[:SLICES_MAX][::-1]
    figure = new_figure(9.5, 1.4 + 0.29 * len(drawn))
    axes = figure.subplots()
    places = np.arange(len(drawn))
    for place, item in zip(places, drawn, strict=True):
        bad = worse_max is not None and item.judged and item.low > worse_max
        colour = ORANGE if bad else BLUE if item.judged else LIGHT
        axes.plot([item.low, item.high], [place, place], color=colour, linewidth=2)
        axes.plot([item.ratio], [place], "o", color=colour, markersize=6)
    names = [f"{cut(item.column)}: {cut(item.part, 26)}  ({item.rows:,})" for item in drawn]
    axes.set_yticks(places, names, fontsize=9)
    axes.axvline(1, color=GREY, linewidth=1)
    if worse_max is not None:
        axes.axvline(worse_max, color=ORANGE, linewidth=1.2, linestyle="--", label=f"limit {worse_max:g}")
        axes.legend(frameon=False, loc="lower right")
    axes.set(
        title="Loss of each slice, as a ratio to that of all test rows", xlabel="ratio; the line is its 95% interval"
    )
    axes.set_ylim(-0.7, len(drawn) - 0.3)
    tidy(axes)
    return to_png(figure)


def draw_reliability(figures: CalibrationFigures) -> bytes:
    """Return a PNG: how often it was so against the mean probability, and below it how many rows each bin has."""
    figure = new_figure(7, 6.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = [item for item in figures.bins if item.rows]
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfect")
    probability = np.array([item.probability for item in filled], dtype=np.float64)
    frequency = np.array([item.frequency for item in filled], dtype=np.float64)
    rows = np.array([item.rows for item in filled])
    # The binomial's standard error: how far a bin of so few rows strays by chance.
    error = 1.96 * np.sqrt(np.maximum(frequency * (1 - frequency), 1e-12) / rows)
    upper.errorbar(
        probability,
        frequency,
        yerr=error,
        color=BLUE,
        marker="o",
        linewidth=1.8,
        capsize=3,
        label="model, 95% by chance",
    )
    upper.set(
        title=f"Reliability of {figures.of}: Brier {figures.brier:.4f}, ECE {figures.ece:.4f}",
        ylabel="how often it was so",
        xlim=(0, 1),
        ylim=(0, 1.03),
    )
    upper.legend(frameon=False, loc="upper left")
    middles = [(item.low + item.high) / 2 for item in figures.bins]
    width = figures.bins[0].high - figures.bins[0].low
    lower.bar(middles, [item.rows for item in figures.bins], width * 0.92, color=BLUE)
    lower.set(xlabel="mean probability", ylabel="rows")
    for axes in (upper, lower):
        tidy(axes)
    return to_png(figure)


def draw_champion(figures: ChampionFigures, name: str, unit: str, higher_is_better: bool) -> bytes:
    """Return a PNG with the interval of the difference between the model and the champion."""
    figure = new_figure(8, 2.3)
    axes = figure.subplots()
    span = max(abs(figures.low), abs(figures.high), abs(figures.difference)) * 1.25 or 1.0
    good = (0, span) if higher_is_better else (-span, 0)
    axes.axvspan(*good, color="#ebf8ff", zorder=0)
    axes.plot([figures.low, figures.high], [0, 0], color=BLUE, linewidth=4, solid_capstyle="butt")
    axes.plot([figures.difference], [0], "o", color=BLUE, markersize=10)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set(
        xlim=(-span, span),
        yticks=[],
        xlabel=f"model minus champion, {name}{f' ({unit})' if unit else ''}; shaded: better",
    )
    axes.set_title(
        f"{short(figures.challenger)} against {short(figures.champion)}:"
        f" {short(figures.difference)} ({short(figures.low)} to {short(figures.high)})",
        fontsize=11,
    )
    tidy(axes)
    axes.spines["left"].set_visible(False)
    return to_png(figure)
