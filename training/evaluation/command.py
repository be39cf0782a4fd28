"""``tabento evaluate``: its options, and what a person reads at its end."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.config import Decisions, ModelConfig
    from training.progress import Progress
    from training.settings import TrainingSettings

FOLDER = "evaluation"
"""Where the report goes inside the model's folder of runs."""
EXAMPLES = """examples:
  tabento evaluate --config configs/NAME.yaml --data rows.csv
  tabento evaluate --config configs/NAME.yaml --data rows.csv --decisions best_params.yaml

The config's section `evaluation` says how many folds and repeats. Nothing is chosen or stored:
the figure is for people.
"""


def add_evaluate(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``evaluate``.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
        parents: parsers with ``--config``, ``--data`` and the other options of commands that read data.
    """
    command = commands.add_parser(
        "evaluate",
        parents=list(parents),
        help="repeated cross-validation over all rows, with intervals",
        description="Measure the procedure that a config describes by repeated cross-validation over all rows.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--decisions",
        dest="decisions_file",
        type=Path,
        metavar="YAML",
        help="what is fitted, as a sweep writes it into best_params.yaml (default: what the config says)",
    )
    command.add_argument(
        "--report-folder",
        type=Path,
        metavar="DIR",
        help=f"gets evaluation.json, .md and .png (default: <runs folder>/NAME/{FOLDER})",
    )


def run_evaluate(
    given: argparse.Namespace, config: ModelConfig, settings: TrainingSettings, progress: Progress
) -> None:
    """Run the subcommand: load the rows, evaluate, write the report and show its figures.

    The report replaces an older one only when it is whole.

    Raises:
        DataError: the data cannot be had or is not what the config says.
        ConfigError, FitError: the decisions cannot be read, or the pipeline cannot be built or fitted.
        TrainingError: synthetic data may not be used and there is no other, or the report cannot be written.
    """
    from training.errors import TrainingError
    from training.evaluation.evaluate import evaluate
    from training.reports import write_index
    from training.run import prepare

    decisions = _decisions(config, given.decisions_file)
    folder: Path = given.report_folder or settings.runs_folder / config.name / FOLDER
    loaded = prepare(config, given.data, settings, progress)
    dataset, config = loaded.dataset, loaded.parts.config
    data = f"{dataset.kind}, {dataset.source}, sha256 {dataset.sha256[:12]}…"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
            report = evaluate(config, dataset.frame, decisions, Path(made), progress, data=data, n_jobs=settings.jobs)
            for file in sorted(Path(made).iterdir()):
                file.replace(folder / file.name)
    except OSError as error:
        raise TrainingError(
            f"the report could not be written to {folder}: {error.strerror or error}."
            " Choose another folder with --report-folder."
        ) from error
    write_index(settings, config.name, title=config.title, unit=config.target.unit)
    progress.listing("Written", [("report", str(folder))])
    _show(report, config, progress)


def _decisions(config: ModelConfig, path: Path | None) -> Decisions:
    """Read decisions from a file, or take the config's own.

    Raises:
        ConfigError: the file is missing, is no YAML, or does not hold decisions.
    """
    from training.config import Decisions, load_as

    return config.decisions() if path is None else load_as(path, Decisions, "does not hold decisions")


def _show(report: Any, config: ModelConfig, progress: Progress) -> None:
    from training.evaluation.markdown import metric_label, short

    for variant in report.variants:
        progress.table(
            f"{report.title}, {variant.name}: {report.folds} folds × {report.repeats} over {report.rows:,} rows",
            [
                ("", "mean", f"{report.confidence:.0%} interval", "sd of folds", "pooled"),
                *(
                    (
                        metric_label(metric, config),
                        short(figure.mean),
                        f"{short(figure.low)} to {short(figure.high)}",
                        short(figure.sd),
                        short(variant.pooled[metric]),
                    )
                    for metric, figure in variant.figures.items()
                ),
            ],
        )
