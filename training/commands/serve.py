"""``tabento serve``: serve a stored model, or the model of a config, which is trained first if it is not stored."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

import training
from tabento.command_line.commands import SectionedCommand, SectionedOption, verbose_option
from tabento.errors import TabentoError
from training.commands.configs import read_config
from training.commands.options import Invocation, config_option, data_options, training_options
from training.commands.preflight import port_problem, require_none
from training.commands.preflight.home import home_problem
from training.stages.startup_check import address_problem

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


def serve(
    invocation: Invocation,
    model: str | None,
    config: Path | None,
    data: str | None,
    overrides: tuple[str, ...],
    host: str,
    port: int,
) -> None:
    """Replace this process by BentoML's server.

    Raises:
        UsageError: neither or both of a model and a config are given.
        PreflightError: the port is taken, the service has no API keys for the address, or another problem was found; nothing was trained.
        BundleNotFoundError: the store does not have the model.
        TabentoError: the server cannot be started.
        Exception: as for ``training.stages.stored_model.ensure_model``.
    """
    if (model is None) == (config is None):
        raise click.UsageError("give either the NAME of a stored model or --config YAML")
    settings, progress = invocation.begin(config, moves_registry=True)
    problems = [problem for problem in (port_problem(host, port), address_problem(host)) if problem]
    if config is not None:
        from training.commands.ensure import ensured_tag

        model_config = read_config(config, data, overrides, settings, progress)
        tag = ensured_tag(model_config, data, settings, progress, problems=problems, record_later=True)
    else:
        require_none([*problems, home_problem()])
        from tabento.bundle.store import load_bundle

        assert model is not None
        tag = load_bundle(model).tag
    progress.say(f"Serving {tag} at {address(host, port)} (its page: /docs; stop with Ctrl-C)")
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)
    if config is not None and settings.tracking:
        # In parallel with the service: the first prediction does not wait for MLflow. A later command finishes the rest.
        record = record_command(config, overrides, invocation.values)
        subprocess.Popen(record, stdin=subprocess.DEVNULL, stdout=sys.stderr)  # noqa: S603 - its own interpreter
    command = serve_command(tag, host, port)
    try:
        os.execv(command[0], command)  # noqa: S606 - its own interpreter
    except OSError as error:
        raise TabentoError(
            f"the server cannot be started with {command[0]}: {error.strerror}. Install Tabento again (`make setup`)."
        ) from error


def serve_command(tag: str, host: str, port: int) -> list[str]:
    """Return the command that serves a bundle from any working folder; ``service.py`` is next to this package."""
    folder = str(Path(training.__file__).resolve().parents[1])
    service = ["-m", "bentoml", "serve", "service:Tabento", "--working-dir", folder, "--arg", f"model={tag}"]
    return [sys.executable, *service, "--host", host, "--port", str(port)]


def record_command(config: Path, overrides: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Return the command that enters stored models into MLflow that are not recorded yet, with the least priority.

    Args:
        config: the model's config.
        overrides: the values of ``--set``.
        values: the settings of the command line.
    """
    options = [word for override in overrides for word in ("--set", override)]
    for name in ("runs_folder", "registry_folder", "artifacts_folder", "tracking_uri"):
        if (value := values.get(name)) is not None:
            options += [f"--{name.replace('_', '-')}", str(value)]
    return ["nice", "-n", "19", sys.executable, "-m", "training", "record", "--config", str(config), *options]


def address(host: str, port: int) -> str:
    """Return the address at which a user on this computer reaches the service."""
    reachable = {"0.0.0.0": HOST, "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


command = SectionedCommand(
    "serve",
    callback=click.pass_obj(serve),
    help="Serve a model over HTTP. Whether the port is free is checked before anything else is done.",
    epilog=EXAMPLES,
    params=[
        click.Argument(["model"], required=False, metavar="[NAME[:VERSION]]", help="a model of the store"),
        config_option(required=False),
        SectionedOption(["--host"], default=HOST, metavar="HOST", help=f"the address to listen at (default: {HOST})"),
        SectionedOption(
            ["--port"], type=int, default=PORT, metavar="PORT", help=f"the port to listen at (default: {PORT})"
        ),
        *data_options(),
        *training_options(),
        verbose_option(),
    ],
)
