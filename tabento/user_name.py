"""The user's name for records: the name in git's configuration, else the name of the account."""

from __future__ import annotations

import getpass
import subprocess

UNKNOWN = "unknown"
_TIMEOUT_S = 10


def user_name() -> str:
    """Return the user's name: ``git config user.name``, else the name of the account, else ``unknown``."""
    try:
        process = subprocess.run(
            ["git", "config", "user.name"],  # noqa: S607 - git is where the user's PATH has it
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
        if process.stdout.strip():
            return process.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A user in a container can be without a name.
        return UNKNOWN
