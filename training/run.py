"""A run: the whole way from a config to a stored, checked bundle.

load → validate → split → fit → predict the test part once → measure → export → parity → latency → gate → card → save →
read the bundle back and let it predict its own examples.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from bundle.contract import encode_value
from bundle.errors import BundleError
from bundle.format import CARD_FILE, INPUT_NAME, METRICS_FILE, PREDICTION_NAME
from bundle.manifest import Provenance
from bundle.store import Bundle, load_bundle
from training.card import Findings, render_card
from training.config import ModelConfig
from training.data.loader import Dataset, load_dataset
from training.data.split import Parts, split
from training.data.validation import validate
from training.errors import SaveError, TrainingError
from training.examples import pick_examples
from training.export import export_pipeline, serialise
from training.frames import to_frame, to_rows
from training.gate import GateReport, check_gate, parity_limits
from training.latency import LatencyTable, measure_latency
from training.metrics import regression_metrics
from training.parity import ParityReport, check_parity, differences, pipeline_answers
from training.pipeline import fit_pipeline
from training.plots import plot_regression
from training.progress import Progress
from training.provenance import fingerprint, record
from training.reference import build_reference
from training.save import Contents, Tags, find_by_fingerprint, new_tags, save, to_json
from training.settings import TrainingSettings

SYNTHETIC = "synthetic"
REPORT_FILE = "report.png"


@dataclass(frozen=True)
class TrainResult:
    """What a run has made."""

    tags: Tags
    metrics: dict[str, float]
    """Figures on the test part, see ``training.metrics``."""
    parity: ParityReport
    latency: LatencyTable
    gate: GateReport
    provenance: Provenance
    bundle_folder: Path
    """Where the store keeps the bundle."""
    report_folder: Path
    """``<runs>/<name>/<version>``, with report.png, metrics.json and card.md."""
    seconds: float
    """How long the run took."""


@dataclass(frozen=True)
class Loaded:
    """Data that is fit for training."""

    dataset: Dataset
    parts: Parts
    fingerprint: str


def train(config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress) -> TrainResult:
    """Train a model and store it, whether or not it is stored already.

    Args:
        config: The model.
        given_data: The path or URL of a CSV file, the word ``synthetic``, or None for the config's source.
        settings: Folders and what is allowed.
        progress: Who is told.

    Raises:
        DataError, SplitError: the data cannot be had or is not what the config says.
        ConfigError, FitError: the pipeline cannot be built or fitted.
        ExportError, ParityError: the graph cannot be made or does not answer what the pipeline answers.
        GateError: the model misses a limit.
        SaveError, BundleError: it cannot be stored, or what is stored does not verify.
        TrainingError: the run may not use synthetic data, and there is no other.
    """
    began = time.monotonic()
    return _train(config, prepare(config, given_data, settings, progress), settings, progress, began)


def ensure(config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress) -> str:
    """Return the tag of a stored bundle of this config, data and code; train where there is none that verifies.

    Arguments and errors are those of ``train``.
    """
    began = time.monotonic()
    loaded = prepare(config, given_data, settings, progress)
    tag = find_by_fingerprint(config.name, loaded.fingerprint)
    if tag is not None:
        try:
            found = load_bundle(tag).tag
            progress.say(f"{found} is stored already")
            return found
        except BundleError as error:
            progress.warn(f"{tag} is in the store but cannot be trusted, so it is trained anew: {error}")
    return _train(config, loaded, settings, progress, began).tags.bundle


def prepare(config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress) -> Loaded:
    """Load, validate and split: all that can be wrong with data shows here.

    Raises:
        DataError, SplitError: the data cannot be had or is not what the config says.
        TrainingError: the run may not use synthetic data, and there is no other.
    """
    if given_data is None and not settings.download:
        given_data = SYNTHETIC
    warnings: list[str] = []
    with progress.step("Load the data") as step:
        dataset = load_dataset(config, given_data, settings.data_folder, warnings.append)
        step.detail = f"{len(dataset.frame):,} rows from {dataset.source}"
    if dataset.kind == SYNTHETIC and not settings.allow_synthetic:
        raise TrainingError(
            f"expected real data, because allow_synthetic is off; got {dataset.source}. Give a file with --data, or"
            f" allow synthetic data. The loader said: {' '.join(warnings)}"
        )
    # After the step: a spinner and a box on the same terminal would write over each other.
    for warning in warnings:
        progress.warn(warning)
    with progress.step("Validate and split") as step:
        frame = validate(dataset.frame, config)
        parts = split(frame, config)
        step.detail = f"{len(parts.train):,} rows to train, {len(parts.test):,} to test"
    return Loaded(dataset, parts, fingerprint(config, dataset))


def _train(
    config: ModelConfig, loaded: Loaded, settings: TrainingSettings, progress: Progress, began: float
) -> TrainResult:
    contract, parts, target = config.contract(), loaded.parts, config.target.name
    with progress.step("Fit the pipeline"):
        pipeline = fit_pipeline(config, parts.train)
    with progress.step("Predict the test part, once") as step:
        test_rows = to_rows(parts.test, contract)
        predicted = _predict(pipeline, test_rows, config)
        metrics = regression_metrics(parts.test[target], predicted)
        step.detail = f"RMSE {metrics['rmse']:,.5g}, R² {metrics['r2']:.4f}"
    with progress.step("Export to ONNX") as step:
        model = serialise(export_pipeline(pipeline, contract))
        step.detail = f"{len(model) / (1 << 20):.1f} MiB"
    with progress.step("Compare graph and pipeline") as step:
        parity = check_parity(
            pipeline, model, contract, parts.test, limits=parity_limits(config.gate), max_rows=config.gate.parity_rows
        )
        step.detail = (
            f"worst relative difference {parity.worst_relative:.2g} in {parity.rows:,} rows,"
            f" {parity.other_branches} on another branch of {parity.trees} trees"
        )
    with progress.step("Measure latency") as step:
        latency = measure_latency(model, test_rows, budget_s=settings.latency_budget_s)
        step.detail = f"one row p99 {latency.single_row_p99_us:.1f} µs"
    gate = check_gate(config.gate, metrics, parity, latency.single_row_p99_us, len(model))
    progress.table("Gate", gate.rows())
    gate.require()

    tags = new_tags(config.name)
    provenance = record(loaded.fingerprint, loaded.dataset, tags.pipeline)
    findings = Findings(tags.bundle, provenance, len(parts.train), len(parts.test), metrics, parity, latency, gate)
    with progress.step("Describe the training data and the model"):
        contents = Contents(
            model=model,
            contract=contract,
            reference=build_reference(config, parts.train, _predict(pipeline, to_rows(parts.train, contract), config)),
            examples=pick_examples(parts.test, predicted, contract),
            latency=latency,
            metrics={**metrics, "train_rows": len(parts.train), "test_rows": len(parts.test)},
            parity=parity,
            card=render_card(config, findings),
        )
    report_folder = settings.runs_folder / config.name / tags.version
    with progress.step("Save and read back") as step, _report(report_folder):
        plot_regression(parts.test[target], predicted, parts.test, config, metrics, report_folder / REPORT_FILE)
        (report_folder / METRICS_FILE).write_text(to_json(contents.metrics), encoding="utf-8")
        (report_folder / CARD_FILE).write_text(contents.card, encoding="utf-8")
        bundle = save(
            tags,
            pipeline,
            contents,
            provenance,
            lambda stored: check_examples(stored, pipeline, config.gate.parity_relative_max),
        )
        step.detail = bundle.tag
    return TrainResult(
        tags=tags,
        metrics=metrics,
        parity=parity,
        latency=latency,
        gate=gate,
        provenance=provenance,
        bundle_folder=bundle.path,
        report_folder=report_folder,
        seconds=time.monotonic() - began,
    )


def check_examples(bundle: Bundle, pipeline: Any, relative_max: float) -> None:
    """Let a stored bundle predict its examples and compare its answers with the pipeline's.

    This goes the way of a request: JSON values, encoded by the contract, through the stored graph.

    Args:
        bundle: As read from the store.
        pipeline: The pipeline or estimator from which it was made.
        relative_max: Largest relative difference allowed.

    Raises:
        SaveError: an answer differs.
        ValueError: the graph does not give one answer per row.
    """
    contract = bundle.contract
    rows = np.array(
        [[encode_value(feature, row[feature.name]) for feature in contract.features] for row in bundle.examples],
        dtype=np.float64,
    )
    session = onnxruntime.InferenceSession(bundle.model_path, providers=["CPUExecutionProvider"])
    got = np.asarray(session.run([PREDICTION_NAME], {INPUT_NAME: rows})[0], dtype=np.float64)
    expected = pipeline_answers(pipeline, to_frame(rows, contract), contract)
    # A probability near 0 is measured against what is usual for its class: its own last bits say nothing.
    _, relative = differences(expected, got, np.abs(expected).mean(axis=0))
    difference = relative.reshape(len(rows), -1).max(axis=1)
    worst = int(np.argmax(difference))
    if not difference[worst] <= relative_max:
        raise SaveError(
            f"{bundle.tag}: the stored bundle answers {got[worst]!r} to its example {worst}, the pipeline"
            f" {expected[worst]!r} (relative difference {difference[worst]:.3g}, allowed {relative_max:g})."
            " Nothing was saved; report it with the config."
        )


def _predict(pipeline: Pipeline, rows: NDArray[np.float64], config: ModelConfig) -> NDArray[np.float64]:
    """Return the pipeline's answers to packed rows, float64 of shape (N,)."""
    return np.asarray(pipeline.predict(to_frame(rows, config.contract())), dtype=np.float64)


@contextmanager
def _report(folder: Path) -> Iterator[None]:
    """Make the folder of a run's report; without a bundle there is no report either.

    Raises:
        SaveError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True)
        yield
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise SaveError(
                f"the report of the run could not be written to {folder}: {error.strerror or error}."
                " Nothing was saved. Choose another folder with --runs-folder."
            ) from error
        raise
