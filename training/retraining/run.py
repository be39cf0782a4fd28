"""Retraining: pull the data, look what changed since the champion, train, pass the gate, become the challenger.

It never changes which model serves: promoting is for people, see ``training.registry``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from training.config import ModelConfig
from training.data.errors import DataError, SplitError
from training.data.loader import Dataset
from training.data.resolve import with_categories, with_classes
from training.data.validation import validate
from training.errors import GateError, TrainingError
from training.progress import Progress
from training.registry import CHAMPION, Registry, Version
from training.retraining.decide import Conditions, decide
from training.retraining.drift import DriftReport, measure_drift
from training.retraining.report import write_report
from training.retraining.result import Outcome, RetrainResult, Trained
from training.retraining.schema import SchemaReport, compare_schema
from training.run import TrainResult, run_steps, train
from training.settings import TrainingSettings
from training.stages.data import obtain
from training.stages.steps import Plan, StepsError


@dataclass(frozen=True)
class _Found:
    """What was found out before training."""

    dataset: Dataset
    champion: Version | None = None
    schema: SchemaReport | None = None
    drift: DriftReport | None = None
    fault: str | None = None
    """Why the data cannot be trained on; None where it can."""


def retrain(
    config: ModelConfig,
    given_data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    *,
    conditions: Conditions | None = None,
    plan: Plan | None = None,
) -> tuple[RetrainResult, Path]:
    """Retrain a model and write the report.

    Args:
        config: the model.
        given_data: as for ``training.run.train``.
        settings: folders, the registry, and what is allowed.
        progress: who is told.
        conditions: when to train at all; by default always. Without a champion it is always trained.
        plan: the stages; by default the quick way with the config's own decisions.

    Returns:
        What it came to, and the folder of the report.

    Raises:
        TrackingError: the registry cannot be used.
        DataError: the data cannot be had.
        TrainingError: tracking is off, or see ``training.run.train``. A model that fails its gate and data that is not
            valid raise nothing: the result says so.
    """
    if not settings.tracking:
        raise TrainingError(
            "retraining compares with the registry's champion and registers a challenger, but tracking is off. Switch it"
            " on: --tracking, or TABENTO_TRAINING_TRACKING=true."
        )
    if plan is not None and "register" not in plan.steps:
        raise StepsError("--steps: retraining needs the stage register among the steps, as in --steps all.")
    began, clock = datetime.now(UTC), time.monotonic()
    registry = Registry(settings)
    found = _look(config, given_data, settings, progress, registry)
    outcome, reasons, challenger = _act(
        config, given_data, settings, progress, registry, found, conditions or Conditions(), plan
    )
    result = RetrainResult(
        name=config.name,
        outcome=outcome,
        reasons=reasons,
        began=began,
        seconds=time.monotonic() - clock,
        data_source=found.dataset.source,
        data_sha256=found.dataset.sha256,
        data_rows=len(found.dataset.frame),
        champion=None if found.champion is None else _trained(found.champion),
        challenger=None if challenger is None else _trained(challenger),
        schema_report=found.schema,
        drift=found.drift,
    )
    return result, write_report(result, settings.runs_folder)


def _look(
    config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress, registry: Registry
) -> _Found:
    """Get the data and compare it with what the champion was made of."""
    with progress.step("Ask the registry for the champion") as step:
        champion = registry.champion(config.name)
        bundle = None if champion is None else registry.bundle(champion)
        step.detail = "there is none yet" if champion is None else f"{champion}, {champion.bundle_tag}"
    dataset = obtain(config, given_data, settings, progress)
    found = _Found(dataset, champion)
    if bundle is not None:
        found = replace(found, schema=compare_schema(dataset.frame, bundle.contract, config))
    with progress.step("Validate, and measure the drift") as step:
        try:
            known = with_classes(config, dataset.frame, progress.warn)
            frame = validate(dataset.frame, known)
            known = with_categories(known, frame)
        except DataError as error:
            step.detail = "the data is not what the config says"
            return replace(found, fault=str(error))
        if bundle is None:
            return found
        drift = measure_drift(bundle.reference, frame, known)
        step.detail = f"the highest PSI of {len(drift.columns)} columns is {drift.psi_max:.3f}"
    return replace(found, drift=drift)


def _act(
    config: ModelConfig,
    given_data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    registry: Registry,
    found: _Found,
    conditions: Conditions,
    plan: Plan | None,
) -> tuple[Outcome, tuple[str, ...], Version | None]:
    """Train where that is to be done, and say what came of it."""
    if found.champion is None or found.schema is None:
        reasons: tuple[str, ...] = ("there is no champion yet to compare with",)
    else:
        same_data = found.champion.tags.get("data_sha256") == found.dataset.sha256
        decision = decide(conditions, found.schema, found.drift, same_data=same_data)
        reasons = decision.reasons
        if not decision.train:
            return "nothing_to_do", reasons, None
    if found.fault is not None:
        return "refused", (*reasons, f"the data cannot be trained on: {found.fault}"), None
    try:
        trained = _train(config, given_data, settings, progress, plan)
    except (GateError, DataError, SplitError) as error:
        return "refused", (*reasons, str(error)), None
    challenger = registry.find(trained.tags.bundle)
    if challenger is None:
        raise TrainingError(
            f"{trained.tags.bundle} was trained and stored, but is not in the registry. Run the stage that registers:"
            " tabento train --config YAML --steps register."
        )
    if CHAMPION in challenger.aliases:
        return "nothing_to_do", (*reasons, f"the model would be {challenger}, which is the champion already"), None
    return "challenger", (*reasons, f"{challenger} passed its gate and waits to be promoted"), challenger


def _train(
    config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress, plan: Plan | None
) -> TrainResult:
    if plan is None:
        return train(config, given_data, settings, progress)
    _, result = run_steps(config, plan, given_data, settings, progress)
    if result is None:
        raise TrainingError("the stages ended without a model, though register was among them; report it.")
    return result


def _trained(version: Version) -> Trained:
    return Trained(version=str(version), bundle=version.bundle_tag, metrics=version.metrics)
