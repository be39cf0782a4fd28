"""The command: ``python -m training train | ensure | data | import``, or ``tabento`` for short where it is installed.

``train`` makes a model; ``ensure`` makes it only where the store does not have it, and prints nothing but its tag on
stdout; ``data`` looks at the data only; ``import`` adopts a pipeline that was fitted elsewhere. Exit codes: 0, 1 for an
error that is told in words, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.adoption.command import add_import, run_import

if TYPE_CHECKING:
    from training.config import ModelConfig
    from training.progress import Progress
    from training.run import TrainResult
    from training.settings import TrainingSettings

EXAMPLES = """examples:
  python -m training train --config configs/NAME.yaml
  python -m training train --config configs/NAME.yaml --data rows.csv --json result.json
  TAG=$(python -m training ensure --config configs/NAME.yaml)
  python -m training data --config configs/NAME.yaml --no-download
  python -m training import --pipeline model.skops --sample rows.csv --config NAME.yaml

Folders and switches can come from the environment as well, as in
TABENTO_TRAINING_RUNS_FOLDER=runs; the command line wins.
"""
INTERRUPTED = 130
SCRIPT = "tabento"
"""The name under which the command is installed."""
OWN_PACKAGES = ("bundle", "training")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m training",
        description="Turn a config and data, or a fitted pipeline, into a checked model in the BentoML model store.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbose = argparse.ArgumentParser(add_help=False)
    verbose.add_argument("--verbose", action="store_true", default=None, help="show the traceback of an error")
    common = argparse.ArgumentParser(add_help=False, parents=[verbose])
    common.add_argument("--config", type=Path, required=True, metavar="YAML", help="the model's config")
    common.add_argument(
        "--data",
        metavar="CSV",
        help="a CSV file, an http(s) address, or the word synthetic (default: the config's source, else synthetic)",
    )
    common.add_argument("--data-folder", type=Path, metavar="DIR", help="keeps downloaded data (default: data)")
    common.add_argument(
        "--download",
        action=argparse.BooleanOptionalAction,
        help="whether the real data may be downloaded; if not, synthetic data is used at once (default: yes)",
    )
    common.add_argument(
        "--allow-synthetic",
        action=argparse.BooleanOptionalAction,
        help="whether synthetic data may be used at all; if not, the run fails without real data (default: yes)",
    )
    saving = argparse.ArgumentParser(add_help=False)
    saving.add_argument(
        "--runs-folder", type=Path, metavar="DIR", help="gets each run's report, plot and card (default: runs)"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, parents, help_text in (
        ("train", [common, saving], "train, check and store a model"),
        ("ensure", [common, saving], "train only if the store lacks the model; prints its tag alone on stdout"),
        ("data", [common], "fetch and check the data only"),
    ):
        command = commands.add_parser(
            name,
            parents=parents,
            help=help_text,
            description=help_text[0].upper() + help_text[1:] + ".",
            epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == "train":
            command.add_argument("--json", type=Path, metavar="FILE", help="write the result to this file, as JSON")
    add_import(commands, verbose)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit code."""
    given = build_parser().parse_args(arguments)
    try:
        return _run(given)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in sys.builtin_module_names or package in OWN_PACKAGES:
            raise
        print(  # noqa: T201 - what prints otherwise may be what is missing
            f"error: the module {error.name!r} is not installed, so {given.command} cannot run here. Training and"
            " importing need the dependency group `training`: in a checkout run `make setup`, or"
            " `pip install --group training`. What serves a model needs none of it.",
            file=sys.stderr,
        )
        return 1


def _run(given: argparse.Namespace) -> int:
    # Imported here: help and wrong usage answer at once, without scikit-learn and BentoML.
    from bundle.errors import BundleError
    from training.config import ConfigError, load_config
    from training.data.errors import DataError, SplitError
    from training.errors import TrainingError
    from training.export import ExportError
    from training.parity import ParityError
    from training.pipeline import FitError
    from training.progress import Progress
    from training.settings import load_settings

    told = (BundleError, ConfigError, DataError, SplitError, TrainingError, ExportError, ParityError, FitError)
    verbose = bool(given.verbose)
    try:
        settings = load_settings(
            data_folder=getattr(given, "data_folder", None),
            runs_folder=getattr(given, "runs_folder", None),
            download=getattr(given, "download", None),
            allow_synthetic=getattr(given, "allow_synthetic", None),
            verbose=given.verbose,
        )
        verbose = settings.verbose
        progress = Progress(out=sys.stderr if given.command == "ensure" else sys.stdout)
        if given.command == "import":
            run_import(given, settings, progress)
            return 0
        config = load_config(given.config)
        if given.command == "data":
            _data(config, given.data, settings, progress)
        elif given.command == "ensure":
            _ensure(config, given.data, settings, progress)
        else:
            _train(config, given.data, settings, progress, given.json)
    except told as error:
        if verbose:
            raise
        Progress().fail(str(error))
        return 1
    except KeyboardInterrupt:
        Progress().fail("stopped; a model that was not finished is not saved")
        return INTERRUPTED
    return 0


def _train(
    config: ModelConfig, data: str | None, settings: TrainingSettings, progress: Progress, json_file: Path | None
) -> None:
    from training.card import metric_rows
    from training.errors import TrainingError
    from training.run import train
    from training.save import to_json

    if json_file is not None and not (json_file.parent.is_dir() and os.access(json_file.parent, os.W_OK)):
        raise TrainingError(f"--json {json_file}: its folder is not there or cannot be written. Make it first.")
    result = train(config, data, settings, progress)
    target = f"{config.title}, {result.provenance.data} data, test part"
    progress.table(target, metric_rows(config, result.metrics))
    if result.provenance.data == "synthetic":
        progress.say("  The data is SYNTHETIC: these figures say nothing about real data.")
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
            ("in the store", str(result.bundle_folder)),
            ("report", str(result.report_folder)),
        ],
    )
    if json_file is not None:
        json_file.write_text(to_json(summary(result)), encoding="utf-8")


def _ensure(config: ModelConfig, data: str | None, settings: TrainingSettings, progress: Progress) -> None:
    from training.progress import Progress
    from training.run import ensure

    tag = ensure(config, data, settings, progress)
    Progress().say(tag)


def _data(config: ModelConfig, data: str | None, settings: TrainingSettings, progress: Progress) -> None:
    from training.run import prepare

    loaded = prepare(config, data, settings, progress)
    dataset, parts = loaded.dataset, loaded.parts
    progress.listing(
        f"{config.title}: the data is fit for training",
        [
            ("kind", dataset.kind),
            ("source", dataset.source),
            ("sha256", dataset.sha256),
            ("rows", f"{len(parts.train):,} to train, {len(parts.test):,} to test"),
        ],
    )
    missing = parts.train.isna().mean()
    progress.table(
        "Share of missing values, in the training part and in the test part",
        [
            (str(column), f"{missing[column]:.2%}", f"{parts.test[column].isna().mean():.2%}")
            for column in parts.train.columns
            if missing[column] > 0 or parts.test[column].isna().any()
        ]
        or [("none", "", "")],
    )


def summary(result: TrainResult) -> dict[str, Any]:
    """Return a result as JSON: tags, figures and places."""
    return {
        "bundle": result.tags.bundle,
        "pipeline": result.tags.pipeline,
        "metrics": result.metrics,
        "parity": result.parity.model_dump(mode="json"),
        "latency": result.latency.model_dump(mode="json"),
        "gate": result.gate.model_dump(mode="json"),
        "provenance": result.provenance.model_dump(mode="json"),
        "bundle_folder": str(result.bundle_folder),
        "report_folder": str(result.report_folder),
        "seconds": result.seconds,
    }


if __name__ == "__main__":
    sys.exit(main())
