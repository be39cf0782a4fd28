"""Quality without truths: the estimates of a drifting stream, in comparison with the truths that the monitor does not see.

    python -m benchmarks.estimates --data-folder FOLDER

A quarter of a model's rows is set aside as the future. The other rows are split and fitted by the shipped config, and the tables of
``expected_quality.json`` are made by the code of training. Then windows of future rows are drawn whose mix drifts gradually along
several columns: first not at all, at last strongly. Each window is estimated by the code of the monitor. No row of the future was seen
by the pipeline or by the tables, and no row appears twice in a window.

All of it is repeated with other splits, because all windows of one split share its pipeline, its tables and its future rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.model_results import measure_models
from benchmarks.process import ROOT, BenchmarkError
from monitoring.estimates.figures import Estimate, count_cells, estimate
from tabento.bundle.contract import Contract
from tabento.bundle.expected_quality import ExpectedQuality
from tabento.errors import TabentoError
from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from training.config import ModelConfig, load_config
from training.config.settings import load_settings
from training.data.identity import SYNTHETIC
from training.data.resolve import resolve_and_validate
from training.model.conformal import calibration_answers
from training.model.expected_quality import fit_expected_quality
from training.model.metrics import measure
from training.model.pipeline import fit_pipeline, threshold_of
from training.progress import silence
from training.stages.data import obtain_data
from training.stages.validate import split_data

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """The data and the drift of one model."""

    file: str
    """The name of its CSV file."""
    metrics: tuple[str, ...]
    columns: Mapping[str, int]
    """The columns along which the mix drifts, towards rows that are harder to answer: 1 if rows with large values become frequent, -1
    if rows with small values do."""


DRIFTS = {
    "california": Drift(
        "california_housing.csv",
        ("mae", "rmse"),
        {"median_income": 1, "latitude": -1, "housing_median_age": 1, "households": -1},
    ),
    "churn": Drift(
        "bank_churn.csv",
        ("accuracy", "f1", "roc_auc"),
        {"Age": 1, "NumOfProducts": -1, "IsActiveMember": -1, "Balance": 1},
    ),
}
FUTURE_SHARE = 0.25
WINDOWS = 12
WINDOW_ROWS = 500
STRENGTH = 2.0
"""The drift of the last window: the row with the largest value of a column is e² times as frequent as that with the smallest."""
SPLITS = 10
CONFIDENCE = 0.95
RESULTS = Path("benchmarks/results/estimates.json")


@dataclass(frozen=True)
class HeldOutRows:
    """Rows that neither the pipeline nor the tables have seen, with the tables and the figures of the test part."""

    contract: Contract
    tables: ExpectedQuality
    test: dict[str, float]
    rows: Floats
    answers: Floats
    truth: Floats
    measured: Callable[[Floats, Floats], dict[str, float]]
    """Returns the metrics of truths and answers."""


def hold_out(config: ModelConfig, data: str, seed: int, future_rows: int | None = None) -> HeldOutRows:
    """Set a part of the rows aside, train with the others, and answer the rows that were set aside.

    Args:
        config: of the model.
        data: a CSV file, or ``synthetic``.
        seed: chooses the rows that are set aside.
        future_rows: their number if the rows are synthetic; by default a quarter of the rows.
    """
    if data == SYNTHETIC and config.synthetic is not None:
        n_rows, synthetic = config.synthetic.rows, config.synthetic
        if future_rows is not None:
            n_rows = round(n_rows * (1 - FUTURE_SHARE)) + future_rows
        # Every split has rows of its own, because invented rows cost nothing.
        synthetic = synthetic.model_copy(update={"rows": n_rows, "seed": synthetic.seed + seed})
        config = config.model_copy(update={"synthetic": synthetic})
    frame = obtain_data(config, data, load_settings(allow_synthetic=True), silence()).frame
    order = np.random.default_rng(seed).permutation(len(frame))
    n_future = future_rows if data == SYNTHETIC and future_rows is not None else int(len(frame) * FUTURE_SHARE)
    future, past = (frame.iloc[positions].reset_index(drop=True) for positions in (order[:n_future], order[n_future:]))
    parts = split_data(config, past, silence())
    config = parts.config
    _, future = resolve_and_validate(future, config, lambda _: None)
    pipeline = fit_pipeline(config, parts.train)
    contract = config.contract(threshold=threshold_of(pipeline))

    def answer(part: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
        rows = to_rows(part, contract)
        with threadpool_limits(limits=1):
            answers = pipeline_answers(pipeline, to_frame(rows, contract), contract)
        return rows, answers, part[config.target.name].to_numpy(dtype=np.float64)

    rows, answers, truth = answer(parts.test)
    out_of_fold = None
    if config.task == "classification":
        fold_answers = calibration_answers(config, parts.train, config.decisions(), n_jobs=1)
        if fold_answers is not None:
            out_of_fold = (fold_answers, parts.train[config.target.name].to_numpy(dtype=np.float64))
    tables = fit_expected_quality(contract, rows, answers, truth, out_of_fold)
    if tables is None:
        raise BenchmarkError(
            f"{config.name}: expected enough rows of the test part for tables, got {len(rows)}: use more rows"
        )
    return HeldOutRows(
        contract, tables, measure(config, truth, answers), *answer(future), measured=partial(measure, config)
    )


def drift_scores(held_out: HeldOutRows, columns: Mapping[str, int]) -> Floats:
    """Return the position of each row along the drift, shape (N,): the sum of its ranks from -1/2 to 1/2."""
    scores: Floats = np.zeros(len(held_out.rows))
    for column, sign in columns.items():
        values = held_out.rows[:, held_out.contract.feature_names.index(column)]
        _, positions, counts = np.unique(values, return_inverse=True, return_counts=True)
        scores += sign * ((np.cumsum(counts) - counts / 2) / len(values) - 0.5)[positions]
    return scores


def measure_split(
    held_out: HeldOutRows, drift: Drift, seed: int, window_rows: int, *, repeated_rows: bool = False
) -> list[dict[str, Any]]:
    """Return truth and estimate of each window of a drifting stream.

    Args:
        held_out: rows of the future.
        drift: the metrics and the columns.
        seed: of the stream.
        window_rows: the number of rows of a window.
        repeated_rows: whether a row may appear several times in a window.
    """
    random = np.random.default_rng(seed)
    scores = drift_scores(held_out, drift.columns)
    stream = []
    for strength in np.linspace(0.0, STRENGTH, WINDOWS):
        weights = np.exp(strength * scores)
        indices = random.choice(len(scores), window_rows, replace=repeated_rows, p=weights / weights.sum())
        answers = held_out.answers[indices]
        actual = held_out.measured(held_out.truth[indices], answers)
        counts = count_cells(held_out.tables, held_out.rows[indices], answers.reshape(window_rows, -1))
        expected = estimate(held_out.tables, counts, CONFIDENCE)
        stream.append(
            {"drift": float(strength)}
            | {name: _window_figures(expected[name], actual[name], held_out.test[name]) for name in drift.metrics}
        )
    return stream


def _window_figures(expected: Estimate, truth: float, test: float) -> dict[str, float]:
    return {"truth": truth, "estimate": expected.value, "low": expected.low, "high": expected.high, "test": test}


def measure_model(
    name: str, data_folder: Path | None, splits: int, window_rows: int, future_rows: int | None
) -> dict[str, Any]:
    """Return the figures of a model over several splits, and the stream of the first split."""
    config, drift = load_config(ROOT / "configs" / f"{name}.yaml"), DRIFTS[name]
    data = SYNTHETIC if data_folder is None else str(data_folder / drift.file)
    streams, repeated = [], []
    for seed in range(splits):
        held_out = hold_out(config, data, seed, future_rows)
        if window_rows > len(held_out.rows) // 4:
            raise BenchmarkError(
                f"{config.name}: expected at most {len(held_out.rows) // 4} rows a window, a quarter of the future rows, got"
                f" {window_rows}: give a smaller --window-rows"
            )
        streams.append(measure_split(held_out, drift, seed, window_rows))
        repeated.append(measure_split(held_out, drift, seed, 4 * len(held_out.rows), repeated_rows=True))
        sys.stderr.write(f"  split {seed + 1} of {splits}\n")
    return {
        "name": name,
        "rows": "synthetic" if data_folder is None else drift.file,
        "splits": splits,
        "window_rows": window_rows,
        "windows": WINDOWS,
        "metrics": {metric: summarize(streams, repeated, metric) for metric in drift.metrics},
        "stream": streams[0],
    }


def summarize(
    streams: Sequence[Sequence[Mapping[str, Any]]], repeated: Sequence[Sequence[Mapping[str, Any]]], metric: str
) -> dict[str, float]:
    """Return the mean absolute errors of estimate and test figure, and the coverage of the intervals.

    Args:
        streams: the windows of each split.
        repeated: the same if rows repeat in a window.
        metric: the name of the metric.
    """
    values = _values(streams, metric)
    error, naive = np.abs(values["estimate"] - values["truth"]), np.abs(values["test"] - values["truth"])
    covered = _coverage_mask(values)
    last = slice(-(WINDOWS // 3), None)
    return {
        "truth_first": float(values["truth"][:, 0].mean()),
        "truth_last": float(values["truth"][:, -1].mean()),
        "estimate_last": float(values["estimate"][:, -1].mean()),
        "bias": float((values["estimate"] - values["truth"]).mean()),
        "error": float(error.mean()),
        "naive_error": float(naive.mean()),
        "error_last_third": float(error[:, last].mean()),
        "naive_error_last_third": float(naive[:, last].mean()),
        "half_width": float((values["high"] - values["low"]).mean() / 2),
        "coverage": float(covered.mean()),
        "coverage_standard_error": float(covered.mean(axis=1).std(ddof=1) / len(covered) ** 0.5)
        if len(covered) > 1
        else 0.0,
        "coverage_last_third": float(covered[:, last].mean()),
        "coverage_repeated_rows": float(_coverage_mask(_values(repeated, metric)).mean()),
    }


def _values(streams: Sequence[Sequence[Mapping[str, Any]]], metric: str) -> dict[str, Floats]:
    """Return the values of a metric by name, each of shape (splits, windows)."""
    return {
        key: np.array([[window[metric][key] for window in stream] for stream in streams])
        for key in streams[0][0][metric]
    }


def _coverage_mask(values: Mapping[str, Floats]) -> Floats:
    return ((values["low"] <= values["truth"]) & (values["truth"] <= values["high"])).astype(np.float64)


def to_markdown(results: Mapping[str, Any]) -> str:
    """Return the results as a table."""
    lines = [
        "| model | metric | truth: first → last window | estimate of the last | mean error: estimate · test figure"
        " | in the last third | coverage (standard error) | in the last third | half width |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for model in results["models"]:
        for metric, figures in model["metrics"].items():
            texts = {key: _text(value) for key, value in figures.items()}
            lines.append(
                f"| {model['name']} | {metric} | {texts['truth_first']} → {texts['truth_last']} | {texts['estimate_last']}"
                f" | {texts['error']} · {texts['naive_error']}"
                f" | {texts['error_last_third']} · {texts['naive_error_last_third']}"
                f" | {figures['coverage']:.1%} ({figures['coverage_standard_error']:.1%})"
                f" | {figures['coverage_last_third']:.1%} | {texts['half_width']} |"
            )
    first = results["models"][0]
    rows = ", ".join(f"{model['name']}: {model['rows']}" for model in results["models"])
    return (
        f"{first['splits']} splits, {first['windows']} windows of {first['window_rows']} rows each ({rows}).\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw truth, estimate and test figure of the first split's stream."""
    from matplotlib.figure import Figure

    panels = [(model, metric) for model in results["models"] for metric in model["metrics"]]
    figure = Figure(figsize=(3.6 * len(panels), 3.4), layout="constrained")
    for axes, (model, metric) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        windows = np.arange(1, len(model["stream"]) + 1)
        values = {key: column[0] for key, column in _values([model["stream"]], metric).items()}
        axes.fill_between(windows, values["low"], values["high"], alpha=0.25, label="95% interval")
        axes.plot(windows, values["estimate"], label="estimate")
        axes.plot(windows, values["truth"], "k.", label="truth")
        axes.plot(windows, values["test"], "--", color="gray", label="test part")
        axes.set_title(f"{model['name']}: {metric}")
        axes.set_xticks(windows[1::2])
        axes.set_xlabel("window (drift increases)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the models and print the table; the exit code is 1 if a model cannot be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimates", description=(__doc__ or "").splitlines()[0])
    files = ", ".join(drift.file for drift in DRIFTS.values())
    parser.add_argument("--data-folder", type=Path, help=f"has {files} (default: synthetic rows of the configs)")
    parser.add_argument("--models", nargs="+", choices=sorted(DRIFTS), default=sorted(DRIFTS))
    parser.add_argument("--splits", type=int, default=SPLITS, help=f"trainings of each model (default {SPLITS})")
    parser.add_argument("--window-rows", type=int, default=WINDOW_ROWS, help=f"default {WINDOW_ROWS}")
    parser.add_argument("--future-rows", type=int, help="of synthetic rows (default: a quarter of the rows)")
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"the JSON file (default {RESULTS})")
    options = parser.parse_args(arguments)
    if options.future_rows is not None and options.data_folder is not None:
        parser.error("expected --future-rows without --data-folder: real rows cannot be invented")
    if options.splits < 1 or options.window_rows < 50:
        parser.error("expected at least 1 split and windows of at least 50 rows")

    def measure_by_name(name: str) -> dict[str, Any]:
        try:
            return measure_model(name, options.data_folder, options.splits, options.window_rows, options.future_rows)
        except TabentoError as error:
            raise BenchmarkError(f"{name}: {error}") from error

    return measure_models(options.models, options.results, measure_by_name, to_markdown, draw)


if __name__ == "__main__":
    sys.exit(main())
