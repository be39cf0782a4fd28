"""Three plots of a sweep: the scores by trial, the importances of the parameters, and parallel coordinates.

Optuna's own Matplotlib plots were tried: they are experimental and warn on each call, change the style of all later figures,
compress all trials into one line if a single trial is bad, and cannot mark trials over the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.config import ModelConfig, Param, Range
from training.model.metrics import HIGHER_IS_BETTER, better
from training.report.drawing import BLUE, GREY, LIGHT, ORANGE, new_figure, save_png, score_text, score_ticks, style_axes
from training.studies.sweep.importance import TRIALS_MIN
from training.studies.sweep.search import FinishedTrial, find_best
from training.studies.texts import format_short

GREEN = "#2f855a"
_CLOSE = 4.0
"""The multiple of the median distance to the best score beyond which trials are drawn at the edge of the plot."""


def plot_history(config: ModelConfig, trials: Sequence[FinishedTrial], metric: str, path: Path) -> None:
    """Write a PNG with each trial's score in order, and the best so far.

    Args:
        config: the model's config.
        tried: the trials.
        metric: the deciding metric.
        path: the file of the picture; its folder exists.
    """
    picture = new_figure(10, 5)
    axes = picture.subplots()
    complete_trials = [item for item in trials if item.value is not None]
    _set_title(axes, f"{config.title}: {len(trials)} trials")
    if not complete_trials:
        _write_note(axes, "No trial was run.")
        save_png(picture, path)
        return
    low, high = _score_bounds(complete_trials, metric)
    eligible = [item for item in complete_trials if not item.reason]
    ineligible = [item for item in complete_trials if item.reason]
    for items, colour, label in ((eligible, BLUE, "within the budget"), (ineligible, ORANGE, "not eligible")):
        visible_trials = [item for item in items if item.value is not None and low <= item.value <= high]
        if visible_trials:
            visible_values = [item.value for item in visible_trials if item.value is not None]
            axes.scatter([item.number for item in visible_trials], visible_values, color=colour, label=label, zorder=3)
    outlier_numbers = [
        item.number for item in complete_trials if item.value is not None and not low <= item.value <= high
    ]
    edge, mark = (low, "v") if metric in HIGHER_IS_BETTER else (high, "^")
    if outlier_numbers:
        axes.scatter(
            outlier_numbers, [edge] * len(outlier_numbers), color=LIGHT, marker=mark, label="worse than shown", zorder=3
        )
    pruned_numbers = [item.number for item in trials if item.value is None]
    if pruned_numbers:
        axes.scatter(
            pruned_numbers, [edge] * len(pruned_numbers), color=GREY, marker="|", s=60, label="pruned", zorder=2
        )
    best_values = _list_best_so_far(eligible, metric)
    if best_values:
        numbers, values = zip(*best_values, (trials[-1].number, best_values[-1][1]), strict=True)
        axes.plot(numbers, values, color=GREEN, linewidth=1.5, drawstyle="steps-post", label="best so far", zorder=2)
    if complete_trials[0].number == 0 and complete_trials[0].value is not None:
        axes.axhline(complete_trials[0].value, color=GREY, linewidth=0.8, linestyle=":", label="first trial")
    axes.set(xlabel="trial", ylabel=f"{metric}, mean over the folds")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    score_ticks(axes.yaxis)
    picture.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    style_axes(axes)
    save_png(picture, path)


def plot_importance(config: ModelConfig, shares: Mapping[str, float], metric: str, path: Path) -> None:
    """Write a PNG with one bar for each parameter.

    Args:
        config: the model's config.
        shares: the result of ``compute_importances``.
        metric: the deciding metric.
        path: the file of the picture; its folder exists.
    """
    picture = new_figure(8, 1.8 + 0.4 * max(len(shares), 2))
    axes = picture.subplots()
    _set_title(axes, f"{config.title}: importance of the parameters for {metric}")
    if shares:
        names = list(shares)[::-1]
        bars = axes.barh(names, [100 * shares[name] for name in names], color=BLUE)
        axes.bar_label(bars, fmt="%.0f%%", padding=3, fontsize=9)
        axes.margins(x=0.12)
        axes.set_xlabel("share of the variance between complete trials (fANOVA, %)")
    else:
        _write_note(axes, f"Too few complete trials (at least {TRIALS_MIN} with different scores).")
    style_axes(axes)
    save_png(picture, path)


def plot_parallel(
    config: ModelConfig, trials: Sequence[FinishedTrial], space: Mapping[str, Range], metric: str, path: Path
) -> None:
    """Write a PNG with parallel coordinates: one line for each trial through the values of its parameters and its score.

    Args:
        config: the model's config.
        tried: the trials.
        space: the ranges of the parameters.
        metric: the deciding metric.
        path: the file of the picture; its folder exists.
    """
    names = sorted(space)
    complete_trials = [item for item in trials if item.value is not None]
    picture = new_figure(max(8, 1.9 * (len(names) + 1)), 5.5)
    axes = picture.subplots()
    axes.set_title(f"{config.title}: parallel coordinates of the trials", fontsize=13, pad=34)
    if not complete_trials or not names:
        _write_note(axes, "No trial was run." if names else "There were no parameters to sweep.")
        save_png(picture, path)
        return
    low, high = _score_bounds(complete_trials, metric)
    best = find_best(list(trials), metric)
    worse_first = sorted(complete_trials, key=lambda item: item.value or 0.0, reverse=metric not in HIGHER_IS_BETTER)
    scale = Normalize(low, high) if high > low else Normalize(low - 1, low + 1)
    colours = colormaps["viridis" if metric in HIGHER_IS_BETTER else "viridis_r"]
    for item in worse_first:
        assert item.value is not None
        positions = [_axis_fraction(space[name], item.params.get(name)) for name in names]
        score = (np.clip(item.value, low, high) - low) / (high - low) if high > low else 0.5
        is_best = item is best
        axes.plot(
            range(len(names) + 1),
            [*positions, score],
            color=ORANGE if is_best else colours(scale(item.value)),
            linewidth=2.6 if is_best else 1.2,
            alpha=1.0 if is_best else 0.75,
            zorder=3 if is_best else 2,
        )
    for position, name in enumerate(names):
        _draw_axis(axes, position, space[name])
    _draw_score_axis(axes, len(names), low, high)
    axes.set_xticks(range(len(names) + 1), [*names, metric], fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(-0.35, len(names) + 0.45), ylim=(-0.06, 1.06), yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    _draw_colour_bar(picture, axes, scale, metric)
    save_png(picture, path)


def _draw_colour_bar(picture: Figure, axes: Axes, scale: Normalize, metric: str) -> None:
    colours = colormaps["viridis" if metric in HIGHER_IS_BETTER else "viridis_r"]
    bar = picture.colorbar(ScalarMappable(scale, colours), ax=axes, label=f"{metric} (orange: the best)", pad=0.02)
    score_ticks(bar.ax.yaxis)


def _axis_fraction(parameter_range: Range, value: Param) -> float:
    """Return the position of a value on its axis, 0 to 1; NaN, which is a gap in the line, if the value is not in the range."""
    if parameter_range.choices is not None:
        # True equals 1 but is another choice.
        matches = [
            index
            for index, choice in enumerate(parameter_range.choices)
            if choice == value and type(choice) is type(value)
        ]
        return matches[0] / max(len(parameter_range.choices) - 1, 1) if matches else float("nan")
    if value is None or isinstance(value, str) or parameter_range.low is None or parameter_range.high is None:
        return float("nan")
    if parameter_range.log:
        return float(np.log(value / parameter_range.low) / np.log(parameter_range.high / parameter_range.low))
    return float((value - parameter_range.low) / (parameter_range.high - parameter_range.low))


def _draw_axis(axes: Axes, position: int, parameter_range: Range) -> None:
    """Draw one vertical axis with its values."""
    axes.axvline(position, ymin=0.053, ymax=0.947, color=GREY, linewidth=0.8, zorder=1)
    if parameter_range.choices is not None:
        marks = [(_axis_fraction(parameter_range, choice), str(choice)) for choice in parameter_range.choices]
    else:
        assert parameter_range.low is not None
        assert parameter_range.high is not None
        inner = np.linspace(0, 1, 5)
        values = (
            parameter_range.low * (parameter_range.high / parameter_range.low) ** inner
            if parameter_range.log
            else parameter_range.low + inner * (parameter_range.high - parameter_range.low)
        )
        marks = [
            (fraction, format_short(round(value) if parameter_range.integer else value))
            for fraction, value in zip(inner, values, strict=True)
        ]
    _draw_ticks(axes, position, marks)


def _draw_score_axis(axes: Axes, position: int, low: float, high: float) -> None:
    axes.axvline(position, ymin=0.053, ymax=0.947, color=GREY, linewidth=0.8, zorder=1)
    if high > low:
        _draw_ticks(
            axes,
            position,
            [(fraction, score_text(low + fraction * (high - low), low, high)) for fraction in np.linspace(0, 1, 5)],
        )
    else:
        _draw_ticks(axes, position, [(0.5, format_short(low))])


def _draw_ticks(axes: Axes, position: int, marks: Sequence[tuple[float, str]]) -> None:
    for fraction, text in marks:
        axes.plot([position - 0.02, position], [fraction, fraction], color=GREY, linewidth=0.8, zorder=1)
        note = axes.text(position - 0.04, fraction, text, ha="right", va="center", fontsize=8, color=GREY, zorder=4)
        note.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6})


def _score_bounds(complete_trials: Sequence[FinishedTrial], metric: str) -> tuple[float, float]:
    """Return the ends of the score's axis, without very bad trials, which would compress all other trials into a line."""
    values = np.array([item.value for item in complete_trials if item.value is not None])
    best = values.max() if metric in HIGHER_IS_BETTER else values.min()
    distance = np.abs(values - best)
    reach = _CLOSE * float(np.median(distance))
    near_values = values[distance <= reach] if reach > 0 else values
    return float(near_values.min()), float(near_values.max())


def _list_best_so_far(eligible: Sequence[FinishedTrial], metric: str) -> list[tuple[int, float]]:
    steps: list[tuple[int, float]] = []
    for item in eligible:
        if item.value is not None and (not steps or better(metric, item.value, steps[-1][1])):
            steps.append((item.number, item.value))
    return steps


def _set_title(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=13)


def _write_note(axes: Axes, text: str) -> None:
    """Write a sentence into an empty plot."""
    axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color(LIGHT)
