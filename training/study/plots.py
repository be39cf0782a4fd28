"""The pictures of the study. Each function returns a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bundle.contract import Feature
from training.config import ModelConfig
from training.study.association import MISSING_LABEL
from training.study.comparison import PSI_NOTABLE, ColumnComparison
from training.study.drawing import (
    BLUE,
    CLASS_COLOURS,
    GREY,
    LIGHT,
    ORANGE,
    cut,
    new_figure,
    percent,
    short,
    short_ticks,
    tidy,
    to_png,
)
from training.study.label import Spike
from training.study.profile import CategoryProfile, NumberProfile, Profile
from training.study.relation import Relation, shown_classes

BARS = 12
"""More bars cannot be labelled; rarer categories are put together."""
PANELS = 24
"""More small panels than this are not looked at."""
TAIL = 2.0
"""A range that is this many times that of the middle 98% would press the middle into a few bars."""
STEADY_ROWS = 30
"""The axis fits the intervals of groups with so many rows; of fewer it may cut them off."""
WRITTEN_CELLS = 16
"""A heat map of more rows or columns than this has no numbers in its cells."""


def feature_figure(
    feature: Feature, profile: Profile, values: NDArray[np.generic], relation: Relation, config: ModelConfig
) -> bytes:
    """Draw a feature: its distribution on the left, the target along it on the right.

    Args:
        feature: as the config has it.
        profile: its figures.
        values: the column, shape (N,), of all rows or of a sample.
        relation: the target along the feature.
        config: for names and units.
    """
    figure = new_figure(9.2, 3.1)
    left, right = figure.subplots(1, 2)
    label = f"{cut(feature.name, 40)} ({feature.unit})" if feature.unit else cut(feature.name, 40)
    if isinstance(profile, NumberProfile):
        _histogram(left, np.asarray(values, dtype=np.float64), profile, label)
    else:
        _bars(left, profile)
        left.set_xlabel("rows", fontsize=9)
    middle = f", median {short(profile.quantiles['0.5'])}" if isinstance(profile, NumberProfile) else ""
    left.set_title(f"Distribution{middle}", fontsize=10)
    _target_along(right, relation, config, in_order=feature.type != "category")
    right.set_xlabel(label, fontsize=9)
    return to_png(figure)


def target_figure(config: ModelConfig, profile: Profile, values: NDArray[np.float64], spikes: Sequence[Spike]) -> bytes:
    """Draw the target: a histogram with its spikes, or the rows of each class."""
    figure = new_figure(8.6, 3.2 if isinstance(profile, NumberProfile) else 1.4 + 0.35 * profile.distinct)
    axes = figure.subplots()
    unit = config.target.unit
    if isinstance(profile, NumberProfile):
        _histogram(axes, values, profile, f"{config.target.name}{f' ({unit})' if unit else ''}", bins=80)
        for place, spike in enumerate(spikes):
            axes.axvline(spike.value, color=GREY, linewidth=1, linestyle=":", label="spike" if not place else None)
        axes.legend(frameon=False, fontsize=9)
    else:
        _bars(axes, profile, all_of_them=True)
        axes.set_xlabel("rows")
    return to_png(figure)


def missing_figure(shares: dict[str, float], together: dict[str, dict[str, float]]) -> bytes:
    """Draw the shares of missing values and, for two columns or more, which are missing together."""
    names = [name for name, share in shares.items() if share > 0]
    pairs = len(names) > 1
    figure = new_figure(10.5 if pairs else 6, max(2.0, 1.2 + 0.3 * len(names)))
    panels = figure.subplots(1, 2 if pairs else 1, squeeze=False).ravel()
    places = np.arange(len(names))[::-1]
    bars = panels[0].barh(places, [100 * shares[name] for name in names], color=BLUE)
    panels[0].bar_label(bars, [percent(shares[name]) for name in names], padding=3, fontsize=8)
    panels[0].set_yticks(places, [cut(name) for name in names])
    panels[0].margins(x=0.15)
    panels[0].set_ylim(-0.8, len(names) - 0.2)
    panels[0].set(title="Missing values", xlabel="share of rows (%)")
    tidy(panels[0])
    if pairs:
        table = pd.DataFrame(together).loc[names, names]
        _heat(panels[1], table, 0.0, 1.0, "Blues")
        panels[1].set_title("Missing together (Jaccard index)")
    return to_png(figure)


def correlation_figure(pearson: pd.DataFrame, spearman: pd.DataFrame) -> bytes:
    """Draw both correlation matrices side by side."""
    size = max(2.6, 0.42 * len(pearson))
    figure = new_figure(2 * size + 3.2, size + 1.2)
    for axes, table, title in zip(
        figure.subplots(1, 2), (pearson, spearman), ("Pearson's r", "Spearman's ρ"), strict=True
    ):
        _heat(axes, table, -1.0, 1.0, "RdBu_r")
        axes.set_title(title)
    return to_png(figure)


def association_figure(table: pd.DataFrame) -> bytes:
    """Draw how categories go with each other and with numbers."""
    figure = new_figure(max(6.0, 0.6 * table.shape[1] + 3.0), max(2.0, 0.45 * len(table) + 1.5))
    axes = figure.subplots()
    _heat(axes, table, 0.0, 1.0, "Blues")
    return to_png(figure)


def information_figure(relations: Sequence[Relation]) -> bytes:
    """Draw the mutual information of each feature with the target, the highest on top."""
    ordered = sorted(relations, key=lambda relation: relation.mutual_information)[-2 * PANELS :]
    figure = new_figure(7.5, max(2.0, 0.9 + 0.3 * len(ordered)))
    axes = figure.subplots()
    bars = axes.barh(
        [cut(relation.name) for relation in ordered], [item.mutual_information for item in ordered], color=BLUE
    )
    axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
    axes.margins(x=0.12)
    axes.set_xlabel("mutual information with the target (nats)")
    tidy(axes)
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
        tick_labels=[cut(name) for name in names][::-1],
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
    short_ticks(axes, "x")
    axes.set_xlabel("modified z-score (linear between ±3.5, logarithmic beyond)")
    tidy(axes)
    return to_png(figure)


def comparison_figure(
    config: ModelConfig, comparisons: Sequence[ColumnComparison], train: pd.DataFrame, test: pd.DataFrame
) -> bytes:
    """Draw each column's distribution in both parts, under its stability index."""
    shown = list(comparisons)[:PANELS]
    columns = 4
    rows = -(-len(shown) // columns)
    figure = new_figure(12, 2.2 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, item in zip(panels, shown, strict=False):
        if item.test == "chi-square":
            _shares(axes, *(_in_words(config, item.name, part[item.name]) for part in (train, test)))
        else:
            for part, colour, label in ((train, BLUE, "training"), (test, ORANGE, "test")):
                known = np.sort(part[item.name].dropna().to_numpy(dtype=np.float64))
                if known.size:
                    axes.plot(known, np.arange(1, known.size + 1) / known.size, color=colour, lw=1.3, label=label)
            short_ticks(axes, "x")
        colour = ORANGE if item.differs or item.psi > max(PSI_NOTABLE, 3 * item.psi_by_chance) else GREY
        axes.set_title(f"{cut(item.name, 26)}\nPSI {item.psi:.3f}, p {item.p_value:.2g}", fontsize=8.5, color=colour)
        axes.tick_params(labelsize=7)
        tidy(axes)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    handles = [
        panels[0].plot([], [], color=colour, lw=3, label=name)[0]
        for colour, name in ((BLUE, "training part"), (ORANGE, "test part"))
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    return to_png(figure)


def _histogram(
    axes: Axes, values: NDArray[np.float64], profile: NumberProfile, label: str, bins: int | None = None
) -> None:
    """Draw a histogram; with outliers beyond the 1% and 99% quantiles far out, those are put into the outer bars."""
    known = values[np.isfinite(values)]
    tidy(axes)
    axes.set_xlabel(label, fontsize=9)
    axes.set_ylabel("rows", fontsize=9)
    if not known.size:
        axes.text(0.5, 0.5, "no value is known", transform=axes.transAxes, ha="center", color=GREY)
        return
    low, high = float(known.min()), float(known.max())
    inner_low, inner_high = profile.quantiles["0.01"], profile.quantiles["0.99"]
    note = ""
    if bins is None and inner_high > inner_low and high - low > TAIL * (inner_high - inner_low):
        low, high, note = inner_low, inner_high, "the outermost 1% are in the outer bars"
    if profile.distinct <= 2 * BARS and not note:
        distinct, counts = np.unique(known, return_counts=True)
        gap = float(np.diff(distinct).min()) if len(distinct) > 1 else 1.0
        axes.bar(distinct, counts, width=0.8 * gap, color=BLUE)
        if len(distinct) <= BARS:
            axes.set_xticks(distinct)
    else:
        number = bins or int(np.clip(2 * np.sqrt(known.size), 10, 50))
        whole = profile.distinct <= 2 * number and np.all(known == np.round(known)) and high - low <= 4 * number
        edges = np.arange(low - 0.5, high + 1) if whole else np.linspace(low, high, number + 1)
        axes.hist(np.clip(known, low, high), bins=edges.tolist(), color=BLUE)
    if note:
        axes.annotate(
            note, (1, 1), (-2, -2), xycoords="axes fraction", textcoords="offset points", ha="right", va="top",
            fontsize=7.5, color=GREY,
        )  # fmt: skip
    axes.axvline(profile.quantiles["0.5"], color=ORANGE, linewidth=1.4, label="median")
    short_ticks(axes)


def _bars(axes: Axes, profile: CategoryProfile, *, all_of_them: bool = False) -> None:
    limit = len(profile.counts) if all_of_them else BARS
    shown = dict(list(profile.counts.items())[:limit])
    rest = sum(profile.counts.values()) - sum(shown.values())
    if rest:
        shown[f"{len(profile.counts) - limit} others"] = rest
    if profile.missing:
        shown[MISSING_LABEL] = profile.missing
    places = np.arange(len(shown))[::-1]
    bars = axes.barh(places, list(shown.values()), color=[BLUE if name != MISSING_LABEL else LIGHT for name in shown])
    axes.bar_label(bars, [f"{n:,} ({percent(n / profile.rows)})" for n in shown.values()], padding=3, fontsize=8)
    axes.set_yticks(places, [cut(name) for name in shown], fontsize=8.5)
    axes.margins(x=0.3)
    short_ticks(axes, "x")
    tidy(axes)


def _target_along(axes: Axes, relation: Relation, config: ModelConfig, *, in_order: bool) -> None:
    """Draw the target in each group of a feature; groups in order are joined by a line, missing stands alone."""
    labels = shown_classes(config)
    places = np.arange(len(relation.bins))
    factor = 100 if labels else 1
    for place, label in enumerate(labels or (config.target.name,)):
        middle = np.array([item.target[place].value for item in relation.bins]) * factor
        low = np.array([item.target[place].low for item in relation.bins]) * factor
        high = np.array([item.target[place].high for item in relation.bins]) * factor
        colour = CLASS_COLOURS[place % len(CLASS_COLOURS)]
        axes.errorbar(
            places, middle, [middle - low, high - middle], color=colour, fmt="o", markersize=3.5, capsize=2.5,
            elinewidth=1.2, label=cut(label),
        )  # fmt: skip
        if in_order:
            known = [at for at, item in enumerate(relation.bins) if item.label != MISSING_LABEL]
            axes.plot(places[known], middle[known], color=colour, linewidth=1.2)
    steady = [item for item in relation.bins if item.rows >= STEADY_ROWS] or list(relation.bins)
    ends = [end for item in steady for part in item.target for end in (part.low, part.high)]
    ends += [part.value for item in relation.bins for part in item.target]
    bottom, top = factor * min(ends), factor * max(ends)
    room = 0.08 * (top - bottom) or 1.0
    axes.set_ylim(bottom - room, top + room)
    unit = config.target.unit
    what = f"share of {cut(labels[0])} (%)" if len(labels) == 1 else "share of rows (%)" if labels else ""
    axes.set_ylabel(what or f"mean {cut(config.target.name)}{f' ({unit})' if unit else ''}", fontsize=8)
    axes.set_title("Target, mean and 95% interval" if not labels else "Target, share and 95% interval", fontsize=10)
    if len(labels) > 1:
        axes.legend(frameon=False, fontsize=8)
    axes.set_xticks(
        places,
        [cut(item.label) for item in relation.bins],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
        fontsize=7.5,
    )
    short_ticks(axes, "y")
    axes.margins(x=0.06)
    tidy(axes)


def _in_words(config: ModelConfig, name: str, column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of categories, of yes and no, or of classes as text."""
    words = {0.0: "no", 1.0: "yes"}
    if name == config.target.name:
        words = {float(at): str(item.label) for at, item in enumerate(config.target.classes or ())}
    elif any(feature.name == name and feature.type == "category" for feature in config.features):
        return column.astype(object).where(column.notna(), MISSING_LABEL)
    return column.map(words).astype(object).where(column.notna(), MISSING_LABEL)


def _shares(axes: Axes, train: pd.Series[Any], test: pd.Series[Any]) -> None:
    names = [str(name) for name in train.value_counts().index[:6]]
    places = np.arange(len(names))
    for part, shift, colour in zip((train, test), (-0.2, 0.2), (BLUE, ORANGE), strict=True):
        axes.bar(places + shift, [100 * float((part == name).mean()) for name in names], 0.38, color=colour)
    axes.set_xticks(places, [cut(name, 9) for name in names], fontsize=7, rotation=20)
    axes.set_ylabel("%", fontsize=7)


def _heat(axes: Axes, table: pd.DataFrame, low: float, high: float, colours: str) -> None:
    values = table.to_numpy(dtype=np.float64)
    axes.imshow(np.ma.masked_invalid(values), cmap=colours, vmin=low, vmax=high, aspect="auto")
    axes.set_facecolor("#edf2f7")
    names = [cut(str(name), 18) for name in table.columns]
    axes.set_xticks(np.arange(values.shape[1]), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(np.arange(values.shape[0]), [cut(str(name), 18) for name in table.index], fontsize=8)
    axes.spines[:].set_visible(False)
    if max(values.shape) > WRITTEN_CELLS:
        return
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = abs(value) > 0.6 * max(abs(low), abs(high))
            axes.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color="white" if dark else "#1a202c"
            )
