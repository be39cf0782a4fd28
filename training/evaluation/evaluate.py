"""Repeated cross-validation over all rows: folds, answers, metrics, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.config import Decisions, ModelConfig
from training.cross_validation import Fold, make_folds
from training.data.validation import validate
from training.evaluation.markdown import render, short
from training.evaluation.out_of_fold import out_of_fold
from training.evaluation.plot import plot_folds
from training.evaluation.report import CONFIDENCE, EvaluationReport, Figure, Variant
from training.evaluation.variants import with_columns
from training.metric_names import name_of
from training.metrics import measure
from training.pipeline import FitError
from training.progress import Progress

AS_CONFIGURED = "as configured"
JSON_FILE = "evaluation.json"
MARKDOWN_FILE = "evaluation.md"
PLOT_FILE = "evaluation.png"
_COUNTS = ("zero_targets",)
"""What ``training.metrics`` counts; it is no figure of merit."""


def evaluate(
    config: ModelConfig,
    frame: pd.DataFrame,
    decisions: Decisions,
    folder: Path,
    progress: Progress,
    *,
    data: str = "",
    n_jobs: int | None = None,
) -> EvaluationReport:
    """Measure a procedure by repeated cross-validation over all rows and write ``evaluation.json``, ``.md`` and ``.png``.

    The test part of the split is among the rows: nothing is chosen here, so nothing can leak from it. What the config
    or the studies have chosen was chosen on the training part; that this has seen most of the rows is the one way in
    which the figure can still flatter.

    Args:
        config: the model's config; ``config.evaluation`` says how many folds and repeats, and which dropped columns the
            figures are computed with a second time.
        frame: rows as they were read, dropped columns included.
        decisions: what is fitted in each fold.
        folder: gets the files; it must be there.
        progress: who is told.
        data: where the rows came from, for the report.
        n_jobs: how many processes share the folds, by default as many as there are cores to use; the figures do not depend
            on it.

    Raises:
        DataError: the rows are not what the config says.
        ConfigError, FitError: a column of ``also_with`` cannot be used, the pipeline cannot be built or fitted, or a metric
            is undefined in a fold.
        FoldError: there are fewer rows than folds, or fewer of a class.
    """
    plan = config.evaluation
    wanted = [(AS_CONFIGURED, config, decisions)]
    if plan.also_with:
        wanted.append((f"with {', '.join(plan.also_with)}", *with_columns(config, decisions, plan.also_with, frame)))
    variants: list[Variant] = []
    rows = 0
    for name, variant_config, variant_decisions in wanted:
        with progress.step(f"Cross-validate {name}, {plan.folds} folds × {plan.repeats}") as step:
            valid = validate(frame, variant_config)
            rows = len(valid)
            # The same rows, target and seed give the same folds, so that variants can be compared fold by fold.
            folds = make_folds(variant_config, valid, plan.folds, plan.repeats)
            answers = out_of_fold(variant_config, valid, variant_decisions, folds, n_jobs)
            truth = valid[config.target.name].to_numpy(dtype=np.float64)
            first = variants[0] if variants else None
            variants.append(_variant(name, config, variant_decisions.columns, truth, answers, folds, first))
            step.detail = _detail(variants[-1])
    report = EvaluationReport(
        name=config.name,
        title=config.title,
        task=config.task,
        data=data,
        rows=rows,
        folds=plan.folds,
        repeats=plan.repeats,
        seed=config.seed,
        confidence=CONFIDENCE,
        variants=tuple(variants),
    )
    (folder / JSON_FILE).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / MARKDOWN_FILE).write_text(render(report, config), encoding="utf-8")
    plot_folds(report, config, folder / PLOT_FILE)
    return report


def _variant(
    name: str,
    config: ModelConfig,
    columns: tuple[str, ...],
    truth: NDArray[np.float64],
    answers: Sequence[NDArray[np.float64]],
    folds: Sequence[Fold],
    first: Variant | None,
) -> Variant:
    count = config.evaluation.folds
    per_fold = [
        _measured(config, truth[valid], got, f"fold {number}")
        for number, ((_, valid), got) in enumerate(zip(folds, answers, strict=True), start=1)
    ]
    values = {metric: tuple(figures[metric] for figures in per_fold) for metric in per_fold[0] if metric not in _COUNTS}
    return Variant(
        name=name,
        columns=columns,
        figures={metric: Figure.over(given, count) for metric, given in values.items()},
        pooled=_pooled(config, truth, answers, folds),
        difference={
            metric: Figure.over(tuple(np.subtract(values[metric], figure.folds).tolist()), count)
            for metric, figure in (first.figures.items() if first else ())
        },
    )


def _pooled(
    config: ModelConfig, truth: NDArray[np.float64], answers: Sequence[NDArray[np.float64]], folds: Sequence[Fold]
) -> dict[str, float]:
    """Measure each repeat over all rows at once and return the mean over the repeats."""
    count = config.evaluation.folds
    repeats: list[dict[str, float]] = []
    for start in range(0, len(folds), count):
        whole = np.empty((len(truth), *answers[start].shape[1:]))
        for (_, valid), got in zip(folds[start : start + count], answers[start : start + count], strict=True):
            whole[valid] = got
        repeats.append(_measured(config, truth, whole, "all folds together"))
    return {
        metric: float(np.mean([figures[metric] for figures in repeats]))
        for metric in repeats[0]
        if metric not in _COUNTS
    }


def _measured(
    config: ModelConfig, truth: NDArray[np.float64], answers: NDArray[np.float64], where: str
) -> dict[str, float]:
    try:
        return measure(config, truth, answers)
    except ValueError as error:
        raise FitError(f"the answers of {where} cannot be measured: {error}: take fewer folds or more rows") from error


def _detail(variant: Variant) -> str:
    metrics = ("rmse", "r2") if "rmse" in variant.figures else ("roc_auc", "f1", "accuracy")
    shown = ((metric, variant.figures[metric]) for metric in metrics)
    return ", ".join(
        f"{name_of(metric)} {short(figure.mean)} ({short(figure.low)} to {short(figure.high)})"
        for metric, figure in shown
    )
