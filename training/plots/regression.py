"""The picture of a regression: answers against truth, residuals, errors by group, and how many answers are near."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike, NDArray

from training.config import ModelConfig
from training.study.drawing import BLUE, DPI, GREY, ORANGE, new_figure, short

_GROUPS_LIMIT = 8
"""More bars than this cannot be labelled; rarer categories are put together."""


def plot_regression(
    actual: ArrayLike,
    predicted: ArrayLike,
    test: pd.DataFrame,
    config: ModelConfig,
    metrics: Mapping[str, float],
    path: Path,
) -> None:
    """Write a PNG with four panels on the test part.

    The panels: predicted against actual, residuals, absolute percentage error by group, and the share of answers within
    x percent. Groups are those of the first category, else quarters of the first number.

    Args:
        actual: The actual values, shape (N,), in the target's unit.
        predicted: The answers to them, shape (N,).
        test: The N rows, as ``training.data.validation.validate`` types them.
        config: The model's config, for names and units.
        metrics: What ``training.metrics.regression_metrics`` says of them.
        path: Where the picture goes; its folder must be there.

    Raises:
        ValueError: actual, predicted and rows differ in number.
    """
    a = np.asarray(actual, dtype=np.float64)
    p = np.asarray(predicted, dtype=np.float64)
    if not a.shape == p.shape == (len(test),):
        raise ValueError(f"expected {len(test)} actual and predicted values, one per row, got {a.shape} and {p.shape}")
    unit = config.target.unit
    figure = new_figure(12, 9)
    panels = figure.subplots(2, 2)
    title = f"{config.title}: {len(test):,} test rows"
    figures = f"RMSE {short(metrics['rmse'])}{f' {unit}' if unit else ''}  ·  R² {metrics['r2']:.3f}"
    figures += f"  ·  MAPE {metrics['mape']:.1f}%  ·  median APE {metrics['median_ape']:.1f}%"
    figure.suptitle(f"{title}\n{figures}", fontsize=13)

    axis = f"{config.target.name} ({unit})" if unit else config.target.name
    rated = a != 0
    percent = 100 * np.abs(a[rated] - p[rated]) / np.abs(a[rated])
    _agreement(panels[0, 0], a, p, axis)
    _residuals(panels[0, 1], p - a, unit)
    _by_group(panels[1, 0], percent, *_groups(test[rated], config))
    _within(panels[1, 1], percent)
    figure.savefig(path, dpi=DPI, format="png")


def _agreement(axes: Axes, actual: NDArray[np.float64], predicted: NDArray[np.float64], axis: str) -> None:
    """Predicted against actual, as density: thousands of points would hide each other."""
    low, high = min(actual.min(), predicted.min()), max(actual.max(), predicted.max())
    cells = axes.hexbin(actual, predicted, gridsize=45, bins="log", mincnt=1, cmap="viridis", linewidths=0.1)
    axes.plot([low, high], [low, high], color=ORANGE, linewidth=1.2, label="perfect")
    axes.set(title="Predicted against actual", xlabel=f"actual {axis}", ylabel=f"predicted {axis}")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.legend(loc="upper left", frameon=False)
    fullest = float(np.max(np.asarray(cells.get_array())))
    bar = axes.figure.colorbar(cells, ax=axes, label="rows per cell")
    bar.set_ticks([tick for power in range(9) for tick in (10**power, 2 * 10**power, 5 * 10**power) if tick <= fullest])
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    bar.minorticks_off()


def _residuals(axes: Axes, residual: NDArray[np.float64], unit: str | None) -> None:
    """How far off the answers are; the farthest 1% is put into the outer bars, so that the middle can be seen."""
    bound = float(np.quantile(np.abs(residual), 0.99)) or 1.0
    bins = int(np.clip(2 * np.sqrt(residual.size), 10, 60))
    axes.hist(np.clip(residual, -bound, bound), bins=np.linspace(-bound, bound, bins + 1).tolist(), color=BLUE)
    axes.axvline(0, color=GREY, linewidth=1)
    middle = float(np.median(residual))
    axes.axvline(middle, color=ORANGE, linewidth=1.5, label=f"median {short(middle)}{f' {unit}' if unit else ''}")
    label = f"predicted - actual{f' ({unit})' if unit else ''}; the farthest 1% is in the outer bars"
    axes.set(title="Residuals", xlabel=label, ylabel="rows")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.legend(frameon=False, loc="upper right")


def _groups(test: pd.DataFrame, config: ModelConfig) -> tuple[str, pd.Series[Any]]:
    """Return by what rows are grouped, and the group of each row as text."""
    category = next((feature for feature in config.features if feature.type == "category"), None)
    if category is not None:
        labels = test[category.name].fillna("missing").astype(str)
        common = labels.value_counts().index[: _GROUPS_LIMIT - 1]
        return category.name, labels.where(labels.isin(common) | (labels.nunique() <= _GROUPS_LIMIT), "other")
    number = next((feature for feature in config.features if feature.type in ("number", "integer")), None)
    if number is None:
        return "rows", pd.Series("all", index=test.index)
    quarters = pd.qcut(test[number.name], 4, duplicates="drop")
    text = [
        "missing" if pd.isna(part) else f"{short(part.left)} to {short(part.right)}" for part in quarters.astype(object)
    ]
    return f"{number.name}{f' ({number.unit})' if number.unit else ''}", pd.Series(text, index=test.index)


def _by_group(axes: Axes, percent: NDArray[np.float64], name: str, groups: pd.Series[Any]) -> None:
    """Median and 90% quantile of the absolute percentage error in each group, the largest group on top."""
    errors = pd.Series(percent, index=groups.index).groupby(groups)
    counts = errors.size().sort_values()
    places = np.arange(len(counts))
    for quantile, shift, colour, label in ((0.5, 0.2, BLUE, "median"), (0.9, -0.2, ORANGE, "90% quantile")):
        bars = axes.barh(places + shift, errors.quantile(quantile)[counts.index], 0.38, color=colour, label=label)
        axes.bar_label(bars, fmt="%.1f%%", padding=3, fontsize=8)
    axes.set_yticks(places, [f"{str(group)[:24]}\n{count:,} rows" for group, count in counts.items()], fontsize=9)
    # Room for the legend to the right of the longest bar, wherever that is.
    axes.margins(x=0.5)
    axes.set(title=f"Error by {name}", xlabel="absolute percentage error (%)")
    axes.legend(frameon=False, loc="upper right")


def _within(axes: Axes, percent: NDArray[np.float64]) -> None:
    """The share of answers that are off by at most x percent."""
    ordered = np.sort(percent)
    shares = 100 * np.arange(1, ordered.size + 1) / ordered.size
    axes.plot(ordered, shares, color=BLUE, linewidth=2, drawstyle="steps-post")
    for bound in (5, 10, 15, 25):
        share = 100 * float(np.mean(percent <= bound))
        axes.plot([bound, bound, 0], [0, share, share], color=GREY, linewidth=0.8, linestyle=":")
        text = axes.annotate(f"{share:.0f}% within {bound}%", (bound, share), (6, -12), textcoords="offset points")
        text.set(fontsize=9, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    end = float(np.clip(np.quantile(percent, 0.98), 30, 100))
    axes.set(xlim=(0, end), ylim=(0, 100), title="Share of answers within x percent")
    axes.set(xlabel="absolute percentage error (%)", ylabel="share of test rows (%)")
