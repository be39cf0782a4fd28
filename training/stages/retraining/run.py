"""Retraining: load the data, compare it with the champion's data, train, pass the gate, become the challenger.

Retraining never changes the model that serves: a user promotes a version, see ``training.registry``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tabento.errors import TabentoError
from tabento.tables.faults import DataError, SplitError
from training.config import ModelConfig
from training.config.settings import TrainingSettings
from training.data.loader import Dataset
from training.data.resolve import with_categories, with_classes
from training.data.validation import validate
from training.errors import GateError
from training.progress import Progress
from training.registry import CHAMPION, Registry, Version
from training.stages.data import obtain_data
from training.stages.retraining.decide import Conditions, decide
from training.stages.retraining.drift import DriftReport, measure_drift
from training.stages.retraining.report import write_report
from training.stages.retraining.result import Outcome, RetrainResult, TrainedVersion
from training.stages.retraining.schema import SchemaReport, compare_schema
from training.stages.run import TrainResult, run_steps, train
from training.stages.steps import Plan, StepsError


@dataclass(frozen=True)
class RetrainingCheck:
    """The findings before the training."""

    dataset: Dataset
    champion: Version | None = None
    schema: SchemaReport | None = None
    drift: DriftReport | None = None
    fault: str | None = None
    """The reason why the data cannot be trained on; None if it can."""


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
        given_data: as for ``training.stages.run.train``.
        settings: folders, the registry, and permissions.
        progress: the output of the run.
        conditions: the conditions of a training; by default none. Without a champion the model is always trained.
        plan: the stages; by default the quick stages with the config's decisions.

    Returns:
        The result and the folder of the report.

    Raises:
        TrackingError: the registry cannot be used.
        DataError: the data is not available.
        TabentoError: tracking is off, or see ``training.stages.run.train``. A model that fails its gate, or invalid data,
            raises no error: the result has the reason.
    """
    if not settings.tracking:
        raise TabentoError(
            "retraining compares with the registry's champion and registers a challenger, but tracking is off. Switch it"
            " on: --tracking, or TABENTO_TRAINING_TRACKING=true."
        )
    if plan is not None and "register" not in plan.steps:
        raise StepsError("--steps: retraining needs the stage register among the steps, as in --steps all.")
    started_at, clock = datetime.now(UTC), time.monotonic()
    registry = Registry(settings)
    check = _check_data(config, given_data, settings, progress, registry)
    outcome, reasons, challenger = _train_if_needed(
        config, given_data, settings, progress, registry, check, conditions or Conditions(), plan
    )
    result = RetrainResult(
        name=config.name,
        outcome=outcome,
        reasons=reasons,
        started_at=started_at,
        seconds=time.monotonic() - clock,
        data_source=check.dataset.source,
        data_sha256=check.dataset.sha256,
        data_rows=len(check.dataset.frame),
        champion=None if check.champion is None else _trained_version(check.champion),
        challenger=None if challenger is None else _trained_version(challenger),
        schema_report=check.schema,
        drift=check.drift,
    )
    return result, write_report(result, settings.runs_folder)


def _check_data(
    config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress, registry: Registry
) -> RetrainingCheck:
    """Load the data and compare it with the champion's data."""
    with progress.step("Ask the registry for the champion") as step:
        champion = registry.champion(config.name)
        bundle = None if champion is None else registry.bundle(champion)
        step.detail = "no champion exists yet" if champion is None else f"{champion}, {champion.bundle_tag}"
    dataset = obtain_data(config, given_data, settings, progress)
    check = RetrainingCheck(dataset, champion)
    if bundle is not None:
        check = replace(check, schema=compare_schema(dataset.frame, bundle.contract, config))
    with progress.step("Validate, and measure the drift") as step:
        try:
            resolved_config = with_classes(config, dataset.frame, progress.warn)
            frame = validate(dataset.frame, resolved_config)
            resolved_config = with_categories(resolved_config, frame)
        except DataError as error:
            step.detail = "the data does not match the config"
            return replace(check, fault=str(error))
        if bundle is None:
            return check
        drift = measure_drift(bundle.reference, frame, resolved_config)
        step.detail = f"the highest PSI of {len(drift.columns)} columns is {drift.psi_max:.3f}"
    return replace(check, drift=drift)


def _train_if_needed(
    config: ModelConfig,
    given_data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    registry: Registry,
    check: RetrainingCheck,
    conditions: Conditions,
    plan: Plan | None,
) -> tuple[Outcome, tuple[str, ...], Version | None]:
    """Train if the conditions require it, and return the outcome with its reasons."""
    if check.champion is None or check.schema is None:
        reasons: tuple[str, ...] = ("there is no champion yet to compare with",)
    else:
        same_data = check.champion.tags.get("data_sha256") == check.dataset.sha256
        decision = decide(conditions, check.schema, check.drift, same_data=same_data)
        reasons = decision.reasons
        if not decision.train:
            return "nothing_to_do", reasons, None
    if check.fault is not None:
        return "refused", (*reasons, f"the data cannot be trained on: {check.fault}"), None
    try:
        trained = _train(config, given_data, settings, progress, plan)
    except (GateError, DataError, SplitError) as error:
        return "refused", (*reasons, str(error)), None
    challenger = registry.find(trained.tags.bundle)
    if challenger is None:
        raise TabentoError(
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
        raise TabentoError("the stages ended without a model, although register was among them. Report this error.")
    return result


def _trained_version(version: Version) -> TrainedVersion:
    return TrainedVersion(version=str(version), bundle=version.bundle_tag, metrics=version.metrics)
