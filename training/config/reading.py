"""Reading a config from its YAML file, with every fault in one error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from training.config.copied_texts import copied_texts
from training.config.custom_code import with_custom_code
from training.config.faults import ConfigFault, faults_of
from training.config.import_config import as_training_text
from training.config.mending import find_faults, usable_part
from training.config.model import ModelConfig
from training.config.overrides import apply_overrides
from training.config.text import ConfigText, read_text
from training.config.types import ConfigError

Content = TypeVar("Content", bound=BaseModel)
"""The type of a file's content."""


def load_as(path: Path, kind: type[Content], fault: str) -> Content:
    """Read a YAML file into a model.

    Args:
        path: the file.
        kind: the expected type of the content.
        fault: the message for a file with other content, after the file's name.

    Raises:
        ConfigError: with every fault of the file: its line, the key, the value and the allowed values.
    """
    text = _mapping(path)
    content, faults = find_faults(text, kind)
    faults = [*_repeated_keys(text), *faults]
    if content is None or faults:
        raise ConfigError(_message(text, fault, faults))
    return content


def load_config(path: Path, warn: Callable[[str], None] | None = None, overrides: Sequence[str] = ()) -> ModelConfig:
    """Read a model's config; the config of an import is accepted too.

    Args:
        path: the file.
        warn: called with a warning about each value that is allowed but probably not intended.
        overrides: values that replace the file's values, see ``apply_overrides``.

    Raises:
        ConfigError: with every fault of the file: its line, the key, the value and the allowed values; or a class of
            ``derived.custom`` cannot be used, see ``with_custom_code``.
    """
    text = as_training_text(_mapping(path))
    apply_overrides(text, overrides)
    config, faults = find_faults(text, ModelConfig)
    faults = [*_repeated_keys(text), *faults]
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


def _repeated_keys(text: ConfigText) -> list[ConfigFault]:
    return [
        ConfigFault(path, f"the key {path[-1]!r} appears twice, in line {first} and in line {second}; keep one of them")
        for path, first, second in text.repeated
    ]


def _message(text: ConfigText, fault: str, faults: list[ConfigFault]) -> str:
    ordered = sorted(faults, key=lambda item: text.line(item.path) or 0)
    return f"{text.path} {fault}:\n" + "\n".join(f"  {item.in_words(text)}" for item in ordered)


def format_faults(error: ValidationError, text: ConfigText, model: type[BaseModel]) -> str:
    """Return the faults of a config that was read from a file, one a line, each with its line in the file."""
    return "\n".join(f"  {fault.in_words(text)}" for fault in faults_of(error, model, text))
