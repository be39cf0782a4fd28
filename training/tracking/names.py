"""Keys and values as MLflow takes them: one level, no odd characters, of limited length."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

KEY_LIMIT = 250
VALUE_LIMIT = 6000
"""MLflow 3 cuts a parameter's value here, and says so in a warning; tags may be longer."""
_ODD = re.compile(r"[^/\w.\- :]")


def key(name: str) -> str:
    """Return a name as a key: characters that MLflow refuses become ``_``."""
    return (_ODD.sub("_", name).strip("/. ") or "_")[:KEY_LIMIT]


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values as one level of texts: ``{"a": {"b": 1}}`` gives ``{"a.b": "1"}``.

    Lists become JSON. Of two names that become the same key the later one gets a number behind it.
    """
    flat: dict[str, str] = {}
    for name, value in values.items():
        full = f"{prefix}.{name}" if prefix else str(name)
        inner = flatten(value, full) if isinstance(value, Mapping) and value else {key(full): text(value)}
        for one, content in inner.items():
            flat[_free(one, flat)] = content
    return flat


def keys(values: Mapping[str, float]) -> dict[str, float]:
    """Return numbers under keys that MLflow takes, none lost."""
    flat: dict[str, float] = {}
    for name, value in values.items():
        flat[_free(key(name), flat)] = float(value)
    return flat


def text(value: Any) -> str:
    """Return a value as text: a string as it is, all else as JSON; what is too long ends in ``…``."""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return written if len(written) <= VALUE_LIMIT else written[: VALUE_LIMIT - 1] + "…"


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """Return the name, or the name with the first number that makes it new."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[: KEY_LIMIT - 8]}_{number}"
    return free
