"""The command: ``python -m training COMMAND``, or ``tabento`` for short where it is installed.

``train`` makes a model, quickly or by stages; ``ensure`` makes it only where the store does not have it, and prints
nothing but its tag on stdout; ``data`` looks at the data only; ``evaluate`` cross-validates over all rows; ``retrain``
looks for drift and trains a challenger; ``models`` shows and promotes what is registered; ``import`` adopts a pipeline
that was fitted elsewhere; ``init`` writes a config for a table. Exit codes: 0, 1 for an error that is told in words, 2 for
wrong usage; ``retrain`` and ``models`` have more, see there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from training.adoption.command import add_import, run_import
from training.stages.command import add_steps, run_train

if TYPE_CHECKING:
    from training.config import ModelConfig
    from training.progress import Progress
    from training.settings import TrainingSettings

EXAMPLES = """examples:
  python -m training init rows.csv --target COLUMN
  python -m training train --config configs/NAME.yaml
  python -m training train --config configs/NAME.yaml --data rows.csv --json result.json
  python -m training train --config configs/NAME.yaml --steps all
  python -m training train --config configs/NAME.yaml --steps from:sweep
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
ELSEWHERE = {
    "evaluate": ("training.evaluation.command", "repeated cross-validation over all rows, with intervals"),
    "retrain": ("training.retraining.command", "look for drift, train on new data, and make a challenger"),
    "init": ("training.init.command", "write a config for a table of your own"),
    "models": ("training.registry.command", "list, compare, promote and roll back registered models"),
}
"""Commands whose module is imported only where they are called: what it takes, and what help says of it."""


def build_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        arguments: what it will parse; the options of a command of ``ELSEWHERE`` are there only if it is called.
    """
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
    tracked = argparse.ArgumentParser(add_help=False)
    tracked.add_argument(
        "--runs-folder", type=Path, metavar="DIR", help="gets each run's report, plot and card (default: runs)"
    )
    tracked.add_argument(
        "--tracking-uri", metavar="URI", help="the MLflow server or database (default: in the runs folder)"
    )
    saving = argparse.ArgumentParser(add_help=False, parents=[tracked])
    saving.add_argument(
        "--artifacts-folder", type=Path, metavar="DIR", help="keeps what the stages make (default: artifacts)"
    )
    saving.add_argument(
        "--jobs", type=int, metavar="N", help="how many processes cross-validate (default: as there are cores)"
    )
    saving.add_argument(
        "--tracking",
        action=argparse.BooleanOptionalAction,
        help="whether the run is recorded and the model registered in MLflow (default: yes)",
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
            add_steps(command)
    called = next((word for word in arguments if not word.startswith("-")), None)
    for name, parents in (
        ("evaluate", [common, saving]),
        ("retrain", [common, saving]),
        ("models", [verbose, tracked]),
        ("init", [verbose]),
    ):
        module, help_text = ELSEWHERE[name]
        if name == called:
            getattr(import_module(module), f"add_{name}")(commands, parents)
        else:
            commands.add_parser(name, help=help_text)
    add_import(commands, verbose)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    given = build_parser(words).parse_args(words)
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
    from training.config import ConfigError
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
            artifacts_folder=getattr(given, "artifacts_folder", None),
            jobs=getattr(given, "jobs", None),
            tracking=getattr(given, "tracking", None),
            tracking_uri=getattr(given, "tracking_uri", None),
            download=getattr(given, "download", None),
            allow_synthetic=getattr(given, "allow_synthetic", None),
            verbose=given.verbose,
        )
        verbose = settings.verbose
        for_a_shell = given.command == "ensure" or getattr(given, "print_paths", False)
        progress = Progress(out=sys.stderr if for_a_shell else sys.stdout)
        if given.command == "import":
            run_import(given, settings, progress)
            return 0
        if given.command in ("init", "models", "retrain"):
            module = import_module(ELSEWHERE[given.command][0])
            return int(getattr(module, f"run_{given.command}")(given, settings, progress))
        config = _config(given, settings, progress)
        if given.command == "data":
            _data(config, given.data, settings, progress)
        elif given.command == "ensure":
            _ensure(config, given.data, settings, progress)
        elif given.command == "evaluate":
            import_module(ELSEWHERE["evaluate"][0]).run_evaluate(given, config, settings, progress)
        else:
            run_train(given, config, settings, progress)
    except told as error:
        if verbose:
            raise
        Progress().fail(str(error))
        return 1
    except KeyboardInterrupt:
        Progress().fail("stopped; a model that was not finished is not saved")
        return INTERRUPTED
    return 0


def _config(given: argparse.Namespace, settings: TrainingSettings, progress: Progress) -> ModelConfig:
    """Read the config; if it is wrong, look at the data as well, so that one run tells everything.

    Raises:
        ConfigError: with the faults of the config and of the data.
    """
    from training.config import ConfigError, load_config

    try:
        return load_config(given.config, progress.warn)
    except ConfigError as error:
        if error.usable is None:
            raise
        from training.run import data_faults

        faults = data_faults(error.usable, given.data, settings)
        if faults is None:
            raise
        raise ConfigError(f"{error}\n{faults}") from error


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


if __name__ == "__main__":
    sys.exit(main())
