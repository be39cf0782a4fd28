"""The folder of the monitor's files: whether it can be written, and the warning if it cannot."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def folder_problem(folder: Path) -> str | None:
    """Make a folder if it is missing, and return the message if files cannot be written in it; None if they can.

    The rights of the folder do not say it: its file system may be read-only or full. So a file is written and removed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".write-test-") as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        return (
            f"the folder of monitoring, {folder.absolute()}, cannot be written by user {os.geteuid()}: {error.strerror or error}. Predictions"
            " are answered, but no prediction log, feedback, drift window or state of an alert is kept. Mount a volume that this"
            " user can write, name another folder with TABENTO_MONITORING_FOLDER, or set TABENTO_MONITORING=false."
        )
    return None
