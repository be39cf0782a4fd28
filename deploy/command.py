"""Programs of other projects, run as processes: every step of ``deploy`` uses them."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence

from deploy.errors import ImageError

QUESTION_TIMEOUT_S = 60.0
"""A short command that takes longer has failed: an engine's client may wait for a dead daemon without a time limit."""

_MAX_LINES = 12


def run_command(arguments: Sequence[str], timeout_s: float = QUESTION_TIMEOUT_S) -> str:
    """Run a short command and return its standard output without surrounding blanks.

    Raises:
        ImageError: the command does not exist, failed, or took longer than ``timeout_s`` seconds.
    """
    try:
        process = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except OSError as error:
        raise ImageError(f"cannot run `{arguments[0]}`: {error.strerror}. Install it, or put it on PATH.") from error
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"`{shlex.join(arguments)}` did not end within {timeout_s:g} s.") from error
    if process.returncode != 0:
        output = "\n".join(
            (process.stderr.strip() or process.stdout.strip() or "it wrote nothing").splitlines()[-_MAX_LINES:]
        )
        raise ImageError(f"`{shlex.join(arguments)}` ended with status {process.returncode}: {output}")
    return process.stdout.strip()


def watch(arguments: Sequence[str], environment: Mapping[str, str], remedy: str, folder: str | None = None) -> None:
    """Run a long command whose output the caller's terminal shows.

    Args:
        arguments: the command.
        environment: variables to add to the environment of this process.
        remedy: the remedy for a failure, a sentence.
        folder: the working folder of the command; None means the folder of this process.

    Raises:
        ImageError: the command does not exist or failed.
    """
    try:
        status = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, env={**os.environ, **environment}, cwd=folder, check=False
        ).returncode
    except OSError as error:
        raise ImageError(f"cannot run `{arguments[0]}`: {error.strerror}. {remedy}") from error
    if status != 0:
        raise ImageError(
            f"`{shlex.join(arguments)}` ended with status {status}, expected 0; see its messages above. {remedy}"
        )
