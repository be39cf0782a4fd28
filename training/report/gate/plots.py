"""Plots of the gate's report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.gate.figures import CalibrationFigures, ChampionFigures, SliceFigures
from training.report.drawing import BLUE, GREY, LIGHT, ORANGE, new_figure, style_axes, to_png
from training.studies.texts import format_short, truncate

SLICES_MAX = 24
"""The largest number of slices in a plot; those with the highest ratios are drawn."""


def draw_slices(figures: Sequence[SliceFigures], worse_max: float | None) -> bytes:
    """Draw the ratio of each slice with its interval, the worst on top, and the limit as a line.

    Raises:
        ValueError: there is no slice.
    """
    if not figures:
        raise ValueError("expected at least one slice to draw, got none")
    plotted_slices = list(figures)[:SLICES_MAX][::-1]
    figure = new_figure(9.5, 1.4 + 0.29 * len(plotted_slices))
    axes = figure.subplots()
    positions = np.arange(len(plotted_slices))
    for position, item in zip(positions, plotted_slices, strict=True):
        is_too_high = worse_max is not None and item.is_evaluated and item.low > worse_max
        colour = ORANGE if is_too_high else BLUE if item.is_evaluated else LIGHT
        axes.plot([item.low, item.high], [position, position], color=colour, linewidth=2)
        axes.plot([item.ratio], [position], "o", color=colour, markersize=6)
    names = [f"{truncate(item.column)}: {truncate(item.part, 26)}  ({item.rows:,})" for item in plotted_slices]
    axes.set_yticks(positions, names, fontsize=9)
    axes.axvline(1, color=GREY, linewidth=1)
    if worse_max is not None:
        axes.axvline(worse_max, color=ORANGE, linewidth=1.2, linestyle="--", label=f"limit {worse_max:g}")
        axes.legend(frameon=False, loc="lower right")
    axes.set(
        title="Loss of each slice, as a ratio to that of all test rows", xlabel="ratio; the line is its 95% interval"
    )
    axes.set_ylim(-0.7, len(plotted_slices) - 0.3)
    style_axes(axes)
    return to_png(figure)


def draw_reliability(figures: CalibrationFigures) -> bytes:
    """Draw the observed frequency against the mean probability, and the rows of each bin below.

    scikit-learn's ``CalibrationDisplay`` has no interval of a bin and no counts, and needs the answers instead of the stored bins."""
    figure = new_figure(7, 6.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = [item for item in figures.bins if item.rows]
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfect")
    probability = np.array([item.probability for item in filled], dtype=np.float64)
    frequency = np.array([item.frequency for item in filled], dtype=np.float64)
    rows = np.array([item.rows for item in filled])
    # The standard error of a binomial share: the deviation of a bin with few rows by chance.
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
        title=f"Reliability of {figures.subject}: Brier {figures.brier:.4f}, ECE {figures.ece:.4f}",
        ylabel="observed frequency",
        xlim=(0, 1),
        ylim=(0, 1.03),
    )
    upper.legend(frameon=False, loc="upper left")
    middles = [(item.low + item.high) / 2 for item in figures.bins]
    width = figures.bins[0].high - figures.bins[0].low
    lower.bar(middles, [item.rows for item in figures.bins], width * 0.92, color=BLUE)
    lower.set(xlabel="mean probability", ylabel="rows")
    for axes in (upper, lower):
        style_axes(axes)
    return to_png(figure)


def draw_champion(figures: ChampionFigures, name: str, unit: str, higher_is_better: bool) -> bytes:
    """Draw the interval of the difference between the model and the champion."""
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
        f"{format_short(figures.challenger)} against {format_short(figures.champion)}:"
        f" {format_short(figures.difference)} ({format_short(figures.low)} to {format_short(figures.high)})",
        fontsize=11,
    )
    style_axes(axes)
    axes.spines["left"].set_visible(False)
    return to_png(figure)
