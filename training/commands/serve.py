"""``tabento serve``: serve a stored model, or the model of a config, which is trained first if it is not stored."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import training
from training.errors import TrainingError
from training.preflight import port_problem, require_none
from training.preflight.home import home_problem

if TYPE_CHECKING:
    from training.progress import Progress
    from training.settings import TrainingSettings

EXAMPLES = """examples:
  tabento serve --config configs/NAME.yaml
  tabento serve --config configs/NAME.yaml --data rows.csv --port 3001
  tabento serve NAME
  tabento serve $(tabento models resolve NAME@champion --fetch)

With --config the model is trained first if it is not stored. Without it the store must have
the model; NAME alone means the latest version. Ctrl-C ends the service.
"""
HOST, PORT = "127.0.0.1", 3000
SILENT = {"BENTOML_DO_NOT_TRACK": "True", "ORT_DISABLE_TELEMETRY": "1"}
"""Nothing is reported to third parties, unless the environment says otherwise."""


def add_serve(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``serve``.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
        parents: parsers with ``--data`` and the other options of commands that train, but without ``--config``.
    """
    command = commands.add_parser(
        "serve",
        parents=list(parents),
        help="serve a stored model, or that of a config",
        description="Serve a model over HTTP. That the port is free is checked before anything else is done.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("model", nargs="?", metavar="NAME[:VERSION]", help="a model of the store")
    which.add_argument("--config", type=Path, metavar="YAML", help="the config of a model")
    command.add_argument("--host", default=HOST, help=f"the address to listen at (default: {HOST})")
    command.add_argument("--port", type=int, default=PORT, help=f"the port to listen at (default: {PORT})")


def run_serve(given: argparse.Namespace, settings: TrainingSettings, progress: Progress) -> int:
    """Put BentoML's server in the place of this process.

    Raises:
        PreflightError: the port is taken, or something else stands in the way; nothing was trained.
        BundleNotFoundError: the store does not have the model.
        TrainingError: the server cannot be started.
        Exception: as for ``training.stored.ensure``.
    """
    problem = port_problem(given.host, given.port)
    if given.config is not None:
        from training.commands.configs import read_config
        from training.commands.ensure import ensured_tag

        config = read_config(given, settings, progress)
        problems = [problem] if problem else []
        tag = ensured_tag(config, given.data, settings, progress, problems=problems, record_later=True)
    else:
        require_none([problem, home_problem()])
        from bundle.store import load_bundle

        tag = load_bundle(given.model).tag
    progress.say(f"Serving {tag} at {address(given.host, given.port)} (its page: /docs; stop with Ctrl-C)")
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)
    if given.config is not None and settings.tracking:
        # Beside the service, so that the first prediction does not wait for MLflow; what is not finished, a later command does.
        subprocess.Popen(record_command(given), stdin=subprocess.DEVNULL, stdout=sys.stderr)  # noqa: S603
    command = serve_command(tag, given.host, given.port)
    try:
        os.execv(command[0], command)  # noqa: S606 - its own interpreter
    except OSError as error:
        raise TrainingError(
            f"the server cannot be started with {command[0]}: {error.strerror}. Install Tabento anew (`make setup`)."
        ) from error


def serve_command(tag: str, host: str, port: int) -> list[str]:
    """Return the command that serves a bundle from wherever it is called; ``service.py`` lies beside this package."""
    folder = str(Path(training.__file__).resolve().parents[1])
    service = ["-m", "bentoml", "serve", "service:Tabento", "--working-dir", folder, "--arg", f"model={tag}"]
    return [sys.executable, *service, "--host", host, "--port", str(port)]


def record_command(given: argparse.Namespace) -> list[str]:
    """Return the command that enters into MLflow what was stored and is not recorded yet, with the least priority."""
    options = [word for override in given.overrides for word in ("--set", override)]
    for name in ("runs_folder", "registry_folder", "artifacts_folder", "tracking_uri"):
        if (value := getattr(given, name)) is not None:
            options += [f"--{name.replace('_', '-')}", str(value)]
    return ["nice", "-n", "19", sys.executable, "-m", "training", "record", "--config", str(given.config), *options]


def address(host: str, port: int) -> str:
    """Return the address at which a person on this machine reaches the service."""
    here = {"0.0.0.0": HOST, "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{here}]:{port}" if ":" in here else f"http://{here}:{port}"
