"""A run: from a config to a stored, checked bundle.

It runs the stages of ``training.stages``. ``train`` and ``train_unless_stored`` run the quick stages, with the decisions of the
config, in a temporary workspace (``training.stages.quick_workspace``); ``run_steps`` works in the
model's lasting workspace.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tabento.bundle.errors import BundleError
from tabento.bundle.manifest import Provenance
from tabento.bundle.store import load_bundle
from tabento.packaging.latency import LatencyTable
from tabento.packaging.save import Tags, find_by_fingerprint
from tabento.parity import ParityReport
from tabento.tables.faults import DataError
from training.config import ConfigError, ModelConfig
from training.config.settings import TrainingSettings
from training.data.identity import requested_data
from training.data.loader import Dataset, load_dataset
from training.data.resolve import resolve_and_validate
from training.data.split import Parts
from training.errors import GateError
from training.gate import GateReport
from training.progress import Progress
from training.registry.provenance import fingerprint
from training.stages.context import Context
from training.stages.data import obtain_data
from training.stages.quick_workspace import adopt_unfinished, describe_continuation, quick_workspace
from training.stages.register import gate_report, registered_model
from training.stages.runner import FinishedStage, report_stages, run_stages
from training.stages.steps import Plan
from training.stages.table import DATA_STAGES, QUICK_STAGES
from training.stages.unrecorded import finish_records, keep_unrecorded
from training.stages.validate import split_data
from training.stages.workspace import Workspace

__all__ = ["TrainResult", "TrainingData", "prepare", "run_steps", "train", "train_unless_stored"]


@dataclass(frozen=True)
class TrainResult:
    """The result of a run."""

    config: ModelConfig
    """The config, completed with the values that it leaves to the data."""
    tags: Tags
    metrics: dict[str, float]
    """Metrics on the test part, see ``training.model.metrics``."""
    parity: ParityReport
    latency: LatencyTable
    gate: GateReport
    provenance: Provenance
    bundle_folder: Path
    """The folder of the bundle in the store."""
    report_folder: Path
    """``<runs>/<name>/<version>``, with report.png, metrics.json, the cards and the report of the gate."""
    seconds: float
    """The duration of the run."""
    registry_version: str | None = None
    """The version in the registry, which is the challenger; None if runs are not tracked."""


@dataclass(frozen=True)
class TrainingData:
    """Validated and split data."""

    dataset: Dataset
    parts: Parts
    fingerprint: str
    """The fingerprint of the model that the quick stages make from the data."""


def train(config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress) -> TrainResult:
    """Train a model with its config's own decisions and store it, whether or not it is stored already.

    Args:
        config: The model.
        given_data: The path or URL of a CSV file, the word ``synthetic``, or None for the config's source.
        settings: Folders and permissions.
        progress: The output of the run.

    Raises:
        DataError, SplitError: the data is not available or does not match the config.
        ConfigError, FitError: the pipeline cannot be built or fitted.
        ExportError, ParityError: the graph cannot be made or its answers differ from the pipeline's.
        GateError: the model misses a limit.
        SaveError, BundleError: the model cannot be stored, or the stored bundle does not verify.
        TabentoError: the run may not use synthetic data, and no other data is available.
    """
    finish_records(settings, progress, config.name)
    started_s = time.monotonic()
    with quick_workspace(config, settings, progress) as quick:
        context = Context(config, settings, progress, quick.workspace, Plan(QUICK_STAGES, ()), given_data)
        report_stages(run_stages(context, force=quick.forced), progress)
        return _result(context, started_s)


def train_unless_stored(
    config: ModelConfig,
    given_data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    *,
    before_training: Callable[[], None] = lambda: None,
    record_later: bool = False,
) -> str:
    """Load the data, search again for a stored bundle of it, and train if no such bundle verifies.

    It is what ``training.stages.stored_model.ensure_model`` does if config and checksums alone do not identify the data. Arguments and
    errors are the same as of ``train``. ``before_training`` is called before a training. With ``record_later`` the record in
    MLflow is left to ``training.stages.unrecorded``.
    """
    started_s = time.monotonic()
    with quick_workspace(config, settings, progress) as quick:
        context = Context(
            config, settings, progress, quick.workspace, Plan(DATA_STAGES, ()), given_data, record_later=True
        )
        run_stages(context, force=quick.forced)
        tag = find_by_fingerprint(config.name, fingerprint(context.resolved(), context.origin(), config.decisions()))
        if tag is not None:
            try:
                stored_tag = load_bundle(tag).tag
                progress.say(f"{stored_tag} is stored already")
                return stored_tag
            except BundleError as error:
                progress.warn(f"{tag} is in the store but cannot be trusted, so it is trained again: {error}")
        before_training()
        remaining_stages = tuple(name for name in QUICK_STAGES if name not in DATA_STAGES)
        context = replace(context, plan=Plan(remaining_stages, ()))
        report_stages(run_stages(context, force=quick.forced), progress)
        tags = _result(context, started_s).tags
        if settings.tracking:
            keep_unrecorded(quick.workspace.root, tags.version)
    if not record_later:
        finish_records(settings, progress, config.name)
    return tags.bundle


def run_steps(
    config: ModelConfig,
    plan: Plan,
    given_data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    *,
    force: bool = False,
) -> tuple[list[FinishedStage], TrainResult | None]:
    """Run some stages in the model's workspace, ``<artifacts>/<name>``. Unchanged stages are skipped.

    Args:
        config: The model.
        plan: The stages and the source of their decisions.
        given_data: As for ``train``.
        settings: Folders and permissions.
        progress: The output of the run.
        force: Whether unchanged stages run as well.

    Returns:
        The finished stages, and the result if ``register`` is among the stages.

    Raises:
        TabentoError: a stage's input is missing.
        Exception: as for ``train``.
    """
    started_s = time.monotonic()
    workspace = Workspace(settings.artifacts_folder / config.name)
    context = Context(config, settings, progress, workspace, plan, given_data)
    if "fit" not in plan.steps:
        adopt_unfinished(workspace)
    try:
        done = run_stages(context, force=force)
    except GateError as error:
        advice = describe_continuation(workspace.root, has_steps=True, has_command=False)
        raise GateError(f"{error}\n{advice}") from error
    report_stages(done, progress)
    return done, _result(context, started_s) if "register" in plan.steps else None


def prepare(
    config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress
) -> TrainingData:
    """Load, validate and split the data, and raise every error of the data.

    Raises:
        DataError, SplitError: the data is not available or does not match the config.
        TabentoError: the run may not use synthetic data, and no other data is available.
    """
    dataset = obtain_data(config, given_data, settings, progress)
    parts = split_data(config, dataset.frame, progress)
    return TrainingData(dataset, parts, fingerprint(parts.config, dataset, config.decisions()))


def data_faults(config: ModelConfig, given_data: str | None, settings: TrainingSettings) -> str | None:
    """Return the faults of a run's data, for a config that is wrong itself; None if no fault is known.

    Only a local file is checked: nothing is downloaded or generated for a run that cannot start.

    Args:
        config: the part of the config that describes the data.
        given_data: As for ``train``.
        settings: Folders and permissions.
    """
    requested = requested_data(config, given_data, settings)
    if requested is None or not Path(requested).expanduser().is_file():
        return None
    warnings: list[str] = []
    try:
        dataset = load_dataset(config, requested, settings.data_folder, warnings.append)
        resolve_and_validate(dataset.frame, config, warnings.append)
    except (DataError, ConfigError) as error:
        return str(error)
    return None


def _result(context: Context, started_s: float) -> TrainResult:
    registered = registered_model(context)
    return TrainResult(
        config=context.resolved(),
        tags=Tags(registered.bundle, registered.pipeline),
        metrics=context.metrics(),
        parity=context.parity(),
        latency=context.latency(),
        gate=gate_report(context),
        provenance=registered.provenance,
        bundle_folder=Path(registered.bundle_folder),
        report_folder=Path(registered.report_folder),
        seconds=time.monotonic() - started_s,
        registry_version=registered.registry_version,
    )
