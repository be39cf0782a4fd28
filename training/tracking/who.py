"""Who does something, for records that others read: the name that git knows, else that of the account."""

from __future__ import annotations

import getpass
import subprocess

UNKNOWN = "unknown"
_TIMEOUT_S = 10


def who() -> str:
    """Return the user's name: ``git config user.name``, else the account's, else ``unknown``."""
    try:
        done = subprocess.run(
            ["git", "config", "user.name"],  # noqa: S607 - git is where the user's PATH has it
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
        if done.stdout.strip():
            return done.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name at all.
        return UNKNOWN
