"""Texts that were copied from another config: a card that describes other data is worse than no card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.config.text import ConfigText, KeyPath, read_text
from training.config.types import ConfigError

if TYPE_CHECKING:
    from training.config.model import ModelConfig

CHARACTERS_MIN = 30
"""Shorter texts may be equal by chance."""
FILES_MAX = 50
"""The number of configs of the same folder that are compared."""
_SECTIONS = ("title", "description", "card")


def copied_texts(config: ModelConfig, text: ConfigText) -> list[str]:
    """Return a warning for each config of the same folder that has the same texts about the model and its data.

    A config with the same target is another model of the same data, so its texts can be the same.
    """
    if text.path is None:
        return []
    own_texts = {content: path for path, content in _texts(text.data)}
    if not own_texts:
        return []
    warnings = []
    for file in sorted(text.path.resolve().parent.glob("*.yaml"))[:FILES_MAX]:
        if file == text.path.resolve() or not any(
            content[:CHARACTERS_MIN].encode() in _bytes(file) for content in own_texts
        ):
            continue
        other_config = _data(file)
        target = other_config.get("target")
        if other_config.get("name") == config.name or (
            isinstance(target, dict) and target.get("name") == config.target.name
        ):
            continue
        shared_paths = [own_texts[content] for _, content in _texts(other_config) if content in own_texts]
        if shared_paths:
            keys = ", ".join(dict.fromkeys(f"{_key(path)} (line {text.line(path)})" for path in shared_paths))
            warnings.append(
                f"{text.path}: {keys}: word for word as in {file.name}, which is about other data. The cards of this"
                " model would describe that data: rewrite these texts, or remove them."
            )
    return warnings


def _texts(data: Any) -> Iterator[tuple[KeyPath, str]]:
    """Yield the long texts of the sections that users read, with their places."""
    waiting: list[tuple[KeyPath, Any]] = [((key,), data.get(key)) for key in _SECTIONS]
    while waiting:
        path, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), inner) for index, inner in enumerate(value)]
        elif isinstance(value, str) and len(value) >= CHARACTERS_MIN:
            yield path, value


def _key(path: KeyPath) -> str:
    return ".".join(str(part) for part in path if isinstance(part, str))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _data(file: Path) -> dict[str, Any]:
    try:
        data = read_text(file).data
    except ConfigError:
        return {}
    return data if isinstance(data, dict) else {}
