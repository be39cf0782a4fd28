"""The plot of an evaluation: the metrics of the folds, and their mean with its interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from training.config import ModelConfig
from training.report.drawing import BLUE, GREY, ORANGE, new_figure, save_png
from training.report.evaluation.markdown import format_metric, metric_label
from training.studies.evaluation.results import EvaluationReport

PANEL_METRICS = {"regression": ("rmse", "r2", "mape"), "classification": ("roc_auc", "f1", "accuracy")}
"""The metrics that get a panel."""


def plot_folds(report: EvaluationReport, config: ModelConfig, path: Path) -> None:
    """Write a PNG with a panel per metric and a row per variant.

    Each dot is a fold, the bar is the interval of the mean, the diamond is the mean.

    Args:
        report: the results of the evaluation.
        config: the model's config, for names and units.
        path: the file of the picture; its folder exists.
    """
    figure = new_figure(12, 2.2 + 1.1 * len(report.variants))
    figure.suptitle(
        f"{report.title}: {report.folds} folds × {report.repeats} over {report.rows:,} rows,"
        f" mean with its {report.confidence:.0%} interval",
        fontsize=13,
    )
    panels = np.atleast_1d(figure.subplots(1, len(PANEL_METRICS[report.task]), sharey=True))
    for axes, metric in zip(panels, PANEL_METRICS[report.task], strict=True):
        _draw_panel(axes, report, metric, metric_label(metric, config))
    panels[0].set_yticks(range(len(report.variants)), [variant.name for variant in report.variants])
    panels[0].invert_yaxis()
    save_png(figure, path)


def _draw_panel(axes: Axes, report: EvaluationReport, metric: str, label: str) -> None:
    # The heights of the dots are random and separate them; the seed makes the picture reproducible.
    generator = np.random.default_rng(report.seed)
    for row, variant in enumerate(report.variants):
        fold_metric = variant.figures[metric]
        heights = row + generator.uniform(-0.18, 0.18, len(fold_metric.folds))
        axes.scatter(fold_metric.folds, heights, s=14, color=BLUE, alpha=0.45, linewidths=0)
        axes.plot([fold_metric.low, fold_metric.high], [row, row], color=ORANGE, linewidth=3, solid_capstyle="butt")
        axes.plot([fold_metric.mean], [row], marker="D", color=ORANGE, markeredgecolor="white", markersize=8)
        text = axes.annotate(
            f"{format_metric(fold_metric.mean)}  [{format_metric(fold_metric.low)}, {format_metric(fold_metric.high)}]",
            (fold_metric.mean, row - 0.28),
            ha="center",
            va="bottom",
            fontsize=9,
            color=GREY,
        )
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.7})
    axes.set(xlabel=label, ylim=(-0.75, len(report.variants) - 0.4))
    axes.margins(x=0.12)
