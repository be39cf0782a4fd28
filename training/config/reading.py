"""Reading a config from its YAML file, with every fault told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from training.config.model import ModelConfig
from training.config.types import ConfigError

Content = TypeVar("Content", bound=BaseModel)
"""What a file holds."""


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML, with a key that stands twice refused instead of the first silently lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def explain(error: ValidationError) -> str:
    """Say each fault of a validated file on a line of its own: the key, the value, what is allowed."""
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"]) or "the file"
        if fault["type"] == "extra_forbidden":
            lines.append(f"{key}: unknown key (its value is {fault['input']!r}); remove it or correct its name")
        elif fault["type"] == "missing":
            lines.append(f"{key}: missing; add it")
        elif fault["type"] == "value_error":
            lines.append(f"{key}: {fault['msg'].removeprefix('Value error, ')}")
        else:
            lines.append(f"{key}: got {fault['input']!r}: {fault['msg']}")
    return "\n".join(f"  {line}" for line in lines)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        ConfigError: the file is missing, is no YAML, repeats a key or holds something else.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        raise ConfigError(f"there is no config {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold keys and values, got {type(data).__name__}")
    return data


def load_as(path: Path, kind: type[Content], fault: str) -> Content:
    """Read a YAML file into a model.

    Args:
        path: the file.
        kind: what it should hold.
        fault: what is said of a file that holds something else, behind its name.

    Raises:
        ConfigError: with every fault of the file: the key, the value and what is allowed.
    """
    data = load_yaml(path)
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path} {fault}:\n{explain(error)}") from error


def load_config(path: Path) -> ModelConfig:
    """Read a model's config.

    Raises:
        ConfigError: with every fault of the file: the key, the value and what is allowed.
    """
    return load_as(path, ModelConfig, "is not a valid config")
