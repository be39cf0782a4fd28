"""A run: the whole way from a config to a stored, checked bundle.

It goes through the stages of ``training.stages``. ``train`` and ``train_unless_stored`` take the quick way, with the
decisions of the config itself, in a workspace of their own (``training.quick_workspace``); ``run_steps`` works in the
model's lasting workspace.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bundle.errors import BundleError
from bundle.manifest import Provenance
from bundle.store import load_bundle
from training.config import ConfigError, ModelConfig
from training.data.errors import DataError
from training.data.identity import wanted
from training.data.loader import Dataset, load_dataset
from training.data.resolve import resolve_and_validate
from training.data.split import Parts
from training.errors import GateError
from training.gate import GateReport
from training.latency import LatencyTable
from training.parity import ParityReport
from training.progress import Progress
from training.provenance import fingerprint
from training.quick_workspace import adopt_unfinished, how_to_go_on, quick_workspace
from training.read_back import check_examples
from training.save import Tags, find_by_fingerprint
from training.settings import TrainingSettings
from training.stages.context import Context
from training.stages.data import obtain
from training.stages.register import gate_report, registered
from training.stages.runner import Done, run_stages, tell
from training.stages.steps import Plan
from training.stages.table import LOOKING, QUICK
from training.stages.validate import divide
from training.stages.workspace import Workspace
from training.unrecorded import finish_records, keep_unrecorded

__all__ = ["Loaded", "TrainResult", "check_examples", "prepare", "run_steps", "train", "train_unless_stored"]


@dataclass(frozen=True)
class TrainResult:
    """What a run has made."""

    config: ModelConfig
    """The config, with what it left to the data."""
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
    """``<runs>/<name>/<version>``, with report.png, metrics.json, the cards and the report of the gate."""
    seconds: float
    """How long the run took."""
    registry_version: str | None = None
    """The version in the registry, as whose challenger the model stands; None where nothing is tracked."""


@dataclass(frozen=True)
class Loaded:
    """Data that is fit for training."""

    dataset: Dataset
    parts: Parts
    fingerprint: str
    """Of the model that the quick way makes of it."""


def train(config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress) -> TrainResult:
    """Train a model with its config's own decisions and store it, whether or not it is stored already.

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
    finish_records(settings, progress, config.name)
    began = time.monotonic()
    with quick_workspace(config, settings, progress) as quick:
        context = Context(config, settings, progress, quick.workspace, Plan(QUICK, ()), given_data)
        tell(run_stages(context, force=quick.forced), progress)
        return _result(context, began)


def train_unless_stored(
    config: ModelConfig,
    given_data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    *,
    before_training: Callable[[], None] = lambda: None,
    record_later: bool = False,
) -> str:
    """Load the data, look once more for a stored bundle of it, and train where there is none that verifies.

    It is what ``training.stored.ensure`` does where config and checksums alone could not tell. Arguments and errors are
    those of ``train``; ``before_training`` is called if training is needed, before it begins; with ``record_later`` what
    MLflow gets is left to ``training.unrecorded``.
    """
    began = time.monotonic()
    with quick_workspace(config, settings, progress) as quick:
        context = Context(config, settings, progress, quick.workspace, Plan(LOOKING, ()), given_data, record_later=True)
        run_stages(context, force=quick.forced)
        tag = find_by_fingerprint(config.name, fingerprint(context.resolved(), context.origin(), config.decisions()))
        if tag is not None:
            try:
                found = load_bundle(tag).tag
                progress.say(f"{found} is stored already")
                return found
            except BundleError as error:
                progress.warn(f"{tag} is in the store but cannot be trusted, so it is trained anew: {error}")
        before_training()
        rest = tuple(name for name in QUICK if name not in LOOKING)
        context = replace(context, plan=Plan(rest, ()))
        tell(run_stages(context, force=quick.forced), progress)
        tags = _result(context, began).tags
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
) -> tuple[list[Done], TrainResult | None]:
    """Run some stages in the model's workspace, ``<artifacts>/<name>``; those that are unchanged are skipped.

    Args:
        config: The model.
        plan: Which stages, and whose decisions count.
        given_data: As for ``train``.
        settings: Folders and what is allowed.
        progress: Who is told.
        force: Whether unchanged stages run, too.

    Returns:
        What was done, and the model where ``register`` was among the stages.

    Raises:
        TrainingError: a stage's input is missing.
        Exception: as for ``train``.
    """
    began = time.monotonic()
    workspace = Workspace(settings.artifacts_folder / config.name)
    context = Context(config, settings, progress, workspace, plan, given_data)
    if "fit" not in plan.steps:
        adopt_unfinished(workspace)
    try:
        done = run_stages(context, force=force)
    except GateError as error:
        advice = how_to_go_on(workspace.root, has_steps=True, has_command=False)
        raise GateError(f"{error}\n{advice}") from error
    tell(done, progress)
    return done, _result(context, began) if "register" in plan.steps else None


def prepare(config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress) -> Loaded:
    """Load, validate and split: all that can be wrong with data shows here.

    Raises:
        DataError, SplitError: the data cannot be had or is not what the config says.
        TrainingError: the run may not use synthetic data, and there is no other.
    """
    dataset = obtain(config, given_data, settings, progress)
    parts = divide(config, dataset.frame, progress)
    return Loaded(dataset, parts, fingerprint(parts.config, dataset, config.decisions()))


def data_faults(config: ModelConfig, given_data: str | None, settings: TrainingSettings) -> str | None:
    """Say what is wrong with the data that a run would use, for a config that is wrong itself; None if nothing is known.

    Only a file on this machine is looked at: nothing is downloaded or made up for a run that cannot begin.

    Args:
        config: as much of the config as describes the data.
        given_data: As for ``train``.
        settings: Folders and what is allowed.
    """
    given = wanted(config, given_data, settings)
    if given is None or not Path(given).expanduser().is_file():
        return None
    warnings: list[str] = []
    try:
        dataset = load_dataset(config, given, settings.data_folder, warnings.append)
        resolve_and_validate(dataset.frame, config, warnings.append)
    except (DataError, ConfigError) as error:
        return str(error)
    return None


def _result(context: Context, began: float) -> TrainResult:
    found = registered(context)
    return TrainResult(
        config=context.resolved(),
        tags=Tags(found.bundle, found.pipeline),
        metrics=context.metrics(),
        parity=context.parity(),
        latency=context.latency(),
        gate=gate_report(context),
        provenance=found.provenance,
        bundle_folder=Path(found.bundle_folder),
        report_folder=Path(found.report_folder),
        seconds=time.monotonic() - began,
        registry_version=found.registry_version,
    )
