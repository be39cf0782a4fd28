"""Keys and values in the form that MLflow accepts: one level, allowed characters, limited length."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

KEY_LIMIT = 250
VALUE_LIMIT = 6000
"""MLflow 3 truncates a parameter's value to this length with a warning. Tags can be longer."""
_ODD = re.compile(r"[^/\w.\- :]")


def key(name: str) -> str:
    """Return a name as a key: characters that MLflow refuses become ``_``."""
    return (_ODD.sub("_", name).strip("/. ") or "_")[:KEY_LIMIT]


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values as one level of texts: ``{"a": {"b": 1}}`` gives ``{"a.b": "1"}``.

    Lists become JSON. If two names become the same key, the later key gets a number.
    """
    flat: dict[str, str] = {}
    for name, value in values.items():
        full = f"{prefix}.{name}" if prefix else str(name)
        inner = flatten(value, full) if isinstance(value, Mapping) and value else {key(full): text(value)}
        for inner_key, content in inner.items():
            flat[_free(inner_key, flat)] = content
    return flat


def keys(values: Mapping[str, float]) -> dict[str, float]:
    """Return numbers under keys that MLflow accepts. All numbers are kept."""
    flat: dict[str, float] = {}
    for name, value in values.items():
        flat[_free(key(name), flat)] = float(value)
    return flat


def text(value: Any) -> str:
    """Return a value as text: a string unchanged, other values as JSON. Long texts are truncated with ``…``."""
    content = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return content if len(content) <= VALUE_LIMIT else content[: VALUE_LIMIT - 1] + "…"


def _free(name: str, used_names: Mapping[str, Any]) -> str:
    """Return the name, or the name with the first number that makes it new."""
    number, free = 1, name
    while free in used_names:
        number += 1
        free = f"{name[: KEY_LIMIT - 8]}_{number}"
    return free
