"""``tabento train``: the quick way, or stages by name; its options, and what a person reads at its end."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.installing import program
from training.stages.steps import OWN
from training.stages.table import DECIDING, LOOKING, QUICK, STAGES

HEADLINES = ("rmse", "mae", "r2", "mape", "within_10", "roc_auc", "accuracy", "precision", "recall", "f1")
"""The metrics that a run ends with; the report has all of them."""

if TYPE_CHECKING:
    from training.config import ModelConfig
    from training.progress import Progress
    from training.run import TrainResult
    from training.settings import TrainingSettings


def add_steps(command: argparse.ArgumentParser) -> None:
    """Add the options that say which stages run."""
    command.add_argument(
        "--steps",
        metavar="STEPS",
        help=f"all, from:NAME, or names with commas between them, out of {', '.join(STAGES)}; what they make is kept in"
        f" the artifacts folder, and what is unchanged is skipped (default: {', '.join(QUICK)}, in a folder that goes if the run succeeds)",
    )
    command.add_argument(
        "--decisions",
        metavar="NAME",
        choices=(OWN, *DECIDING),
        help=f"with --steps: up to which stage decisions count, {OWN} for the config's own"
        " (default: those of the stages that are among the steps)",
    )
    command.add_argument(
        "--parallel",
        action="store_true",
        default=None,
        help="with --steps: study the data in a process of its own while the features are studied",
    )
    command.add_argument("--force", action="store_true", help="with --steps: run unchanged stages, too")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the result to this file, as JSON")


def run_train(given: argparse.Namespace, config: ModelConfig, settings: TrainingSettings, progress: Progress) -> None:
    """Train and tell.

    Raises:
        TrainingError: the options do not go together, or see ``training.run``.
    """
    from training.errors import TrainingError
    from training.preflight import before_reading, before_training, require_none
    from training.stages.steps import StepsError, make_plan

    json_file: Path | None = given.json
    if json_file is not None and not (json_file.parent.is_dir() and os.access(json_file.parent, os.W_OK)):
        raise TrainingError(f"--json {json_file}: its folder is not there or cannot be written. Make it first.")
    early = before_reading(config, settings, given.data)
    if given.steps is None:
        if given.decisions is not None or given.force:
            raise StepsError("--decisions and --force go with --steps: say which stages run, such as --steps all")
        require_none([*early, *before_training(config, settings, given.data)])
        from training.run import train

        with _indexed(config, settings):
            result: TrainResult | None = train(config, given.data, settings, progress)
    else:
        plan = make_plan(given.steps, given.decisions)
        if json_file is not None and "register" not in plan.steps:
            raise StepsError("--json writes what the stage register has stored, and that is not among the steps")
        late = before_training(config, settings, given.data, steps=plan.steps) if _fits(plan.steps) else []
        require_none([*early, *late])
        from training.run import run_steps

        with _indexed(config, settings):
            _, result = run_steps(config, plan, given.data, settings, progress, force=given.force)
    if result is not None:
        show(result.config, result, settings, progress)
        if json_file is not None:
            from training.save import to_json

            json_file.write_text(to_json(summary(result)), encoding="utf-8")


def _indexed(config: ModelConfig, settings: TrainingSettings) -> AbstractContextManager[object]:
    """Write the page that leads to all reports at the end, also if the gate ends the run."""
    from training.reports import indexed

    return indexed(settings, config)


def _fits(steps: Sequence[str]) -> bool:
    """Say whether a model is fitted, proven or stored by one of these stages."""
    return any(name not in LOOKING and name != "study" for name in steps)


def show(config: ModelConfig, result: TrainResult, settings: TrainingSettings, progress: Progress) -> None:
    """Show what a run has made: tags and places, then how good it is, as the last lines."""
    from training.card import metric_rows
    from training.reports.index_page import INDEX_FILE

    version = result.registry_version
    progress.listing(
        "Saved",
        [
            (
                "parity",
                f"worst relative difference {result.parity.worst_relative:.2g} in {result.parity.rows:,} rows"
                f" ({result.parity.worst_absolute:.2g} {config.target.unit or ''}".rstrip()
                + ")",
            ),
            ("time", f"{progress.elapsed_s:.1f} s"),
            ("bundle", result.tags.bundle),
            ("pipeline", result.tags.pipeline),
            ("registry", f"{config.name}, version {version}, challenger" if version else "not tracked"),
            ("in the store", str(result.bundle_folder)),
            ("report", str(result.report_folder)),
            ("all reports", str(settings.runs_folder / config.name / INDEX_FILE)),
            ("serve it", f"{program('tabento')} serve {result.tags.bundle}"),
        ],
    )
    short = {name: result.metrics[name] for name in HEADLINES if name in result.metrics} or result.metrics
    title = f"{config.title}, {result.provenance.data} data, test part"
    progress.table(title, metric_rows(config, short))
    if result.provenance.data == "synthetic":
        progress.say("  The data is SYNTHETIC: these figures say nothing about real data.")


def summary(result: TrainResult) -> dict[str, Any]:
    """Return a result as JSON: tags, figures and places."""
    return {
        "bundle": result.tags.bundle,
        "pipeline": result.tags.pipeline,
        "registry_version": result.registry_version,
        "metrics": result.metrics,
        "parity": result.parity.model_dump(mode="json"),
        "latency": result.latency.model_dump(mode="json"),
        "gate": result.gate.model_dump(mode="json"),
        "provenance": result.provenance.model_dump(mode="json"),
        "bundle_folder": str(result.bundle_folder),
        "report_folder": str(result.report_folder),
        "seconds": result.seconds,
    }
