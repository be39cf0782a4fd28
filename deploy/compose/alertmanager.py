"""The configuration of Alertmanager, generated from the same table as deploy/prometheus, with the receiver of a stack."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.errors import StackError
from monitoring.alerts.generate import SETTINGS_FILE, read_settings
from monitoring.alerts.prometheus import ALERTMANAGER_FILE, all_files

ROOT = Path(__file__).parents[2]


def write_alertmanager(folder: Path, receiver_url: str) -> None:
    """Write the configuration of Alertmanager into the folder of a stack.

    Args:
        folder: the folder, which exists.
        receiver_url: the webhook that gets alerts.

    Raises:
        StackError: the settings of alerts are impossible, or the file cannot be written.
    """
    try:
        text = all_files(read_settings(ROOT / SETTINGS_FILE, os.environ), receiver_url)[ALERTMANAGER_FILE]
        (folder / ALERTMANAGER_FILE).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise StackError(f"the configuration of Alertmanager: {error}") from error
