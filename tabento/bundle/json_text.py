"""JSON that every reader accepts: UTF-8, numbers that are not finite are refused, the same text for the same content."""

from __future__ import annotations

import json
from typing import Any


def json_text(value: Any, indent: int = 2) -> str:
    """Return a value as JSON for files that users read, ending with a line break.

    Args:
        value: anything that ``json.dumps`` accepts.
        indent: the number of blanks of each level.

    Raises:
        ValueError: a number is NaN or infinite, which JSON does not have.
        TypeError: the value, or a part of it, has no form in JSON.
    """
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def canonical_json(value: Any) -> str:
    """Return a value as JSON for checksums: keys in alphabetical order, no blanks.

    Raises:
        ValueError: a number is NaN or infinite.
        TypeError: the value, or a part of it, has no form in JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
