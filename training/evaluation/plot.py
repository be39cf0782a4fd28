"""A picture of an evaluation: how the figures of the folds are spread, and how sure their mean is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.config import ModelConfig
from training.evaluation.markdown import metric_label, short
from training.evaluation.report import EvaluationReport

SHOWN = {"regression": ("rmse", "r2", "mape"), "classification": ("roc_auc", "f1", "accuracy")}
"""The metrics that get a panel."""
_BLUE, _ORANGE, _GREY = "#2b6cb0", "#dd6b20", "#4a5568"


def plot_folds(report: EvaluationReport, config: ModelConfig, path: Path) -> None:
    """Write a PNG with a panel per metric and a row per variant.

    A dot is a fold, the bar the mean's interval, the rhombus the mean.

    Args:
        report: What was found.
        config: The model's config, for names and units.
        path: Where the picture goes; its folder must be there.
    """
    figure = Figure(figsize=(12, 2.2 + 1.1 * len(report.variants)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(
        f"{report.title}: {report.folds} folds × {report.repeats} over {report.rows:,} rows,"
        f" mean with its {report.confidence:.0%} interval",
        fontsize=13,
    )
    panels = np.atleast_1d(figure.subplots(1, len(SHOWN[report.task]), sharey=True))
    for axes, metric in zip(panels, SHOWN[report.task], strict=True):
        _panel(axes, report, metric, metric_label(metric, config))
    panels[0].set_yticks(range(len(report.variants)), [variant.name for variant in report.variants])
    panels[0].invert_yaxis()
    figure.savefig(path, dpi=120, format="png")


def _panel(axes: Axes, report: EvaluationReport, metric: str, label: str) -> None:
    # The dots' heights only keep them apart; the seed keeps the picture the same.
    generator = np.random.default_rng(report.seed)
    for row, variant in enumerate(report.variants):
        found = variant.figures[metric]
        heights = row + generator.uniform(-0.18, 0.18, len(found.folds))
        axes.scatter(found.folds, heights, s=14, color=_BLUE, alpha=0.45, linewidths=0)
        axes.plot([found.low, found.high], [row, row], color=_ORANGE, linewidth=3, solid_capstyle="butt")
        axes.plot([found.mean], [row], marker="D", color=_ORANGE, markeredgecolor="white", markersize=8)
        text = axes.annotate(
            f"{short(found.mean)}  [{short(found.low)}, {short(found.high)}]",
            (found.mean, row - 0.28),
            ha="center",
            va="bottom",
            fontsize=9,
            color=_GREY,
        )
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.7})
    axes.set(xlabel=label, ylim=(-0.75, len(report.variants) - 0.4))
    axes.margins(x=0.12)
