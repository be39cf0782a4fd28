"""Two plots of the comparison: score against cost with the Pareto front, and training against validation score."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from training.config import ModelConfig
from training.model.metrics import HIGHER_IS_BETTER, better
from training.report.drawing import BLUE, GREY, LIGHT, ORANGE, new_figure, save_png, score_ticks, style_axes
from training.report.selection.point_labels import place_names
from training.studies.selection.candidates import BASELINE
from training.studies.selection.choice import Choice
from training.studies.selection.comparison import (
    OVERFIT_SHARE,
    ComparedCandidate,
    find_baseline,
    overfit_share,
    sort_by_score,
)
from training.studies.selection.cost import BATCH_ROWS
from training.studies.texts import format_score, format_short

GREEN = "#2f855a"
_FAR = 2.5
"""The multiple of the median distance to the best score beyond which a candidate is in the caption only: it would compress all
other candidates into one line."""

_DECADES = 500
"""The ratio of the highest to the lowest cost from which on the axis has powers of ten only, so that its numbers do not overlap."""


def pareto_front(points: Sequence[tuple[float, float]], metric: str) -> list[int]:
    """Return the indices of the points that no other point beats in cost and score, by ascending cost.

    Args:
        points: cost and score of each point.
        metric: the metric of the scores.
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda index: (points[index][0], _sign(metric) * points[index][1])):
        if not front or better(metric, points[index][1], points[front[-1]][1]):
            front.append(index)
    return front


def plot_pareto(
    config: ModelConfig, compared: Sequence[ComparedCandidate], choice: Choice, metric: str, path: Path
) -> None:
    """Write a PNG with the validation score against the cost of one row and of a batch.

    Error bars are one standard error over the folds. The front connects the candidates that no other beats in score and cost.

    Args:
        config: the model's config.
        compared: all compared candidates.
        choice: the winner and its alternative.
        metric: the deciding metric.
        path: the file of the picture; its folder exists.
    """
    candidates = [
        item for item in compared if item.scores is not None and item.cost is not None and item.name != BASELINE
    ]
    near_candidates, far_candidates = _split_by_distance(candidates, metric)
    picture = new_figure(13, 6.5)
    panels = picture.subplots(1, 2, sharey=True)
    budget = config.selection
    points = [
        _draw_front(axes, near_candidates, choice, metric, limit, rows)
        for axes, limit, rows in (
            (panels[0], budget.single_row_us_max, 1),
            (panels[1], budget.batch_us_max, BATCH_ROWS),
        )
    ]
    panels[0].set_ylabel(f"{metric} on held-out rows, mean ± standard error over the folds")
    score_ticks(panels[0].yaxis)
    better_direction = "higher" if metric in HIGHER_IS_BETTER else "lower"
    picture.suptitle(
        f"{config.title}: {metric} against cost ({better_direction} and farther left is better)", fontsize=13
    )
    omitted = [
        f"{item.name} ({metric} {format_score(item.scores.mean(metric))})"
        for item in far_candidates
        if item.scores is not None
    ]
    baseline = find_baseline(compared)
    if baseline is not None and baseline.scores is not None:
        omitted.append(f"baseline ({metric} {format_score(baseline.scores.mean(metric))})")
    omitted += [f"{item.name} ({item.status})" for item in compared if item.cost is None]
    if omitted:
        text = textwrap.fill("not in the picture: " + ", ".join(omitted), 170)
        picture.supxlabel(text, fontsize=9, color=GREY)
    for axes, label_points in zip(panels, points, strict=True):
        place_names(
            axes,
            label_points,
            [item.name for item in near_candidates],
            [_colour(item, choice) for item in near_candidates],
        )
    save_png(picture, path)


def _split_by_distance(
    candidates: Sequence[ComparedCandidate], metric: str
) -> tuple[list[ComparedCandidate], list[ComparedCandidate]]:
    """Split the candidates into those near the best and those that are too far away for the picture."""
    if not candidates:
        return [], []
    scores = np.array([item.scores.mean(metric) for item in candidates if item.scores is not None])
    best = scores.max() if metric in HIGHER_IS_BETTER else scores.min()
    distances = np.abs(scores - best)
    reach = _FAR * float(np.median(distances)) or float("inf")
    near_candidates = [
        item for item, distance_to_best in zip(candidates, distances, strict=True) if distance_to_best <= reach
    ]
    return near_candidates, [item for item in candidates if item not in near_candidates]


def _draw_front(
    axes: Axes, items: Sequence[ComparedCandidate], choice: Choice, metric: str, limit: float | None, batch_rows: int
) -> list[tuple[float, float]]:
    """Draw one panel and return the points of the candidates."""
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
        across, up = zip(*(points[index] for index in front), strict=True)
        axes.plot(across, up, color=GREY, linewidth=1, linestyle="--", drawstyle="steps-post", label="Pareto front")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_short(value)))
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
    style_axes(axes)
    return points


def _colour(item: ComparedCandidate, choice: Choice) -> str:
    if item is choice.winner:
        return GREEN
    if item.status == "baseline":
        return GREY
    return BLUE if item.status == "eligible" else ORANGE


def plot_overfitting(
    config: ModelConfig, compared: Sequence[ComparedCandidate], choice: Choice, metric: str, path: Path
) -> None:
    """Write a PNG with each candidate's training and validation score, the best on top.

    The arguments are those of ``plot_pareto``.
    """
    items = [item for item in sort_by_score(compared, metric) if item.scores is not None]
    baseline = find_baseline(compared)
    picture = new_figure(10, 1.6 + 0.45 * max(len(items), 1))
    axes = picture.subplots()
    for position, item in enumerate(items):
        assert item.scores is not None
        train, valid = item.scores.train_mean(metric), item.scores.mean(metric)
        share = overfit_share(item, baseline, metric)
        overfits = share is not None and share > OVERFIT_SHARE
        axes.plot([train, valid], [position, position], color=ORANGE if overfits else LIGHT, linewidth=3, zorder=1)
        axes.scatter(train, position, facecolors="white", edgecolors=GREY, s=45, zorder=2)
        axes.errorbar(
            valid, position, xerr=item.scores.standard_error(metric), fmt="o", color=_colour(item, choice), zorder=3
        )
        if share is not None and np.isfinite(share):
            note = axes.annotate(
                f"{share:.0%}",
                (max(train, valid), position),
                (10, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
            note.set_color(ORANGE if overfits else GREY)
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
    style_axes(axes)
    save_png(picture, path)


def _sign(metric: str) -> int:
    return -1 if metric in HIGHER_IS_BETTER else 1
