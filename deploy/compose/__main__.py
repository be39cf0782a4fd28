"""``python -m deploy.compose``: prepare the secrets of compose.yaml, start it, and print the URLs.

The folder keeps passwords and API keys, so a second start uses the data of the first one. ``--prepare`` writes the folder
and starts nothing.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.compose.alertmanager import write_alertmanager
from deploy.compose.engine import find_compose
from deploy.compose.secret_values import SECRETS_FOLDER, prepare_secrets
from deploy.errors import ImageError, StackError
from deploy.image import PREFIX, find_bento
from monitoring.alerts.prometheus import DEFAULT_RECEIVER_URL

FILE = Path(__file__).with_name("compose.yaml")
FOLDER = Path("runs/compose")
VARIABLES_FILE = "compose.env"
TRACING = ("--profile", "tracing")
"""The options that include the collector."""
READY_DEADLINE_S = 600
"""The time in which all parts must be healthy; the first start downloads images and builds the one of MLflow."""
PAGES = {
    "haproxy": ("TABENTO_PORT", 8080, "predictions and feedback"),
    "mlflow": ("MLFLOW_PORT", 5000, "runs and registered models"),
    "prometheus": ("PROMETHEUS_PORT", 9090, "metrics and rules"),
    "alertmanager": ("ALERTMANAGER_PORT", 9093, "alerts"),
    "grafana": ("GRAFANA_PORT", 3001, "dashboards; user admin, password in secrets/grafana_password"),
}
"""The published parts: the variable and the default of the port, and the content."""


def prepare(folder: Path, image: str, receiver_url: str) -> Path:
    """Write secrets, API keys and configuration, and return the file of variables for compose.

    Args:
        folder: the folder of the stack; it is made if it is missing.
        image: the image of the service.
        receiver_url: the webhook that gets alerts.

    Raises:
        StackError: a file cannot be written.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        prepare_secrets(folder, redis="redis:6379", postgres="postgres:5432")
        write_alertmanager(folder, receiver_url)
        path = folder / VARIABLES_FILE
        path.write_text(f"TABENTO_IMAGE={image}\nTABENTO_COMPOSE_FOLDER={folder}\n", encoding="utf-8")
    except OSError as error:
        raise StackError(f"{folder} cannot be written: {error.strerror}. Choose another one: --folder PATH.") from error
    return path


def prepared_variables(folder: Path) -> Path:
    """Return the file of variables that an earlier start has written.

    Raises:
        StackError: there is none.
    """
    path = folder.resolve() / VARIABLES_FILE
    if not path.is_file():
        raise StackError(
            f"{folder} has no {VARIABLES_FILE}, so nothing was started from it. Name the folder of the start: --folder PATH."
        )
    return path


def compose_command(command: Sequence[str], variables: Path, *arguments: str) -> list[str]:
    """Return a command line for compose.yaml with the prepared variables."""
    return [*command, "--env-file", str(variables), "--file", str(FILE), *arguments]


def page_table(environment: Mapping[str, str]) -> str:
    """Return the URLs of the published parts as text."""
    bind = environment.get("TABENTO_BIND", "127.0.0.1")
    lines = []
    for name, (variable, port, content) in PAGES.items():
        host = bind if name == "haproxy" else "127.0.0.1"
        url = f"http://{host}:{environment.get(variable) or port}"
        lines.append(f"  {name:<13} {url:<24} {content}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.compose", description=__doc__)
    parser.add_argument(
        "--model", default="california", metavar="NAME", help="whose latest image is run (default: %(default)s)"
    )
    parser.add_argument("--image", metavar="NAME:TAG", help="another image of the service, such as one of a registry")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, metavar="PATH", help="secrets and API keys (default: %(default)s)"
    )
    parser.add_argument(
        "--receiver",
        default=DEFAULT_RECEIVER_URL,
        metavar="URL",
        help="the webhook that gets alerts (default: %(default)s)",
    )
    parser.add_argument("--tracing", action="store_true", help="run the OpenTelemetry collector as well")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--prepare", action="store_true", help="write the folder, and start nothing")
    action.add_argument("--down", action="store_true", help="end all containers; volumes stay")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the stack and return 0, or write the error to stderr and return 1."""
    options = _parser().parse_args(arguments)
    try:
        if options.down:
            variables = prepared_variables(options.folder)
            return _run([*compose_command(find_compose(), variables, *TRACING), "down"])
        image = options.image or str(find_bento(PREFIX + options.model).tag)
        variables = prepare(options.folder, image, options.receiver)
        sys.stdout.write(f"prepared: {variables.parent}\n")
        if options.prepare:
            return 0
        command = find_compose()
        profile = TRACING if options.tracing else ()
        start = ["up", "--detach", "--build", "--wait", "--wait-timeout", str(READY_DEADLINE_S)]
        status = _run([*compose_command(command, variables, *profile), *start])
        if status:
            logs_command = shlex.join(compose_command(command, variables, "logs", "--tail", "50"))
            raise StackError(f"not all parts are healthy (status {status}); the reason is in `{logs_command}`.")
    except (StackError, ImageError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    secrets = variables.parent / SECRETS_FOLDER
    sys.stdout.write(
        f"\n{page_table(os.environ)}\n\nAPI keys and passwords: {secrets}\nend it: make compose ARGS=--down\n"
    )
    return 0


def _run(command: Sequence[str]) -> int:
    sys.stdout.write(f"{shlex.join(command)}\n")
    sys.stdout.flush()
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        raise StackError(f"cannot run `{command[0]}`: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
