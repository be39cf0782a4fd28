"""The programs that the checks run: kubectl, helm, and the Python of the environment with schemas and policies."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.manifests.errors import ManifestError

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv" / "kubernetes"
"""The environment of ``make manifests``: kubernetes-validate, checkov, and kubectl and helm if this computer has none."""
TIMEOUT_S = 120.0


def find_tool(name: str, environment: Path = ENVIRONMENT) -> Path:
    """Return the path of a program: the one of PATH, else the one of the environment.

    Raises:
        ManifestError: neither exists.
    """
    if path := shutil.which(name):
        return Path(path)
    installed = environment / "bin" / name
    if not installed.is_file():
        raise ManifestError(f"{name} is neither in PATH nor in {environment}/bin. `make manifests` installs it.")
    return installed


def run_tool(
    command: Sequence[str | Path], variables: Mapping[str, str] | None = None, accepted: Sequence[int] = (0,)
) -> str:
    """Run a program and return its output.

    Args:
        command: the program and its arguments.
        variables: environment variables in addition to the present ones.
        accepted: the exit codes that are not an error.

    Raises:
        ManifestError: the program ended with another exit code or took too long.
    """
    words = [str(word) for word in command]
    try:
        process = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            cwd=ROOT,
            env={**os.environ, **(variables or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise ManifestError(
            f"`{' '.join(words)}` did not end within {TIMEOUT_S:g} s. Run it alone to see why."
        ) from error
    if process.returncode not in accepted:
        raise ManifestError(
            f"`{' '.join(words)}` ended with status {process.returncode}:\n{process.stderr.strip() or process.stdout.strip()}"
        )
    return process.stdout
