"""Texts that were copied from another config: a card that speaks of other data is worse than none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.config.text import ConfigText, Path_, read_text
from training.config.types import ConfigError

if TYPE_CHECKING:
    from training.config.model import ModelConfig

CHARACTERS_MIN = 30
"""Shorter texts may be equal by chance."""
FILES_MAX = 50
"""So many configs of the same folder are compared."""
_SECTIONS = ("title", "description", "card")


def copied_texts(config: ModelConfig, text: ConfigText) -> list[str]:
    """Say which texts about the model and its data stand word for word in another config of the same folder.

    A config with the same target is another model of the same data, whose texts may well be the same.
    """
    if text.path is None:
        return []
    own = {said: path for path, said in _texts(text.data)}
    if not own:
        return []
    warnings = []
    for file in sorted(text.path.resolve().parent.glob("*.yaml"))[:FILES_MAX]:
        if file == text.path.resolve() or not any(said[:CHARACTERS_MIN].encode() in _bytes(file) for said in own):
            continue
        other = _data(file)
        target = other.get("target")
        if other.get("name") == config.name or (isinstance(target, dict) and target.get("name") == config.target.name):
            continue
        same = [own[said] for _, said in _texts(other) if said in own]
        if same:
            keys = ", ".join(dict.fromkeys(f"{_key(path)} (line {text.line(path)})" for path in same))
            warnings.append(
                f"{text.path}: {keys}: word for word as in {file.name}, which is about other data. The cards of this"
                " model would speak of that data: rewrite these texts, or remove them."
            )
    return warnings


def _texts(data: Any) -> Iterator[tuple[Path_, str]]:
    """Yield the long texts of the sections that are for people, with their places."""
    waiting: list[tuple[Path_, Any]] = [((key,), data.get(key)) for key in _SECTIONS]
    while waiting:
        path, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, place), inner) for place, inner in enumerate(value)]
        elif isinstance(value, str) and len(value) >= CHARACTERS_MIN:
            yield path, value


def _key(path: Path_) -> str:
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
