"""The evaluation of a procedure: repeated cross-validation over all rows, with its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.tables.frames import to_rows
from training.config import Decisions, ModelConfig
from training.config.metric_names import name_of
from training.data.validation import validate
from training.gate.coverage import coverage_figures
from training.model.conformal import Calibration
from training.model.coverage import RowCoverage, coverage_metrics, row_coverage
from training.model.cross_validation import Fold, make_folds
from training.model.metrics import measure
from training.model.out_of_fold import predict_out_of_fold
from training.model.pipeline import FitError
from training.progress import Progress
from training.report.evaluation.markdown import format_metric, render_evaluation
from training.report.evaluation.plots import plot_folds
from training.studies.evaluation.fold_calibrations import calibrate_folds
from training.studies.evaluation.results import CONFIDENCE, EvaluatedCoverage, EvaluationReport, FoldMetric, Variant
from training.studies.evaluation.variants import add_columns

AS_CONFIGURED = "as configured"
JSON_FILE = "evaluation.json"
MARKDOWN_FILE = "evaluation.md"
PLOT_FILE = "evaluation.png"
_COUNTS = ("zero_targets",)
"""The counts among the metrics; they do not measure quality."""


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

    The rows include the test part of the split: nothing is chosen here, so nothing can leak from it. The decisions of the config or
    the studies were made on the training part, which has most of the rows; this is the only optimistic bias of the metrics.

    Args:
        config: the model's config; ``config.evaluation`` has the numbers of folds and repeats, and the dropped columns of a second
            variant.
        frame: unvalidated rows, including dropped columns.
        decisions: the decisions of the pipeline in each fold.
        folder: the folder of the files; it exists.
        progress: reports the steps.
        data: the source of the rows, for the report.
        n_jobs: the number of processes; by default the number of usable cores. The metrics do not depend on it.

    Raises:
        DataError: the rows do not match the config.
        ConfigError, FitError: a column of ``also_with`` cannot be used, the pipeline cannot be built or fitted, or a metric
            is undefined in a fold.
        FoldError: there are fewer rows than folds, or fewer rows of a class.
    """
    plan = config.evaluation
    requested_variants = [(AS_CONFIGURED, config, decisions)]
    if plan.also_with:
        requested_variants.append(
            (f"with {', '.join(plan.also_with)}", *add_columns(config, decisions, plan.also_with, frame))
        )
    variants: list[Variant] = []
    coverage: EvaluatedCoverage | None = None
    rows = 0
    for name, variant_config, variant_decisions in requested_variants:
        with progress.step(f"Cross-validate {name}, {plan.folds} folds × {plan.repeats}") as step:
            valid = validate(frame, variant_config)
            rows = len(valid)
            # Equal rows, target and seed give equal folds, so that variants can be compared fold by fold.
            folds = make_folds(variant_config, valid, plan.folds, plan.repeats)
            answers = predict_out_of_fold(variant_config, valid, variant_decisions, folds, n_jobs)
            y_true = valid[config.target.name].to_numpy(dtype=np.float64)
            first = variants[0] if variants else None
            variants.append(_measure_variant(name, config, variant_decisions.columns, y_true, answers, folds, first))
            step.detail = _summary_text(variants[-1])
        if first is None and (config.intervals is not None or config.sets is not None):
            with progress.step("Calibrate the intervals of each fold again, and measure their coverage") as step:
                calibrations = calibrate_folds(config, valid, decisions, folds, n_jobs)
                coverage = _measure_coverage(config, valid, y_true, answers, calibrations, folds)
                step.detail = f"{coverage.slices[0].coverage:.1%} of {rows:,} rows"
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
        coverage=coverage,
    )
    (folder / JSON_FILE).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / MARKDOWN_FILE).write_text(render_evaluation(report, config), encoding="utf-8")
    plot_folds(report, config, folder / PLOT_FILE)
    return report


def _measure_coverage(
    config: ModelConfig,
    frame: pd.DataFrame,
    y_true: NDArray[np.float64],
    answers: Sequence[NDArray[np.float64]],
    calibrations: Sequence[Calibration],
    folds: Sequence[Fold],
) -> EvaluatedCoverage:
    """Measure the coverage of each fold's calibration on the fold's held-out rows."""
    repeats, count = config.evaluation.repeats, config.evaluation.folds
    covered, widths = np.zeros(len(y_true)), np.zeros(len(y_true))
    per_fold: list[dict[str, float]] = []
    for (_, held_out), fold_answers, calibration in zip(folds, answers, calibrations, strict=True):
        contract = config.contract(interval=calibration.interval, prediction_set=calibration.prediction_set)
        rows = to_rows(frame.iloc[held_out], contract)
        fold_coverage = row_coverage(contract, rows, y_true[held_out], fold_answers)
        assert fold_coverage is not None
        per_fold.append(coverage_metrics(contract, fold_coverage))
        covered[held_out] += fold_coverage.covered / repeats
        widths[held_out] += fold_coverage.widths / repeats
    promise = config.intervals or config.sets
    assert promise is not None
    return EvaluatedCoverage(
        promised=promise.coverage,
        figures={key: FoldMetric.over(tuple(figures[key] for figures in per_fold), count) for key in per_fold[0]},
        # A sum of shares can exceed 1 by rounding.
        slices=coverage_figures(config, frame, y_true, RowCoverage(np.minimum(covered, 1.0), widths)),
    )


def _measure_variant(
    name: str,
    config: ModelConfig,
    columns: tuple[str, ...],
    y_true: NDArray[np.float64],
    answers: Sequence[NDArray[np.float64]],
    folds: Sequence[Fold],
    first: Variant | None,
) -> Variant:
    count = config.evaluation.folds
    per_fold = [
        _measure_answers(config, y_true[valid], fold_answers, f"fold {number}")
        for number, ((_, valid), fold_answers) in enumerate(zip(folds, answers, strict=True), start=1)
    ]
    values = {metric: tuple(figures[metric] for figures in per_fold) for metric in per_fold[0] if metric not in _COUNTS}
    return Variant(
        name=name,
        columns=columns,
        figures={metric: FoldMetric.over(fold_values, count) for metric, fold_values in values.items()},
        pooled=_measure_pooled(config, y_true, answers, folds),
        difference={
            metric: FoldMetric.over(tuple(np.subtract(values[metric], figure.folds).tolist()), count)
            for metric, figure in (first.figures.items() if first else ())
        },
    )


def _measure_pooled(
    config: ModelConfig, y_true: NDArray[np.float64], answers: Sequence[NDArray[np.float64]], folds: Sequence[Fold]
) -> dict[str, float]:
    """Measure each repeat over all rows together and return the mean over the repeats."""
    count = config.evaluation.folds
    repeats: list[dict[str, float]] = []
    for start in range(0, len(folds), count):
        all_answers = np.empty((len(y_true), *answers[start].shape[1:]))
        for (_, valid), fold_answers in zip(folds[start : start + count], answers[start : start + count], strict=True):
            all_answers[valid] = fold_answers
        repeats.append(_measure_answers(config, y_true, all_answers, "all folds together"))
    return {
        metric: float(np.mean([figures[metric] for figures in repeats]))
        for metric in repeats[0]
        if metric not in _COUNTS
    }


def _measure_answers(
    config: ModelConfig, y_true: NDArray[np.float64], answers: NDArray[np.float64], subject: str
) -> dict[str, float]:
    try:
        return measure(config, y_true, answers)
    except ValueError as error:
        raise FitError(f"the answers of {subject} cannot be measured: {error}: use fewer folds or more rows") from error


def _summary_text(variant: Variant) -> str:
    metrics = ("rmse", "r2") if "rmse" in variant.figures else ("roc_auc", "f1", "accuracy")
    displayed = ((metric, variant.figures[metric]) for metric in metrics)
    return ", ".join(
        f"{name_of(metric)} {format_metric(figure.mean)} ({format_metric(figure.low)} to {format_metric(figure.high)})"
        for metric, figure in displayed
    )
