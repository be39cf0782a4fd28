"""The picture of a regression: predicted against actual values, residuals, errors by group, and the share of small errors.

scikit-learn's ``PredictionErrorDisplay`` draws single points, of at most 1,000 rows by default; a density shows all rows."""

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
from training.report.drawing import BLUE, GREY, ORANGE, new_figure, save_png
from training.studies.texts import format_short

_GROUPS_LIMIT = 8
"""The largest number of groups; rarer categories are combined."""


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
    x percent. Rows are grouped by the first category, else by quarters of the first number.

    Args:
        actual: the actual values, shape (N,), in the target's unit.
        predicted: the predicted values, shape (N,).
        test: the N rows, as ``training.data.validation.validate`` types them.
        config: the model's config, for names and units.
        metrics: the result of ``training.model.metrics.regression_metrics``.
        path: the file of the picture; its folder exists.

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
    figures = f"RMSE {format_short(metrics['rmse'])}{f' {unit}' if unit else ''}  ·  R² {metrics['r2']:.3f}"
    figures += f"  ·  MAPE {metrics['mape']:.1f}%  ·  median APE {metrics['median_ape']:.1f}%"
    figure.suptitle(f"{title}\n{figures}", fontsize=13)

    axis = f"{config.target.name} ({unit})" if unit else config.target.name
    is_nonzero = a != 0
    percent = 100 * np.abs(a[is_nonzero] - p[is_nonzero]) / np.abs(a[is_nonzero])
    _draw_agreement(panels[0, 0], a, p, axis)
    _draw_residuals(panels[0, 1], p - a, unit)
    _draw_errors_by_group(panels[1, 0], percent, *_group_rows(test[is_nonzero], config))
    _draw_share_within(panels[1, 1], percent)
    save_png(figure, path)


def _draw_agreement(axes: Axes, actual: NDArray[np.float64], predicted: NDArray[np.float64], axis: str) -> None:
    """Draw predicted against actual values as a density: thousands of points would overlap."""
    low, high = min(actual.min(), predicted.min()), max(actual.max(), predicted.max())
    cells = axes.hexbin(actual, predicted, gridsize=45, bins="log", mincnt=1, cmap="viridis", linewidths=0.1)
    axes.plot([low, high], [low, high], color=ORANGE, linewidth=1.2, label="perfect")
    axes.set(title="Predicted against actual", xlabel=f"actual {axis}", ylabel=f"predicted {axis}")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_short(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_short(value)))
    axes.legend(loc="upper left", frameon=False)
    fullest = float(np.max(np.asarray(cells.get_array())))
    bar = axes.figure.colorbar(cells, ax=axes, label="rows per cell")
    bar.set_ticks([tick for power in range(9) for tick in (10**power, 2 * 10**power, 5 * 10**power) if tick <= fullest])
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_short(value)))
    bar.minorticks_off()


def _draw_residuals(axes: Axes, residual: NDArray[np.float64], unit: str | None) -> None:
    """Draw a histogram of the errors; the outer bars contain the largest 1%, so that the middle stays visible."""
    bound = float(np.quantile(np.abs(residual), 0.99)) or 1.0
    bins = int(np.clip(2 * np.sqrt(residual.size), 10, 60))
    axes.hist(np.clip(residual, -bound, bound), bins=np.linspace(-bound, bound, bins + 1).tolist(), color=BLUE)
    axes.axvline(0, color=GREY, linewidth=1)
    middle = float(np.median(residual))
    axes.axvline(
        middle, color=ORANGE, linewidth=1.5, label=f"median {format_short(middle)}{f' {unit}' if unit else ''}"
    )
    label = f"predicted - actual{f' ({unit})' if unit else ''}; the outer bars contain the largest 1%"
    axes.set(title="Residuals", xlabel=label, ylabel="rows")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_short(value)))
    axes.legend(frameon=False, loc="upper right")


def _group_rows(test: pd.DataFrame, config: ModelConfig) -> tuple[str, pd.Series[Any]]:
    """Return the name of the grouping column, and the group of each row as text."""
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
        "missing" if pd.isna(part) else f"{format_short(part.left)} to {format_short(part.right)}"
        for part in quarters.astype(object)
    ]
    return f"{number.name}{f' ({number.unit})' if number.unit else ''}", pd.Series(text, index=test.index)


def _draw_errors_by_group(axes: Axes, percent: NDArray[np.float64], name: str, groups: pd.Series[Any]) -> None:
    """Draw the median and the 90% quantile of the absolute percentage error of each group, the largest group on top."""
    errors = pd.Series(percent, index=groups.index).groupby(groups)
    counts = errors.size().sort_values()
    places = np.arange(len(counts))
    for quantile, shift, colour, label in ((0.5, 0.2, BLUE, "median"), (0.9, -0.2, ORANGE, "90% quantile")):
        bars = axes.barh(places + shift, errors.quantile(quantile)[counts.index], 0.38, color=colour, label=label)
        axes.bar_label(bars, fmt="%.1f%%", padding=3, fontsize=8)
    axes.set_yticks(places, [f"{str(group)[:24]}\n{count:,} rows" for group, count in counts.items()], fontsize=9)
    # The margin leaves room for the legend to the right of the longest bar.
    axes.margins(x=0.5)
    axes.set(title=f"Error by {name}", xlabel="absolute percentage error (%)")
    axes.legend(frameon=False, loc="upper right")


def _draw_share_within(axes: Axes, percent: NDArray[np.float64]) -> None:
    """Draw the share of answers with an error of at most x percent."""
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
