"""Plots of all columns together: missing values, correlations, mutual information and outliers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from training.report.drawing import (
    BLUE,
    GREY,
    LIGHT,
    ORANGE,
    format_ticks,
    new_figure,
    style_axes,
    to_png,
)
from training.studies.exploration.relation import Relation
from training.studies.texts import format_percent, truncate

PANELS = 24
"""The largest number of columns in half of a plot."""
WRITTEN_CELLS = 16
"""The largest number of rows or columns of a heat map with numbers in its cells."""


def missing_figure(shares: dict[str, float], jaccard_index: dict[str, dict[str, float]]) -> bytes:
    """Draw the shares of missing values and, for two or more columns, their Jaccard indices."""
    names = [name for name, share in shares.items() if share > 0]
    pairs = len(names) > 1
    figure = new_figure(10.5 if pairs else 6, max(2.0, 1.2 + 0.3 * len(names)))
    panels = figure.subplots(1, 2 if pairs else 1, squeeze=False).ravel()
    positions = np.arange(len(names))[::-1]
    bars = panels[0].barh(positions, [100 * shares[name] for name in names], color=BLUE)
    panels[0].bar_label(bars, [format_percent(shares[name]) for name in names], padding=3, fontsize=8)
    panels[0].set_yticks(positions, [truncate(name) for name in names])
    panels[0].margins(x=0.15)
    panels[0].set_ylim(-0.8, len(names) - 0.2)
    panels[0].set(title="Missing values", xlabel="share of rows (%)")
    style_axes(panels[0])
    if pairs:
        table = pd.DataFrame(jaccard_index).loc[names, names]
        _draw_heat_map(panels[1], table, 0.0, 1.0, "Blues")
        panels[1].set_title("Missing together (Jaccard index)")
    return to_png(figure)


def correlation_figure(pearson: pd.DataFrame, spearman: pd.DataFrame) -> bytes:
    """Draw both correlation matrices."""
    size = max(2.6, 0.42 * len(pearson))
    figure = new_figure(2 * size + 3.2, size + 1.2)
    for axes, table, title in zip(
        figure.subplots(1, 2), (pearson, spearman), ("Pearson's r", "Spearman's ρ"), strict=True
    ):
        _draw_heat_map(axes, table, -1.0, 1.0, "RdBu_r")
        axes.set_title(title)
    return to_png(figure)


def association_figure(table: pd.DataFrame) -> bytes:
    """Draw the association of categories with each other and with numbers."""
    figure = new_figure(max(6.0, 0.6 * table.shape[1] + 3.0), max(2.0, 0.45 * len(table) + 1.5))
    axes = figure.subplots()
    _draw_heat_map(axes, table, 0.0, 1.0, "Blues")
    return to_png(figure)


def information_figure(relations: Sequence[Relation]) -> bytes:
    """Draw the mutual information of each feature with the target, the highest on top."""
    ordered = sorted(relations, key=lambda relation: relation.mutual_information)[-2 * PANELS :]
    figure = new_figure(7.5, max(2.0, 0.9 + 0.3 * len(ordered)))
    axes = figure.subplots()
    bars = axes.barh(
        [truncate(relation.name) for relation in ordered], [item.mutual_information for item in ordered], color=BLUE
    )
    axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
    axes.margins(x=0.12)
    axes.set_xlabel("mutual information with the target (nats)")
    style_axes(axes)
    return to_png(figure)


def outlier_figure(scores: dict[str, NDArray[np.float64]]) -> bytes:
    """Draw the columns' modified z-scores as boxes on one axis that is logarithmic beyond ±3.5.

    Args:
        scores: by column, float64 without NaN.
    """
    names = list(scores)[: 2 * PANELS]
    figure = new_figure(8.6, max(2.0, 1.1 + 0.36 * len(names)))
    axes = figure.subplots()
    axes.axvspan(-3.5, 3.5, color="#edf2f7")
    axes.boxplot(
        [scores[name] for name in names][::-1],
        orientation="horizontal",
        tick_labels=[truncate(name) for name in names][::-1],
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": LIGHT, "edgecolor": BLUE},
        whiskerprops={"color": BLUE},
        capprops={"color": BLUE},
        medianprops={"color": ORANGE, "linewidth": 1.6},
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": GREY, "alpha": 0.35},
    )
    axes.set_xscale("symlog", linthresh=3.5, linscale=1.6)
    widest = max((float(values.max(initial=0.0)) for values in scores.values()), default=0.0)
    lowest = min((float(values.min(initial=0.0)) for values in scores.values()), default=0.0)
    ticks = (3.5, 10, 100, 1000, 1e4, 1e6)
    axes.set_xticks(
        [
            *(-tick for tick in reversed(ticks) if tick <= max(-lowest, 3.5)),
            0,
            *(tick for tick in ticks if tick <= max(widest, 3.5)),
        ]
    )
    axes.minorticks_off()
    format_ticks(axes, "x")
    axes.set_xlabel("modified z-score (linear between ±3.5, logarithmic beyond)")
    style_axes(axes)
    return to_png(figure)


def _draw_heat_map(axes: Axes, table: pd.DataFrame, low: float, high: float, colours: str) -> None:
    values = table.to_numpy(dtype=np.float64)
    axes.imshow(np.ma.masked_invalid(values), cmap=colours, vmin=low, vmax=high, aspect="auto")
    axes.set_facecolor("#edf2f7")
    names = [truncate(str(name), 18) for name in table.columns]
    axes.set_xticks(np.arange(values.shape[1]), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(np.arange(values.shape[0]), [truncate(str(name), 18) for name in table.index], fontsize=8)
    axes.spines[:].set_visible(False)
    if max(values.shape) > WRITTEN_CELLS:
        return
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = abs(value) > 0.6 * max(abs(low), abs(high))
            axes.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color="white" if dark else "#1a202c"
            )
