"""The comparison in two pictures: score against cost with the Pareto front, and training against validation score."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from training.config import ModelConfig
from training.metrics import HIGHER_IS_BETTER, better
from training.selection.candidates import BASELINE
from training.selection.choice import Choice
from training.selection.compare import OVERFIT_SHARE, Compared, overfit_share
from training.selection.cost import BATCH_ROWS
from training.selection.labels import place_names
from training.selection.report import baseline_of, figure, ordered
from training.selection.ticks import score_ticks
from training.study.drawing import BLUE, DPI, GREY, LIGHT, ORANGE, new_figure, short, tidy

GREEN = "#2f855a"
_FAR = 2.5
"""A candidate that is farther below the best than this many times the median's distance stands in the caption only: it
would press all others into one line."""

_DECADES = 500
"""Over a wider range of costs the axis names powers of ten only: the numbers would stand in each other's way."""


def pareto_front(points: Sequence[tuple[float, float]], metric: str) -> list[int]:
    """Return which points no other beats in both, by ascending cost.

    Args:
        points: cost and score of each.
        metric: says whether a higher score is better.
    """
    front: list[int] = []
    for at in sorted(range(len(points)), key=lambda index: (points[index][0], _sign(metric) * points[index][1])):
        if not front or better(metric, points[at][1], points[front[-1]][1]):
            front.append(at)
    return front


def plot_pareto(config: ModelConfig, compared: Sequence[Compared], choice: Choice, metric: str, path: Path) -> None:
    """Write a PNG with the validation score against the cost of one row and of a batch.

    Error bars are one standard error over the folds. The front goes through what nothing beats in score and cost.

    Args:
        config: the model's config.
        compared: all candidates.
        choice: what was chosen.
        metric: what decided.
        path: where the picture goes; its folder must be there.
    """
    shown = [item for item in compared if item.scores is not None and item.cost is not None and item.name != BASELINE]
    near, far = _near(shown, metric)
    picture = new_figure(13, 6.5)
    panels = picture.subplots(1, 2, sharey=True)
    budget = config.selection
    points = [
        _front(axes, near, choice, metric, limit, rows)
        for axes, limit, rows in (
            (panels[0], budget.single_row_us_max, 1),
            (panels[1], budget.batch_us_max, BATCH_ROWS),
        )
    ]
    panels[0].set_ylabel(f"{metric} on held-out rows, mean ± standard error over the folds")
    score_ticks(panels[0].yaxis)
    good = "higher" if metric in HIGHER_IS_BETTER else "lower"
    picture.suptitle(f"{config.title}: {metric} against cost ({good} and farther left is better)", fontsize=13)
    left_out = [f"{item.name} ({metric} {figure(item.scores.mean(metric))})" for item in far if item.scores is not None]
    baseline = baseline_of(compared)
    if baseline is not None and baseline.scores is not None:
        left_out.append(f"baseline ({metric} {figure(baseline.scores.mean(metric))})")
    left_out += [f"{item.name} ({item.status})" for item in compared if item.cost is None]
    if left_out:
        text = textwrap.fill("outside the picture: " + ", ".join(left_out), 170)
        picture.supxlabel(text, fontsize=9, color=GREY)
    for axes, places in zip(panels, points, strict=True):
        place_names(axes, places, [item.name for item in near], [_colour(item, choice) for item in near])
    picture.savefig(path, dpi=DPI, format="png")


def _near(shown: Sequence[Compared], metric: str) -> tuple[list[Compared], list[Compared]]:
    """Part the candidates into those near the best and those too far away to be drawn beside them."""
    if not shown:
        return [], []
    scores = np.array([item.scores.mean(metric) for item in shown if item.scores is not None])
    best = scores.max() if metric in HIGHER_IS_BETTER else scores.min()
    distance = np.abs(scores - best)
    reach = _FAR * float(np.median(distance)) or float("inf")
    near = [item for item, away in zip(shown, distance, strict=True) if away <= reach]
    return near, [item for item in shown if item not in near]


def _front(
    axes: Axes, items: Sequence[Compared], choice: Choice, metric: str, limit: float | None, batch_rows: int
) -> list[tuple[float, float]]:
    """Draw one panel and return where the candidates are in it."""
    points: list[tuple[float, float]] = []
    for item in items:
        assert item.scores is not None
        assert item.cost is not None
        cost = item.cost.single_row_us if batch_rows == 1 else item.cost.batch_us
        points.append((cost, item.scores.mean(metric)))
        colour = _colour(item, choice)
        axes.errorbar(
            *points[-1],
            yerr=item.scores.standard_error(metric),
            fmt="o",
            color=colour,
            ecolor=LIGHT,
            capsize=2,
            zorder=3,
        )
    front = pareto_front(points, metric)
    if len(front) > 1:
        across, up = zip(*(points[at] for at in front), strict=True)
        axes.plot(across, up, color=GREY, linewidth=1, linestyle="--", drawstyle="steps-post", label="Pareto front")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    costs = [cost for cost, _ in points] + ([limit] if limit is not None and points else [])
    if costs:
        low, high = min(costs), max(costs)
        axes.set_xlim(low / 1.6, high * 2.2)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < _DECADES * low else (1.0,)))
    axes.margins(y=0.12)
    if limit is not None:
        axes.axvline(limit, color=ORANGE, linewidth=1.2)
        axes.axvspan(limit, axes.get_xlim()[1], color=ORANGE, alpha=0.08, linewidth=0, label=f"over {limit:,g} µs")
    axes.set_xlabel(f"{'one row' if batch_rows == 1 else f'{batch_rows} rows'} in ONNX Runtime, p50, µs (one thread)")
    if len(front) > 1 or limit is not None:
        axes.legend(frameon=False, fontsize=9)
    tidy(axes)
    return points


def _colour(item: Compared, choice: Choice) -> str:
    if item is choice.winner:
        return GREEN
    if item.status == "baseline":
        return GREY
    return BLUE if item.status == "eligible" else ORANGE


def plot_overfitting(
    config: ModelConfig, compared: Sequence[Compared], choice: Choice, metric: str, path: Path
) -> None:
    """Write a PNG with each candidate's training score beside its validation score, the best on top.

    Arguments are those of ``plot_pareto``.
    """
    items = [item for item in ordered(compared, metric) if item.scores is not None]
    baseline = baseline_of(compared)
    picture = new_figure(10, 1.6 + 0.45 * max(len(items), 1))
    axes = picture.subplots()
    for place, item in enumerate(items):
        assert item.scores is not None
        train, valid = item.scores.train_mean(metric), item.scores.mean(metric)
        share = overfit_share(item, baseline, metric)
        loud = share is not None and share > OVERFIT_SHARE
        axes.plot([train, valid], [place, place], color=ORANGE if loud else LIGHT, linewidth=3, zorder=1)
        axes.scatter(train, place, facecolors="white", edgecolors=GREY, s=45, zorder=2)
        axes.errorbar(
            valid, place, xerr=item.scores.standard_error(metric), fmt="o", color=_colour(item, choice), zorder=3
        )
        if share is not None and np.isfinite(share):
            note = axes.annotate(
                f"{share:.0%}", (max(train, valid), place), (10, 0), textcoords="offset points", va="center", fontsize=9
            )
            note.set_color(ORANGE if loud else GREY)
    axes.scatter([], [], facecolors="white", edgecolors=GREY, s=45, label="training rows")
    axes.errorbar([], [], xerr=[], fmt="o", color=BLUE, label="held-out rows, ± standard error")
    axes.plot([], [], color=ORANGE, linewidth=3, label=f"gap above {OVERFIT_SHARE:.0%} of the gain over the baseline")
    axes.set_yticks(range(len(items)), [f"{item.name} ✓" if item is choice.winner else item.name for item in items])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    score_ticks(axes.xaxis)
    axes.set_xlabel(f"{metric} ({'higher' if metric in HIGHER_IS_BETTER else 'lower'} is better)")
    axes.set_title(f"{config.title}: training against held-out rows")
    picture.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    tidy(axes)
    picture.savefig(path, dpi=DPI, format="png")


def _sign(metric: str) -> int:
    return -1 if metric in HIGHER_IS_BETTER else 1
