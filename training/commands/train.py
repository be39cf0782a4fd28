"""``tabento train``: train in one go or by stages, and report the result."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabento.command_line.commands import SectionedCommand, SectionedOption
from training.commands import entries
from training.commands.configs import read_config
from training.commands.options import PATH, Invocation, model_options, setting_option
from training.installing import program
from training.stages.steps import OWN
from training.stages.table import DATA_STAGES, DECIDING, QUICK_STAGES, STAGES

HEADLINES = ("rmse", "mae", "r2", "mape", "within_10", "roc_auc", "accuracy", "precision", "recall", "f1")
"""The metrics that a run ends with; the report has all of them."""

if TYPE_CHECKING:
    from training.config import ModelConfig
    from training.config.settings import TrainingSettings
    from training.progress import Progress
    from training.stages.run import TrainResult


def train(
    invocation: Invocation,
    config: Path,
    data: str | None,
    overrides: tuple[str, ...],
    steps: str | None,
    decisions: str | None,
    force: bool,
    json: Path | None,
) -> None:
    """Train a model and print the result.

    Raises:
        TabentoError: the options do not go together, or see ``training.stages.run``.
    """
    settings, progress = invocation.begin(config, moves_registry=True)
    model_config = read_config(config, data, overrides, settings, progress)
    from tabento.errors import TabentoError
    from training.commands.preflight import before_reading, before_training, require_none
    from training.stages.steps import StepsError, make_plan

    if json is not None and not (json.parent.is_dir() and os.access(json.parent, os.W_OK)):
        raise TabentoError(f"--json {json}: its folder does not exist or cannot be written. Create it first.")
    early = before_reading(model_config, settings, data)
    if steps is None:
        if decisions is not None or force:
            raise StepsError("--decisions and --force go with --steps: say which stages run, such as --steps all")
        require_none([*early, *before_training(model_config, settings, data)])
        from training.stages import run

        with _updated_index(model_config, settings):
            result: TrainResult | None = run.train(model_config, data, settings, progress)
    else:
        plan = make_plan(steps, decisions)
        if json is not None and "register" not in plan.steps:
            raise StepsError("--json writes what the stage register has stored, and that is not among the steps")
        late = before_training(model_config, settings, data, steps=plan.steps) if _fits(plan.steps) else []
        require_none([*early, *late])
        from training.stages.run import run_steps

        with _updated_index(model_config, settings):
            _, result = run_steps(model_config, plan, data, settings, progress, force=force)
    if result is not None:
        show(result.config, result, settings, progress)
        if json is not None:
            from tabento.bundle.json_text import json_text

            json.write_text(json_text(summary(result)), encoding="utf-8")


def _updated_index(config: ModelConfig, settings: TrainingSettings) -> AbstractContextManager[object]:
    """Write the page with links to all reports at the end, also if the gate refuses the model."""
    from training.report import write_index_at_end

    return write_index_at_end(settings, config)


def _fits(steps: Sequence[str]) -> bool:
    """Return whether one of these stages fits, proves or stores a model."""
    return any(name not in DATA_STAGES and name != "study" for name in steps)


def show(config: ModelConfig, result: TrainResult, settings: TrainingSettings, progress: Progress) -> None:
    """Print the stored model and its folders, and the metrics as the last lines."""
    from training.report.card import metric_rows
    from training.report.index_page import INDEX_FILE

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
        progress.say("  The data is SYNTHETIC: these metrics say nothing about real data.")


def summary(result: TrainResult) -> dict[str, Any]:
    """Return a result as JSON: tags, metrics and folders."""
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


_STAGES_SECTION = "Stages"
command = SectionedCommand(
    "train",
    callback=click.pass_obj(train),
    help=entries.TRAIN.help,
    epilog=entries.EXAMPLES,
    params=[
        *model_options(),
        SectionedOption(["--json"], type=PATH, metavar="FILE", help="the file that the result is written to, as JSON"),
        SectionedOption(
            ["--steps"],
            metavar="STEPS",
            section=_STAGES_SECTION,
            help=f"all, from:NAME, or names with commas between them, out of {', '.join(STAGES)}; their outputs are kept in"
            f" the artifacts folder, and unchanged stages are skipped (default: {', '.join(QUICK_STAGES)}, in a folder that is"
            " deleted if the run succeeds)",
        ),
        SectionedOption(
            ["--decisions"],
            type=click.Choice((OWN, *DECIDING)),
            metavar="NAME",
            section=_STAGES_SECTION,
            help=f"with --steps: the last stage whose decisions are used, out of {', '.join((OWN, *DECIDING))}; {OWN} means"
            " the config's own (default: the decisions of the stages that are among the steps)",
        ),
        setting_option(
            "--parallel",
            is_flag=True,
            default=None,
            section=_STAGES_SECTION,
            help="with --steps: study the data in a process of its own while the features are studied",
        ),
        SectionedOption(
            ["--force"], is_flag=True, section=_STAGES_SECTION, help="with --steps: run unchanged stages, too"
        ),
    ],
)
