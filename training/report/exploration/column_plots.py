"""Plots of one column: the distribution of a feature or of the target, and the target along a feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tabento.bundle.contract import Feature
from training.config import ModelConfig
from training.report.drawing import (
    BLUE,
    CLASS_COLOURS,
    GREY,
    LIGHT,
    ORANGE,
    format_ticks,
    new_figure,
    style_axes,
    to_png,
)
from training.studies.exploration.association import MISSING_LABEL
from training.studies.exploration.profile import CategoryProfile, NumberProfile, Profile
from training.studies.exploration.relation import Relation, shown_classes
from training.studies.exploration.spikes import Spike
from training.studies.texts import format_percent, format_short, truncate

BARS = 12
"""The largest number of bars; rarer categories are combined in one bar."""
TAIL = 2.0
"""The ratio of the full range to the range of the middle 98% from which on the outer values share the outer bars."""
STEADY_ROWS = 30
"""The axis shows the full intervals of groups with at least so many rows; longer intervals of smaller groups are cut."""


def feature_figure(
    feature: Feature, profile: Profile, values: NDArray[np.generic], relation: Relation, config: ModelConfig
) -> bytes:
    """Draw a feature: its distribution on the left, the target along it on the right.

    Args:
        feature: the feature of the config.
        profile: the statistics of the feature.
        values: the column of all rows or of a sample, shape (N,).
        relation: the relation of the feature to the target.
        config: the model's config, for names and units.
    """
    figure = new_figure(9.2, 3.1)
    left, right = figure.subplots(1, 2)
    label = f"{truncate(feature.name, 40)} ({feature.unit})" if feature.unit else truncate(feature.name, 40)
    if isinstance(profile, NumberProfile):
        _draw_histogram(left, np.asarray(values, dtype=np.float64), profile, label)
    else:
        _draw_bars(left, profile)
        left.set_xlabel("rows", fontsize=9)
    middle = f", median {format_short(profile.quantiles['0.5'])}" if isinstance(profile, NumberProfile) else ""
    left.set_title(f"Distribution{middle}", fontsize=10)
    _draw_target_along(right, relation, config, in_order=feature.type != "category")
    right.set_xlabel(label, fontsize=9)
    return to_png(figure)


def target_figure(config: ModelConfig, profile: Profile, values: NDArray[np.float64], spikes: Sequence[Spike]) -> bytes:
    """Draw the target: a histogram with its spikes, or the rows of each class."""
    figure = new_figure(8.6, 3.2 if isinstance(profile, NumberProfile) else 1.4 + 0.35 * profile.distinct)
    axes = figure.subplots()
    unit = config.target.unit
    if isinstance(profile, NumberProfile):
        _draw_histogram(axes, values, profile, f"{config.target.name}{f' ({unit})' if unit else ''}", bins=80)
        for place, spike in enumerate(spikes):
            axes.axvline(spike.value, color=GREY, linewidth=1, linestyle=":", label="spike" if not place else None)
        axes.legend(frameon=False, fontsize=9)
    else:
        _draw_bars(axes, profile, all_of_them=True)
        axes.set_xlabel("rows")
    return to_png(figure)


def _draw_histogram(
    axes: Axes, values: NDArray[np.float64], profile: NumberProfile, label: str, bins: int | None = None
) -> None:
    """Draw a histogram; if the outermost 1% on each side are far out, the outer bars contain them."""
    finite = values[np.isfinite(values)]
    style_axes(axes)
    axes.set_xlabel(label, fontsize=9)
    axes.set_ylabel("rows", fontsize=9)
    if not finite.size:
        axes.text(0.5, 0.5, "no value is known", transform=axes.transAxes, ha="center", color=GREY)
        return
    low, high = float(finite.min()), float(finite.max())
    inner_low, inner_high = profile.quantiles["0.01"], profile.quantiles["0.99"]
    note = ""
    if bins is None and inner_high > inner_low and high - low > TAIL * (inner_high - inner_low):
        low, high, note = inner_low, inner_high, "the outermost 1% are in the outer bars"
    if profile.distinct <= 2 * BARS and not note:
        distinct, counts = np.unique(finite, return_counts=True)
        gap = float(np.diff(distinct).min()) if len(distinct) > 1 else 1.0
        axes.bar(distinct, counts, width=0.8 * gap, color=BLUE)
        if len(distinct) <= BARS:
            axes.set_xticks(distinct)
    else:
        number = bins or int(np.clip(2 * np.sqrt(finite.size), 10, 50))
        is_integer = profile.distinct <= 2 * number and np.all(finite == np.round(finite)) and high - low <= 4 * number
        edges = np.arange(low - 0.5, high + 1) if is_integer else np.linspace(low, high, number + 1)
        axes.hist(np.clip(finite, low, high), bins=edges.tolist(), color=BLUE)
    if note:
        axes.annotate(
            note, (1, 1), (-2, -2), xycoords="axes fraction", textcoords="offset points", ha="right", va="top",
            fontsize=7.5, color=GREY,
        )  # fmt: skip
    axes.axvline(profile.quantiles["0.5"], color=ORANGE, linewidth=1.4, label="median")
    format_ticks(axes)


def _draw_bars(axes: Axes, profile: CategoryProfile, *, all_of_them: bool = False) -> None:
    limit = len(profile.counts) if all_of_them else BARS
    bar_counts = dict(list(profile.counts.items())[:limit])
    n_rare = sum(profile.counts.values()) - sum(bar_counts.values())
    if n_rare:
        bar_counts[f"{len(profile.counts) - limit} others"] = n_rare
    if profile.missing:
        bar_counts[MISSING_LABEL] = profile.missing
    places = np.arange(len(bar_counts))[::-1]
    bars = axes.barh(
        places, list(bar_counts.values()), color=[BLUE if name != MISSING_LABEL else LIGHT for name in bar_counts]
    )
    axes.bar_label(
        bars, [f"{n:,} ({format_percent(n / profile.rows)})" for n in bar_counts.values()], padding=3, fontsize=8
    )
    axes.set_yticks(places, [truncate(name) for name in bar_counts], fontsize=8.5)
    axes.margins(x=0.3)
    format_ticks(axes, "x")
    style_axes(axes)


def _draw_target_along(axes: Axes, relation: Relation, config: ModelConfig, *, in_order: bool) -> None:
    """Draw the target in each group of a feature; a line joins ordered groups, except the group of missing values."""
    labels = shown_classes(config)
    positions = np.arange(len(relation.bins))
    factor = 100 if labels else 1
    for place, label in enumerate(labels or (config.target.name,)):
        middle = np.array([item.target[place].value for item in relation.bins]) * factor
        low = np.array([item.target[place].low for item in relation.bins]) * factor
        high = np.array([item.target[place].high for item in relation.bins]) * factor
        colour = CLASS_COLOURS[place % len(CLASS_COLOURS)]
        axes.errorbar(
            positions, middle, [middle - low, high - middle], color=colour, fmt="o", markersize=3.5, capsize=2.5,
            elinewidth=1.2, label=truncate(label),
        )  # fmt: skip
        if in_order:
            line_positions = [position for position, item in enumerate(relation.bins) if item.label != MISSING_LABEL]
            axes.plot(positions[line_positions], middle[line_positions], color=colour, linewidth=1.2)
    steady = [item for item in relation.bins if item.rows >= STEADY_ROWS] or list(relation.bins)
    ends = [end for item in steady for part in item.target for end in (part.low, part.high)]
    ends += [part.value for item in relation.bins for part in item.target]
    bottom, top = factor * min(ends), factor * max(ends)
    room = 0.08 * (top - bottom) or 1.0
    axes.set_ylim(bottom - room, top + room)
    unit = config.target.unit
    share_label = f"share of {truncate(labels[0])} (%)" if len(labels) == 1 else "share of rows (%)" if labels else ""
    axes.set_ylabel(share_label or f"mean {truncate(config.target.name)}{f' ({unit})' if unit else ''}", fontsize=8)
    axes.set_title("Target, mean and 95% interval" if not labels else "Target, share and 95% interval", fontsize=10)
    if len(labels) > 1:
        axes.legend(frameon=False, fontsize=8)
    axes.set_xticks(
        positions,
        [truncate(item.label) for item in relation.bins],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
        fontsize=7.5,
    )
    format_ticks(axes, "y")
    axes.margins(x=0.06)
    style_axes(axes)
