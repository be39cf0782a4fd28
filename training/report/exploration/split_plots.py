"""Plots of the training part against the test part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tabento.bundle.drift import PSI_MODERATE
from training.config import ModelConfig
from training.report.drawing import (
    BLUE,
    GREY,
    ORANGE,
    format_ticks,
    new_figure,
    style_axes,
    to_png,
)
from training.studies.exploration.association import MISSING_LABEL
from training.studies.exploration.comparison import ColumnComparison
from training.studies.texts import truncate

PANELS = 24
"""The largest number of panels; further columns are in the table only."""


def comparison_figure(
    config: ModelConfig, comparisons: Sequence[ColumnComparison], train: pd.DataFrame, test: pd.DataFrame
) -> bytes:
    """Draw each column's distribution in both parts, with its stability index as the title."""
    plotted_columns = list(comparisons)[:PANELS]
    columns = 4
    rows = -(-len(plotted_columns) // columns)
    figure = new_figure(12, 2.2 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, item in zip(panels, plotted_columns, strict=False):
        if item.test == "chi-square":
            _draw_shares(axes, *(_as_text(config, item.name, part[item.name]) for part in (train, test)))
        else:
            for part, colour, label in ((train, BLUE, "training"), (test, ORANGE, "test")):
                present_values = np.sort(part[item.name].dropna().to_numpy(dtype=np.float64))
                if present_values.size:
                    axes.plot(
                        present_values,
                        np.arange(1, present_values.size + 1) / present_values.size,
                        color=colour,
                        lw=1.3,
                        label=label,
                    )
            format_ticks(axes, "x")
        colour = ORANGE if item.differs or item.psi > max(PSI_MODERATE, 3 * item.psi_by_chance) else GREY
        axes.set_title(
            f"{truncate(item.name, 26)}\nPSI {item.psi:.3f}, p {item.p_value:.2g}", fontsize=8.5, color=colour
        )
        axes.tick_params(labelsize=7)
        style_axes(axes)
    for axes in panels[len(plotted_columns) :]:
        axes.set_visible(False)
    handles = [
        panels[0].plot([], [], color=colour, lw=3, label=name)[0]
        for colour, name in ((BLUE, "training part"), (ORANGE, "test part"))
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    return to_png(figure)


def _as_text(config: ModelConfig, name: str, column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of categories, booleans or classes as text."""
    text_by_code = {0.0: "no", 1.0: "yes"}
    if name == config.target.name:
        text_by_code = {float(index): str(item.label) for index, item in enumerate(config.target.classes or ())}
    elif any(feature.name == name and feature.type == "category" for feature in config.features):
        return column.astype(object).where(column.notna(), MISSING_LABEL)
    return column.map(text_by_code).astype(object).where(column.notna(), MISSING_LABEL)


def _draw_shares(axes: Axes, train: pd.Series[Any], test: pd.Series[Any]) -> None:
    names = [str(name) for name in train.value_counts().index[:6]]
    positions = np.arange(len(names))
    for part, shift, colour in zip((train, test), (-0.2, 0.2), (BLUE, ORANGE), strict=True):
        axes.bar(positions + shift, [100 * float((part == name).mean()) for name in names], 0.38, color=colour)
    axes.set_xticks(positions, [truncate(name, 9) for name in names], fontsize=7, rotation=20)
    axes.set_ylabel("%", fontsize=7)
