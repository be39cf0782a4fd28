"""The command: ``python -m training COMMAND``, or ``tabento`` for short where it is installed.

``train`` makes a model, quickly or by stages; ``ensure`` makes it only where the store does not have it, and prints
nothing but its tag on stdout; ``record`` enters into MLflow what ``ensure --record-later`` has stored; ``data`` looks at
the data only; ``evaluate`` cross-validates over all rows; ``retrain`` looks for drift and trains a challenger; ``models``
shows and promotes what is registered; ``import`` adopts a pipeline that was fitted elsewhere; ``init`` writes a config for
a table; ``serve`` serves a model, ``bento`` packs one. Exit codes: 0, 1 for an error that is told in words, 2 for wrong
usage; ``retrain`` and ``models`` have more, see there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from training.adoption.command import add_import, run_import
from training.commands.configs import add_overrides
from training.commands.version import ShowVersion
from training.installing import install_command
from training.stages.command import add_steps, run_train

if TYPE_CHECKING:
    from training.settings import TrainingSettings

EXAMPLES = """examples:
  python -m training init rows.csv --target COLUMN
  python -m training train --config configs/NAME.yaml
  python -m training train --config configs/NAME.yaml --data rows.csv --json result.json
  python -m training train --config configs/NAME.yaml --set estimator.params.max_iter=200
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
FORMER_DATABASE = "mlflow.db"
"""Where the registry was in the runs folder, see ``training.tracking.former_place``."""
OWN_PACKAGES = ("bundle", "training")
ELSEWHERE = {
    "evaluate": ("training.evaluation.command", "repeated cross-validation over all rows, with intervals"),
    "retrain": ("training.retraining.command", "look for drift, train on new data, and make a challenger"),
    "init": ("training.init.command", "write a config for a table of your own"),
    "models": ("training.registry.command", "list, compare, promote and roll back registered models"),
    "serve": ("training.commands.serve", "serve a stored model, or that of a config"),
    "bento": ("training.commands.bento", "build a Bento that holds a stored model"),
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
    parser.add_argument("--version", action=ShowVersion)
    verbose = argparse.ArgumentParser(add_help=False)
    verbose.add_argument("--verbose", action="store_true", default=None, help="show the traceback of an error")
    sourced = argparse.ArgumentParser(add_help=False, parents=[verbose])
    sourced.add_argument(
        "--data",
        metavar="CSV",
        help="a CSV file, an http(s) address, or the word synthetic (default: the config's source, else synthetic)",
    )
    sourced.add_argument("--data-folder", type=Path, metavar="DIR", help="keeps downloaded data (default: data)")
    sourced.add_argument(
        "--download",
        action=argparse.BooleanOptionalAction,
        help="whether the real data may be downloaded; if not, synthetic data is used at once (default: yes)",
    )
    sourced.add_argument(
        "--allow-synthetic",
        action=argparse.BooleanOptionalAction,
        help="whether synthetic data may be used at all; if not, the run fails without real data (default: yes)",
    )
    add_overrides(sourced)
    common = argparse.ArgumentParser(add_help=False, parents=[sourced])
    common.add_argument("--config", type=Path, required=True, metavar="YAML", help="the model's config")
    tracked = argparse.ArgumentParser(add_help=False)
    tracked.add_argument(
        "--runs-folder", type=Path, metavar="DIR", help="gets each run's report, plot and card (default: runs)"
    )
    tracked.add_argument(
        "--tracking-uri", metavar="URI", help="the MLflow server or database (default: in the registry folder)"
    )
    tracked.add_argument(
        "--registry-folder", type=Path, metavar="DIR", help="keeps the registry; back it up (default: registry)"
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
        ("record", [common, saving], "record what `ensure --record-later` has stored, in MLflow"),
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
        elif name == "ensure":
            command.add_argument(
                "--record-later",
                action="store_true",
                help="leave the record in MLflow to `tabento record`, so that the model can be served at once",
            )
    called = next((word for word in arguments if not word.startswith("-")), None)
    for name, parents in (
        ("evaluate", [common, saving]),
        ("retrain", [common, saving]),
        ("models", [verbose, tracked]),
        ("serve", [sourced, saving]),
        ("bento", [verbose]),
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
            f" importing need more packages than serving does. Install them: {install_command()}",
            file=sys.stderr,
        )
        return 1


def _run(given: argparse.Namespace) -> int:
    # Imported here: help and wrong usage answer at once, without scikit-learn and BentoML.
    from bundle.errors import BundleError
    from training.commands.configs import read_config
    from training.errors import ConfigError, TrainingError
    from training.preflight import before_reading, require_home, require_none
    from training.progress import Progress

    told = (BundleError, TrainingError)
    verbose = bool(given.verbose)
    try:
        if getattr(given, "config", None) is not None and given.command != "import" and not given.config.exists():
            raise ConfigError(f"there is no config {given.config}")
        from training.settings import load_settings
        from training.unrecorded import finish_records

        settings = load_settings(
            data_folder=getattr(given, "data_folder", None),
            runs_folder=getattr(given, "runs_folder", None),
            registry_folder=getattr(given, "registry_folder", None),
            artifacts_folder=getattr(given, "artifacts_folder", None),
            jobs=getattr(given, "jobs", None),
            parallel=getattr(given, "parallel", None),
            tracking=getattr(given, "tracking", None),
            tracking_uri=getattr(given, "tracking_uri", None),
            download=getattr(given, "download", None),
            allow_synthetic=getattr(given, "allow_synthetic", None),
            verbose=given.verbose,
        )
        verbose = settings.verbose
        for_a_shell = given.command == "ensure" or getattr(given, "print_paths", False)
        progress = Progress(out=sys.stderr if for_a_shell else sys.stdout)
        if given.command in ("models", "retrain", "train", "ensure", "serve"):
            _move_registry(settings)
        if given.command in ("models", "import", "evaluate", "retrain"):
            require_home()
        if given.command == "import":
            run_import(given, settings, progress)
            return 0
        if given.command in ("models", "retrain"):
            finish_records(settings, Progress(out=sys.stderr))
        if given.command in ("init", "models", "retrain", "serve", "bento"):
            module = import_module(ELSEWHERE[given.command][0])
            return int(getattr(module, f"run_{given.command}")(given, settings, progress))
        config = read_config(given, settings, progress)
        if given.command == "data":
            from training.commands.data import run_data

            require_none(before_reading(config, settings, given.data))
            run_data(config, given.data, settings, progress)
        elif given.command == "ensure":
            from training.commands.ensure import ensured_tag

            tag = ensured_tag(config, given.data, settings, progress, record_later=given.record_later)
            Progress().say(tag)
        elif given.command == "record":
            return 0 if finish_records(settings, progress, config.name) else 1
        elif given.command == "evaluate":
            from training.preflight.packages import package_problems

            require_none([*before_reading(config, settings, given.data), *package_problems(config, ())])
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


def _move_registry(settings: TrainingSettings) -> None:
    """Move a registry from where it was in former versions, and say so on stderr."""
    if settings.tracking_uri is None and (settings.runs_folder / FORMER_DATABASE).is_file():
        from training.tracking.former_place import move_former_registry

        if (move := move_former_registry(settings)) is not None:
            print(move.in_words, file=sys.stderr)  # noqa: T201 - stdout is for what is asked for


if __name__ == "__main__":
    sys.exit(main())
