"""Reading a config from its YAML file, with every fault told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from training.config.copied import copied_texts
from training.config.custom_code import with_custom_code
from training.config.faults import ConfigFault, faults_of
from training.config.imported import as_training_text
from training.config.mending import find_faults, usable_part
from training.config.model import ModelConfig
from training.config.overrides import apply_overrides
from training.config.text import ConfigText, read_text
from training.config.types import ConfigError

Content = TypeVar("Content", bound=BaseModel)
"""What a file holds."""


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        ConfigError: the file is missing, is not valid YAML, repeats a key or holds something else.
    """
    text = _mapping(path)
    if text.repeated:
        raise ConfigError(_message(text, "is not valid YAML", _repeated(text)))
    data: dict[str, Any] = text.data
    return data


def load_as(path: Path, kind: type[Content], fault: str) -> Content:
    """Read a YAML file into a model.

    Args:
        path: the file.
        kind: what it should hold.
        fault: what is said of a file that holds something else, behind its name.

    Raises:
        ConfigError: with every fault of the file: its line, the key, the value and what is allowed.
    """
    text = _mapping(path)
    found, faults = find_faults(text, kind)
    faults = [*_repeated(text), *faults]
    if found is None or faults:
        raise ConfigError(_message(text, fault, faults))
    return found


def load_config(path: Path, warn: Callable[[str], None] | None = None, overrides: Sequence[str] = ()) -> ModelConfig:
    """Read a model's config; that of an import serves as well.

    Args:
        path: the file.
        overrides: values that count in place of the file's, see ``apply_overrides``.
        warn: called with each thing that is not wrong but most likely not meant.

    Raises:
        ConfigError: with every fault of the file: its line, the key, the value and what is allowed; or a class of
            ``derived.custom`` cannot be used, see ``with_custom_code``.
    """
    text = as_training_text(_mapping(path))
    apply_overrides(text, overrides)
    config, faults = find_faults(text, ModelConfig)
    faults = [*_repeated(text), *faults]
    if config is None or faults:
        error = ConfigError(_message(text, "is not a valid config", faults))
        error.usable = usable_part(text)
        raise error
    if warn is not None:
        for warning in copied_texts(config, text):
            warn(warning)
    return with_custom_code(config.with_text(text))


def _mapping(path: Path) -> ConfigText:
    text = read_text(path)
    if not isinstance(text.data, dict):
        kind = "nothing" if text.data is None else "a list" if isinstance(text.data, list) else repr(text.data)
        raise ConfigError(f"{path} must hold keys and values, such as `name: my_model`; got {kind}")
    return text


def _repeated(text: ConfigText) -> list[ConfigFault]:
    return [
        ConfigFault(path, f"the key {path[-1]!r} appears twice, in line {first} and in line {second}; keep one of them")
        for path, first, second in text.repeated
    ]


def _message(text: ConfigText, fault: str, faults: list[ConfigFault]) -> str:
    ordered = sorted(faults, key=lambda item: text.line(item.path) or 0)
    return f"{text.path} {fault}:\n" + "\n".join(f"  {item.in_words(text)}" for item in ordered)


def faults_in_words(error: ValidationError, text: ConfigText, model: type[BaseModel]) -> str:
    """Return the faults of a config that came from a file, one on a line, each with its line there."""
    return "\n".join(f"  {fault.in_words(text)}" for fault in faults_of(error, model, text))
