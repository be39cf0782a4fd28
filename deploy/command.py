"""Other people's programs, run as processes: what all of ``deploy`` does its work with."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence

from deploy.errors import ImageError

QUESTION_TIMEOUT_S = 60.0
"""A question to an engine that takes longer counts as unanswered: a client may wait for ever for a dead daemon."""

_SHOWN_LINES = 12


def ask(arguments: Sequence[str], timeout_s: float = QUESTION_TIMEOUT_S) -> str:
    """Run a short command and return what it wrote to stdout, without surrounding blanks.

    Raises:
        ImageError: the command is not there, failed, or took longer than ``timeout_s`` seconds.
    """
    try:
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except OSError as error:
        raise ImageError(f"cannot run `{arguments[0]}`: {error.strerror}. Install it, or put it on PATH.") from error
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"`{shlex.join(arguments)}` gave no answer within {timeout_s:g} s.") from error
    if done.returncode != 0:
        said = "\n".join((done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-_SHOWN_LINES:])
        raise ImageError(f"`{shlex.join(arguments)}` ended with status {done.returncode}: {said}")
    return done.stdout.strip()


def watch(arguments: Sequence[str], environment: Mapping[str, str], remedy: str) -> None:
    """Run a long command whose output the caller's terminal shows.

    Args:
        arguments: the command.
        environment: variables on top of those of this process.
        remedy: what to do when it fails, a sentence.

    Raises:
        ImageError: the command is not there or failed.
    """
    try:
        status = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, env={**os.environ, **environment}, check=False
        ).returncode
    except OSError as error:
        raise ImageError(f"cannot run `{arguments[0]}`: {error.strerror}. {remedy}") from error
    if status != 0:
        raise ImageError(
            f"`{shlex.join(arguments)}` ended with status {status}, expected 0; its messages stand above. {remedy}"
        )
