"""The message with which the supervisor starts the monitor process, on its standard input."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import SecretStr

from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Family


class Start(msgspec.Struct):
    """The start message."""

    settings: dict[str, Any]
    """The values of ``MonitoringSettings``, secrets included: the message is never written anywhere."""
    families: list[Family]
    """The metrics of the workers."""


def start_message(settings: MonitoringSettings, families: tuple[Family, ...]) -> bytes:
    """Return the message as one line of JSON.

    Args:
        settings: the settings, or an object with the same fields and more.
        families: the metrics of the workers.
    """
    values = {name: getattr(settings, name) for name in MonitoringSettings.model_fields}
    return msgspec.json.encode(Start(values, list(families)), enc_hook=_plain_value) + b"\n"


def read_start(line: bytes) -> tuple[MonitoringSettings, tuple[Family, ...]]:
    """Return the settings and the families of a start message."""
    start = msgspec.json.decode(line, type=Start)
    return MonitoringSettings.model_validate(start.settings), tuple(start.families)


def _plain_value(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
