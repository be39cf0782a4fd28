"""Plots of the feature studies. Each function returns a PNG."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from training.config import ModelConfig
from training.config.metric_names import name_of, unit_of
from training.model.attribution import Attribution
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
from training.studies.features.clusters import ClusterStudy
from training.studies.features.columns import ColumnStudy
from training.studies.features.imputation import ImputationStudy
from training.studies.features.scores import Score, best_of, difference_error
from training.studies.texts import truncate

COLUMNS_DRAWN = 12
"""The largest number of plotted columns; further columns are in the table only."""
FEATURES_DRAWN = 25
PALE = "#a0aec0"
"""The colour of points whose feature has no value or no order."""
BEESWARM_BINS = 80
"""The number of bins in which points with similar values are spread."""


def imputation_figure(config: ModelConfig, study: ImputationStudy) -> bytes:
    """Draw the errors of hidden values by column and imputation, and the model's score with each."""
    imputers = list(study.figures)
    columns = list(next(iter(study.figures.values())).masked_rmse)[:COLUMNS_DRAWN]
    names = [*columns, "all columns"]
    figure = new_figure(11.5, max(3.2, 1.4 + 0.16 * len(names) * (len(imputers) + 1)))
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    positions = np.arange(len(names))[::-1] * 1.0
    height = 0.8 / len(imputers)
    for index, impute in enumerate(imputers):
        item = study.figures[impute]
        values = [*(item.masked_rmse[name] for name in columns), item.masked_rmse_overall]
        shift = 0.4 - height * (index + 0.5)
        left.barh(positions + shift, values, height, color=CLASS_COLOURS[index % len(CLASS_COLOURS)], label=impute)
    left.axvline(1, color=GREY, linewidth=1, linestyle=":")
    left.set_yticks(positions, [truncate(name) for name in names], fontsize=8.5)
    left.set(title="Imputation of hidden values", xlabel="RMSE in standard deviations; the mean has 1")
    left.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    style_axes(left)
    scores: dict[str, Score | None] = {name: item.score for name, item in study.figures.items()}
    if any(score is not None for score in scores.values()):
        _draw_scores(right, scores, config, study.metric, study.chosen)
    else:
        right.axis("off")
        right.text(0.5, 0.5, "no number is missing,\nso the model is the same", ha="center", color=GREY)
    return to_png(figure)


def cluster_figure(config: ModelConfig, study: ClusterStudy) -> bytes:
    """Draw silhouette, Davies-Bouldin, inertia and the model's score by number of clusters."""
    numbers = list(study.figures)
    figure = new_figure(10.5, 6.4)
    panels = figure.subplots(2, 2).ravel()
    curves: tuple[tuple[str, list[float]], ...] = (
        ("Silhouette (higher is better)", [item.silhouette for item in study.figures.values()]),
        ("Davies-Bouldin (lower is better)", [item.davies_bouldin for item in study.figures.values()]),
        ("Inertia (always falls; a bend is informative)", [item.inertia for item in study.figures.values()]),
    )
    for axes, (title, values) in zip(panels, curves, strict=False):
        axes.plot(numbers, values, color=BLUE, marker="o", markersize=4)
        axes.set_title(title, fontsize=10)
        _draw_marker(axes, study.chosen)
        format_ticks(axes, "y")
    _draw_curve(
        panels[3], {number: item.score for number, item in study.figures.items()}, config, study.metric, study.best
    )
    panels[3].set_title("The model's score ± error of the difference from the best", fontsize=10)
    _draw_marker(panels[3], study.chosen)
    for axes in panels:
        axes.set_xlabel("clusters")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        style_axes(axes)
    return to_png(figure)


def importance_figure(config: ModelConfig, study: ColumnStudy) -> bytes:
    """Draw permutation importance and mean absolute SHAP value of each feature, the most important on top."""
    names = list(study.importance)[:FEATURES_DRAWN]
    figure = new_figure(10.5, max(2.4, 1.2 + 0.3 * len(names)))
    left, right = figure.subplots(1, 2, sharey=True)
    positions = np.arange(len(names))[::-1]
    colours = [BLUE if name in study.best else LIGHT for name in names]
    unit = unit_of(study.metric, config.target.unit)
    panels: tuple[tuple[Axes, list[Score], str], ...] = (
        (
            left,
            [study.importance[name].permutation for name in names],
            f"loss of {name_of(study.metric)}{f' ({unit})' if unit else ''}",
        ),
        (right, [study.importance[name].shap for name in names], "mean |SHAP value|"),
    )
    for axes, scores, label in panels:
        axes.barh(
            positions,
            [score.mean for score in scores],
            xerr=[score.standard_error for score in scores],
            color=colours,
            ecolor=GREY,
            capsize=2,
        )
        axes.set_xlabel(label)
        format_ticks(axes, "x")
        style_axes(axes)
    left.set_title("Permutation importance", fontsize=10)
    right.set_title("SHAP", fontsize=10)
    left.set_yticks(positions, [truncate(name) for name in names])
    return to_png(figure)


def shap_figure(config: ModelConfig, study: ColumnStudy) -> bytes:
    """Draw each row's SHAP values as points, coloured by the feature's own value, the most important on top."""
    names = list(study.importance)[:FEATURES_DRAWN]
    order = [feature.name for feature in config.features]
    values, title = _select_output(config, study.attribution)
    figure = new_figure(9.5, max(2.4, 1.4 + 0.42 * len(names)))
    axes = figure.subplots()
    for position, name in zip(range(len(names) - 1, -1, -1), names, strict=True):
        column = order.index(name)
        x, feature_values = values[:, column], _scale_to_unit(study.attribution.rows[:, column])
        if config.features[column].type in ("category", "text"):
            # The codes of categories and texts have no order for a colour scale.
            feature_values = np.full_like(feature_values, np.nan)
        y = position + _spread_points(x)
        missing = np.isnan(feature_values)
        axes.scatter(x[missing], y[missing], s=7, color=PALE, linewidths=0)
        axes.scatter(
            x[~missing], y[~missing], s=7, c=feature_values[~missing], cmap="coolwarm", vmin=0, vmax=1, linewidths=0
        )
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_yticks(range(len(names) - 1, -1, -1), [truncate(name) for name in names])
    axes.set(xlabel="SHAP value: contribution of the feature to the answer", title=title)
    axes.set_ylim(-0.6, len(names) - 0.4)
    format_ticks(axes, "x")
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), "coolwarm"), ax=axes, ticks=[0, 1], aspect=40, pad=0.02)
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("the feature's own value", fontsize=8)
    style_axes(axes)
    return to_png(figure)


def curve_figure(config: ModelConfig, study: ColumnStudy) -> bytes:
    """Draw the model's score by the number of features, with the choice of the one-standard-error rule."""
    figure = new_figure(8.6, 3.6)
    axes = figure.subplots()
    _draw_curve(axes, study.curve, config, study.metric, len(study.best))
    axes.set_xlabel("features, the most important first (ranked within each fold)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style_axes(axes)
    return to_png(figure)


def _draw_curve(axes: Axes, scores: Mapping[int, Score], config: ModelConfig, metric: str, best: int) -> None:
    """Draw scores as a line, with one standard error of the difference from the best as a band."""
    numbers = np.array(list(scores))
    means = np.array([score.mean for score in scores.values()])
    top = scores[best_of(metric, scores)]
    errors = np.array([difference_error(score, top) for score in scores.values()])
    axes.axhline(top.mean, color=GREY, linewidth=1, linestyle=":", label="best mean")
    axes.fill_between(numbers, means - errors, means + errors, color=LIGHT, alpha=0.5, linewidth=0)
    axes.plot(numbers, means, color=BLUE, marker="o", markersize=4)
    axes.plot(best, scores[best].mean, marker="o", markersize=9, color=ORANGE, linestyle="none", label=f"study: {best}")
    axes.set_ylabel(_metric_label(config, metric))
    axes.legend(frameon=False, fontsize=9)
    format_ticks(axes, "y")


def _draw_scores(
    axes: Axes, scores: Mapping[str, Score | None], config: ModelConfig, metric: str, selected_name: str
) -> None:
    """Draw scores as points with one standard error of the difference from the best on either side."""
    names = list(scores)
    known_scores = {name: score for name, score in scores.items() if score is not None}
    top = known_scores[best_of(metric, known_scores)]
    axes.axvline(top.mean, color=GREY, linewidth=1, linestyle=":")
    for position, name in zip(range(len(names) - 1, -1, -1), names, strict=True):
        score = scores[name]
        if score is not None:
            colour = ORANGE if name == selected_name else BLUE
            axes.errorbar(score.mean, position, xerr=difference_error(score, top), fmt="o", color=colour, capsize=3)
            axes.annotate(
                f"{score.mean:,.5g}",
                (score.mean, position),
                (0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
    axes.set_yticks(range(len(names) - 1, -1, -1), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_title("The model's score\n± error of the difference from the best", fontsize=10)
    axes.set_xlabel(_metric_label(config, metric))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    format_ticks(axes, "x")
    style_axes(axes)


def _draw_marker(axes: Axes, n_clusters: int) -> None:
    axes.axvline(n_clusters, color=ORANGE, linewidth=1, linestyle=":")


def _metric_label(config: ModelConfig, metric: str) -> str:
    unit = unit_of(metric, config.target.unit)
    return f"{name_of(metric)}{f' ({unit})' if unit else ''}"


def _select_output(config: ModelConfig, attribution: Attribution) -> tuple[NDArray[np.float64], str]:
    """Return the SHAP values of the output with the largest contributions, and its name."""
    output = int(np.argmax(np.abs(attribution.values).sum(axis=(0, 1))))
    classes = config.target.classes or ()
    if not classes:
        return attribution.values[:, :, output], config.target.name
    class_index = output if attribution.values.shape[2] > 1 else len(classes) - 1
    return attribution.values[:, :, output], f"{config.target.name}: {classes[class_index].label}"


def _scale_to_unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale values to 0 … 1 from their 5% to their 95% quantile; NaN stays NaN, equal values become 0.5."""
    known_values = values[~np.isnan(values)]
    if not known_values.size:
        return values
    low, high = np.quantile(known_values, (0.05, 0.95))
    if high <= low:
        low, high = known_values.min(), known_values.max()
    return np.full_like(values, 0.5) if high <= low else np.clip((values - low) / (high - low), 0, 1)


def _spread_points(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vertical offsets of points, so that equal values do not overlap: the more points in a bin, the wider the strip."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        bins = np.zeros(values.size, dtype=np.int64)
    else:
        bins = np.minimum((BEESWARM_BINS * (values - low) / (high - low)).astype(np.int64), BEESWARM_BINS - 1)
    fullest = int(np.bincount(bins).max())
    offsets = np.zeros(values.size)
    for bin_index in np.unique(bins).tolist():
        bin_rows = np.flatnonzero(bins == bin_index)
        # Outwards from the middle line, alternating between the sides.
        order = np.arange(bin_rows.size)
        offsets[bin_rows] = np.where(order % 2, -1, 1) * ((order + 1) // 2)
    return offsets * (0.8 / max(fullest, 12))
