"""JSON files of the stages: readable, with the same bytes for the same content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tabento.bundle.json_text import json_text


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON in UTF-8.

    Raises:
        ValueError: a number is NaN or infinite.
        OSError: the file cannot be written.
    """
    path.write_text(json_text(value), encoding="utf-8")
