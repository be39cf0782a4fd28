"""``python -m monitoring.alerts.generate [FOLDER]``: write the files for Prometheus and Alertmanager.

The settings are the ones of the service: ``configs/serving.yaml`` and ``TABENTO_ALERT_…`` variables.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from monitoring.alerts.prometheus import DEFAULT_RECEIVER_URL, all_files
from monitoring.settings import MonitoringSettings

SETTINGS_FILE = Path("configs/serving.yaml")
FOLDER = Path("deploy/prometheus")
ENV_PREFIX = "TABENTO_"


def read_settings(path: Path, environment: Mapping[str, str]) -> MonitoringSettings:
    """Return the settings of alerts from a YAML file and, before it, from the environment.

    Raises:
        ValueError: the file is not a YAML mapping, or a setting is impossible.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must have keys and values, got {type(content).__name__}")
    names = [name for name in MonitoringSettings.model_fields if name == "monitoring" or name.startswith("alert_")]
    values = {name: content[name] for name in names if name in content}
    variables = {name: environment.get(ENV_PREFIX + name.upper()) for name in names}
    # A null of the file is written as an empty variable or as null.
    values |= {
        name: None if text.lower() in ("", "null") else text for name, text in variables.items() if text is not None
    }
    values.pop("alert_webhook_url", None)  # a secret of the service, which no file contains
    try:
        return MonitoringSettings.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors(include_url=False))
        raise ValueError(f"impossible settings: {faults}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; with ``--check`` return 1 if one of them is missing or stale."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.alerts.generate", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="the folder (default: %(default)s)")
    parser.add_argument("--settings", type=Path, default=SETTINGS_FILE, help="the settings (default: %(default)s)")
    parser.add_argument(
        "--receiver", default=DEFAULT_RECEIVER_URL, metavar="URL", help="the webhook of Alertmanager's receiver"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is missing or stale")
    options = parser.parse_args(arguments)
    try:
        files = all_files(read_settings(options.settings, os.environ), options.receiver)
        stale = [name for name, text in files.items() if not _is_current(options.folder / name, text)]
        if options.check:
            if stale:
                sys.stderr.write(f"stale in {options.folder}: {', '.join(stale)}; run python -m {__spec__.name}\n")
            return 1 if stale else 0
        options.folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (options.folder / name).write_text(files[name], encoding="utf-8")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{options.folder}: {len(files)} files, {len(stale)} of them changed\n")
    return 0


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
