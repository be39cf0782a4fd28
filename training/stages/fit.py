"""The stage ``fit``: it fits the pipeline on the training part and measures it once on the test part.

Only this stage compares a model's answers with the targets of the test part, and no later stage changes the model.
Therefore the metrics cannot have influenced any choice.
"""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from tabento.bundle.numbers import number_text
from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from training.model.conformal import Calibration, calibrate_on, calibration_answers
from training.model.coverage import coverage_metrics, row_coverage
from training.model.metrics import measure, metric_of
from training.model.pipeline import fit_pipeline, threshold_for, threshold_of
from training.report.holdout_plots import plot_results
from training.stages.context import Context, write_decisions
from training.stages.files import write_json
from training.stages.outcome import Outcome

REPORT_FILE = "report.png"


def run(context: Context, folder: Path) -> Outcome:
    """Write the pipeline, its decisions and calibration, metrics, truth and answers of the test part, and a plot.

    Raises:
        ConfigError, FitError: the pipeline cannot be built or fitted.
    """
    config, progress = context.config, context.progress
    decisions = context.decisions_before("fit")
    with progress.step("Fit the pipeline") as step:
        train = context.train()
        threshold = threshold_for(config, train, decisions)
        pipeline = fit_pipeline(config, train, decisions, threshold=threshold)
        step.detail = decisions.estimator.kind
    joblib.dump(pipeline, folder / "pipeline.joblib")
    source = context.plan.source_of("fit") or "config"
    write_decisions(decisions, folder / "decisions.yaml", f"What the pipeline was fitted with; decided by: {source}.")
    if len(threshold.curve):
        curve = {"threshold": threshold.threshold, "figure": threshold.figure, "curve": threshold.curve.tolist()}
        write_json(folder / "threshold.json", {"by": config.decision.by, **curve})

    calibration, out_of_fold = Calibration(), None
    if config.intervals is not None or config.sets is not None:
        with progress.step("Calibrate prediction intervals on out-of-fold answers"):
            out_of_fold = calibration_answers(config, train, decisions, n_jobs=context.settings.jobs)
            if out_of_fold is not None:
                calibration = calibrate_on(config, train, out_of_fold)
    np.save(folder / "out_of_fold.npy", np.empty(0) if out_of_fold is None else out_of_fold, allow_pickle=False)
    (folder / "calibration.json").write_text(calibration.model_dump_json(indent=2) + "\n", encoding="utf-8")

    with progress.step("Predict the test part, once") as step, threadpool_limits(limits=1):
        contract = config.contract(
            threshold=threshold_of(pipeline),
            interval=calibration.interval,
            prediction_set=calibration.prediction_set,
        )
        test = context.test()
        rows = to_rows(test, contract)
        answers = pipeline_answers(pipeline, to_frame(rows, contract), contract)
        truth = context.truth()
        metrics = measure(config, truth, answers)
        metrics |= coverage_metrics(contract, row_coverage(contract, rows, truth, answers))
        headline = _headline(config.task, metric_of(config), metrics)
        step.detail = headline
    np.save(folder / "truth.npy", truth, allow_pickle=False)
    np.save(folder / "answers.npy", answers, allow_pickle=False)
    write_json(folder / "metrics.json", metrics)
    test[config.target.name] = truth
    plot_results(config, test, answers, metrics, folder / REPORT_FILE)
    params = {"estimator": decisions.estimator.kind, "decided_by": source}
    if threshold.threshold is not None:
        params["threshold"] = number_text(threshold.threshold)
    return Outcome(headline, params=params, metrics=metrics)


def _headline(task: str, metric: str, metrics: dict[str, float]) -> str:
    """Return the main metrics of the model as text."""
    names = {"rmse": "RMSE", "r2": "R²", "roc_auc": "AUC", "f1": "F1"}
    usual = ("rmse", "r2") if task == "regression" else ("roc_auc", "f1")
    keys = dict.fromkeys((*usual, *([metric] if metric in metrics else [])))
    return ", ".join(f"{names.get(key, key)} {metrics[key]:,.5g}" for key in keys if key in metrics)
