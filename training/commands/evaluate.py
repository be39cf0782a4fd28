"""``tabento evaluate``: repeated cross-validation, and its report."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabento.command_line.commands import SectionedCommand, SectionedOption
from training.commands.configs import read_config
from training.commands.options import PATH, Invocation, model_options
from training.commands.preflight import before_reading, require_none
from training.commands.preflight.packages import package_problems

if TYPE_CHECKING:
    from training.config import Decisions, ModelConfig
    from training.config.settings import TrainingSettings
    from training.progress import Progress

FOLDER = "evaluation"
"""The folder of the report inside the model's folder of runs."""
EXAMPLES = """examples:
  tabento evaluate --config configs/NAME.yaml --data rows.csv
  tabento evaluate --config configs/NAME.yaml --data rows.csv --decisions best_params.yaml

The config's section `evaluation` says how many folds and repeats. No model is selected or stored:
the result is for people.
"""


def evaluate(
    invocation: Invocation,
    config: Path,
    data: str | None,
    overrides: tuple[str, ...],
    decisions_file: Path | None,
    report_folder: Path | None,
) -> None:
    """Load the rows, evaluate, write the report and print its metrics.

    The report replaces an older one only when it is complete.

    Raises:
        DataError: the data is not available or not what the config says.
        ConfigError, FitError: the decisions cannot be read, or the pipeline cannot be built or fitted.
        TabentoError: synthetic data may not be used and there is no other, or the report cannot be written.
    """
    settings, progress = invocation.begin(config, needs_home=True)
    model_config = read_config(config, data, overrides, settings, progress)
    require_none([*before_reading(model_config, settings, data), *package_problems(model_config, ())])
    _evaluate(model_config, data, decisions_file, report_folder, settings, progress)


def _evaluate(
    config: ModelConfig,
    data: str | None,
    decisions_file: Path | None,
    report_folder: Path | None,
    settings: TrainingSettings,
    progress: Progress,
) -> None:
    from tabento.errors import TabentoError
    from training.report import write_index
    from training.stages import evaluation
    from training.stages.run import prepare

    decisions = _decisions(config, decisions_file)
    folder: Path = report_folder or settings.runs_folder / config.name / FOLDER
    loaded = prepare(config, data, settings, progress)
    dataset, config = loaded.dataset, loaded.parts.config
    description = f"{dataset.kind}, {dataset.source}, sha256 {dataset.sha256[:12]}…"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as new_folder:
            report = evaluation.evaluate(
                config, dataset.frame, decisions, Path(new_folder), progress, data=description, n_jobs=settings.jobs
            )
            for file in sorted(Path(new_folder).iterdir()):
                file.replace(folder / file.name)
    except OSError as error:
        raise TabentoError(
            f"the report could not be written to {folder}: {error.strerror or error}."
            " Choose another folder with --report-folder."
        ) from error
    write_index(settings, config.name, title=config.title, unit=config.target.unit)
    progress.listing("Written", [("report", str(folder))])
    _show(report, config, progress)


def _decisions(config: ModelConfig, path: Path | None) -> Decisions:
    """Read decisions from a file, or return the config's own.

    Raises:
        ConfigError: the file is missing, is not valid YAML, or does not hold decisions.
    """
    from training.config import Decisions, load_as

    return config.decisions() if path is None else load_as(path, Decisions, "does not hold decisions")


def _show(report: Any, config: ModelConfig, progress: Progress) -> None:
    from training.report.evaluation.markdown import format_metric, metric_label

    for variant in report.variants:
        progress.table(
            f"{report.title}, {variant.name}: {report.folds} folds × {report.repeats} over {report.rows:,} rows",
            [
                ("", "mean", f"{report.confidence:.0%} interval", "sd of folds", "pooled"),
                *(
                    (
                        metric_label(metric, config),
                        format_metric(figure.mean),
                        f"{format_metric(figure.low)} to {format_metric(figure.high)}",
                        format_metric(figure.sd),
                        format_metric(variant.pooled[metric]),
                    )
                    for metric, figure in variant.figures.items()
                ),
            ],
        )


command = SectionedCommand(
    "evaluate",
    callback=click.pass_obj(evaluate),
    help="Measure the procedure that a config describes by repeated cross-validation over all rows.",
    epilog=EXAMPLES,
    params=[
        *model_options(),
        SectionedOption(
            ["--decisions", "decisions_file"],
            type=PATH,
            metavar="YAML",
            help="the decisions to fit, as a sweep writes them into best_params.yaml (default: the config's)",
        ),
        SectionedOption(
            ["--report-folder"],
            type=PATH,
            metavar="DIR",
            help=f"the folder of evaluation.json, .md and .png (default: <runs folder>/NAME/{FOLDER})",
        ),
    ],
)
