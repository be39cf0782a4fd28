"""JSON files of the stages: readable by people, the same bytes for the same content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON in UTF-8 that every reader takes.

    Raises:
        ValueError: a number is NaN or infinite.
        OSError: the file cannot be written.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
