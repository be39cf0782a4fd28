"""A sweep in three pictures: how the score went, which parameters mattered, and which values went together."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import optuna
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from training.config import ModelConfig, Param, Range
from training.metrics import HIGHER_IS_BETTER, better
from training.selection.report import figure
from training.selection.ticks import score_text, score_ticks
from training.study.drawing import BLUE, DPI, GREY, LIGHT, ORANGE, new_figure, short, tidy
from training.sweep.search import Tried, best_of

GREEN = "#2f855a"
TRIALS_MIN = 4
"""With fewer whole trials nothing can be said about what mattered."""
_CLOSE = 4.0
"""Trials that are farther from the best than so many times the median's distance are drawn at the picture's edge."""


def plot_history(config: ModelConfig, tried: Sequence[Tried], metric: str, path: Path) -> None:
    """Write a PNG with each trial's score in order, and the best so far.

    Args:
        config: the model's config.
        tried: the trials.
        metric: what decides.
        path: where the picture goes; its folder must be there.
    """
    picture = new_figure(10, 5)
    axes = picture.subplots()
    whole = [item for item in tried if item.value is not None]
    _titled(axes, f"{config.title}: {len(tried)} trials")
    if not whole:
        _say(axes, "No trial was run.")
        picture.savefig(path, dpi=DPI, format="png")
        return
    low, high = _bounds(whole, metric)
    eligible = [item for item in whole if not item.reason]
    over = [item for item in whole if item.reason]
    for items, colour, label in ((eligible, BLUE, "within the budget"), (over, ORANGE, "cannot be taken")):
        inside = [item for item in items if item.value is not None and low <= item.value <= high]
        if inside:
            shown = [item.value for item in inside if item.value is not None]
            axes.scatter([item.number for item in inside], shown, color=colour, label=label, zorder=3)
    worse = [item.number for item in whole if item.value is not None and not low <= item.value <= high]
    edge, mark = (low, "v") if metric in HIGHER_IS_BETTER else (high, "^")
    if worse:
        axes.scatter(worse, [edge] * len(worse), color=LIGHT, marker=mark, label="worse than shown", zorder=3)
    ended = [item.number for item in tried if item.value is None]
    if ended:
        axes.scatter(ended, [edge] * len(ended), color=GREY, marker="|", s=60, label="ended early", zorder=2)
    steps = _best_so_far(eligible, metric)
    if steps:
        numbers, values = zip(*steps, (tried[-1].number, steps[-1][1]), strict=True)
        axes.plot(numbers, values, color=GREEN, linewidth=1.5, drawstyle="steps-post", label="best so far", zorder=2)
    if whole[0].number == 0 and whole[0].value is not None:
        axes.axhline(whole[0].value, color=GREY, linewidth=0.8, linestyle=":", label="where it began")
    axes.set(xlabel="trial", ylabel=f"{metric}, mean over the folds")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    score_ticks(axes.yaxis)
    picture.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    tidy(axes)
    picture.savefig(path, dpi=DPI, format="png")


def importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """Return the share of the score's variance that each parameter explains, the largest first; empty with few trials.

    By functional ANOVA over the whole trials (Hutter et al., An efficient approach for assessing hyperparameter
    importance, 2014).
    """
    whole = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(whole) < TRIALS_MIN or len({trial.value for trial in whole}) < 2:
        return {}
    with warnings.catch_warnings():
        # A parameter with a single value in all trials explains nothing; it is left out with a warning.
        warnings.simplefilter("ignore", UserWarning)
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    return {name: float(share) for name, share in found.items()}


def plot_importance(config: ModelConfig, shares: Mapping[str, float], metric: str, path: Path) -> None:
    """Write a PNG with one bar for each parameter.

    Args:
        config: the model's config.
        shares: from ``importances``.
        metric: what decides.
        path: where the picture goes; its folder must be there.
    """
    picture = new_figure(8, 1.8 + 0.4 * max(len(shares), 2))
    axes = picture.subplots()
    _titled(axes, f"{config.title}: what the {metric} depended on")
    if shares:
        names = list(shares)[::-1]
        bars = axes.barh(names, [100 * shares[name] for name in names], color=BLUE)
        axes.bar_label(bars, fmt="%.0f%%", padding=3, fontsize=9)
        axes.margins(x=0.12)
        axes.set_xlabel("share of the variance between whole trials (fANOVA, %)")
    else:
        _say(axes, f"Too few whole trials to tell (at least {TRIALS_MIN} that differ).")
    tidy(axes)
    picture.savefig(path, dpi=DPI, format="png")


def plot_parallel(
    config: ModelConfig, tried: Sequence[Tried], space: Mapping[str, Range], metric: str, path: Path
) -> None:
    """Write a PNG with parallel coordinates: one line for each trial through its parameters' values to its score.

    Args:
        config: the model's config.
        tried: the trials.
        space: what was tried.
        metric: what decides.
        path: where the picture goes; its folder must be there.
    """
    names = sorted(space)
    whole = [item for item in tried if item.value is not None]
    picture = new_figure(max(8, 1.9 * (len(names) + 1)), 5.5)
    axes = picture.subplots()
    axes.set_title(f"{config.title}: parameters that went together", fontsize=13, pad=34)
    if not whole or not names:
        _say(axes, "No trial was run." if names else "There was nothing to sweep.")
        picture.savefig(path, dpi=DPI, format="png")
        return
    low, high = _bounds(whole, metric)
    best = best_of(list(tried), metric)
    worse_first = sorted(whole, key=lambda item: item.value or 0.0, reverse=metric not in HIGHER_IS_BETTER)
    scale = Normalize(low, high) if high > low else Normalize(low - 1, low + 1)
    colours = colormaps["viridis" if metric in HIGHER_IS_BETTER else "viridis_r"]
    for item in worse_first:
        assert item.value is not None
        places = [_place(space[name], item.params.get(name)) for name in names]
        score = (np.clip(item.value, low, high) - low) / (high - low) if high > low else 0.5
        is_best = item is best
        axes.plot(
            range(len(names) + 1),
            [*places, score],
            color=ORANGE if is_best else colours(scale(item.value)),
            linewidth=2.6 if is_best else 1.2,
            alpha=1.0 if is_best else 0.75,
            zorder=3 if is_best else 2,
        )
    for place, name in enumerate(names):
        _axis(axes, place, space[name])
    _score_axis(axes, len(names), low, high)
    axes.set_xticks(range(len(names) + 1), [*names, metric], fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(-0.35, len(names) + 0.45), ylim=(-0.06, 1.06), yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    _colour_bar(picture, axes, scale, metric)
    picture.savefig(path, dpi=DPI, format="png")


def _colour_bar(picture: Figure, axes: Axes, scale: Normalize, metric: str) -> None:
    colours = colormaps["viridis" if metric in HIGHER_IS_BETTER else "viridis_r"]
    bar = picture.colorbar(ScalarMappable(scale, colours), ax=axes, label=f"{metric} (orange: the best)", pad=0.02)
    score_ticks(bar.ax.yaxis)


def _place(tried: Range, value: Param) -> float:
    """Return where a value lies on its axis, 0 to 1; NaN, a gap in the line, where it is not in the range."""
    if tried.choices is not None:
        # True equals 1 and is another value.
        same = [at for at, choice in enumerate(tried.choices) if choice == value and type(choice) is type(value)]
        return same[0] / max(len(tried.choices) - 1, 1) if same else float("nan")
    if value is None or isinstance(value, str) or tried.low is None or tried.high is None:
        return float("nan")
    if tried.log:
        return float(np.log(value / tried.low) / np.log(tried.high / tried.low))
    return float((value - tried.low) / (tried.high - tried.low))


def _axis(axes: Axes, place: int, tried: Range) -> None:
    """Draw one upright axis with its values."""
    axes.axvline(place, ymin=0.053, ymax=0.947, color=GREY, linewidth=0.8, zorder=1)
    if tried.choices is not None:
        marks = [(_place(tried, choice), str(choice)) for choice in tried.choices]
    else:
        assert tried.low is not None
        assert tried.high is not None
        inner = np.linspace(0, 1, 5)
        values = (
            tried.low * (tried.high / tried.low) ** inner if tried.log else tried.low + inner * (tried.high - tried.low)
        )
        marks = [(at, short(round(value) if tried.integer else value)) for at, value in zip(inner, values, strict=True)]
    _marks(axes, place, marks)


def _score_axis(axes: Axes, place: int, low: float, high: float) -> None:
    axes.axvline(place, ymin=0.053, ymax=0.947, color=GREY, linewidth=0.8, zorder=1)
    if high > low:
        _marks(axes, place, [(at, score_text(low + at * (high - low), low, high)) for at in np.linspace(0, 1, 5)])
    else:
        _marks(axes, place, [(0.5, short(low))])


def _marks(axes: Axes, place: int, marks: Sequence[tuple[float, str]]) -> None:
    for at, text in marks:
        axes.plot([place - 0.02, place], [at, at], color=GREY, linewidth=0.8, zorder=1)
        note = axes.text(place - 0.04, at, text, ha="right", va="center", fontsize=8, color=GREY, zorder=4)
        note.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6})


def _bounds(whole: Sequence[Tried], metric: str) -> tuple[float, float]:
    """Return the ends of the score's axis; one bad trial must not press all others into a line."""
    values = np.array([item.value for item in whole if item.value is not None])
    best = values.max() if metric in HIGHER_IS_BETTER else values.min()
    distance = np.abs(values - best)
    reach = _CLOSE * float(np.median(distance))
    shown = values[distance <= reach] if reach > 0 else values
    return float(shown.min()), float(shown.max())


def _best_so_far(eligible: Sequence[Tried], metric: str) -> list[tuple[int, float]]:
    steps: list[tuple[int, float]] = []
    for item in eligible:
        if item.value is not None and (not steps or better(metric, item.value, steps[-1][1])):
            steps.append((item.number, item.value))
    return steps


def _titled(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=13)


def _say(axes: Axes, text: str) -> None:
    """Write a sentence where there is nothing to draw."""
    axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color(LIGHT)


def summary(tried: Sequence[Tried], metric: str) -> str:
    """Say in a sentence what the sweep gained."""
    best, first = best_of(list(tried), metric), tried[0] if tried else None
    if best is None or best.value is None or first is None:
        return "Nothing was found that keeps the budget."
    if first.value is None or best is first:
        return f"Nothing better was found than {metric} {figure(best.value)}, with which it began."
    return f"From {metric} {figure(first.value)} to {figure(best.value)} (trial {best.number})."
