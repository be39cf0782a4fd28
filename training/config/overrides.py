"""Values of a config that the command line gives: ``--set estimator.params.max_iter=200``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from training.config.faults import closest_name
from training.config.text import ConfigText, KeyPath, read_value
from training.config.types import ConfigError


def apply_overrides(text: ConfigText, overrides: Sequence[str]) -> None:
    """Set values of a config, in their order.

    Args:
        text: the config; overridden values are marked, so that their faults name the option in place of a line.
        overrides: ``KEY=VALUE`` each. The key's parts are joined by dots: keys of mappings, and for an item of a list its
            position from 0 or its name (``features.Age.maximum=100``). The value is YAML; nothing means null.

    Raises:
        ConfigError: an override has another form, or its path leads through a value that holds no other values.
    """
    for override in overrides:
        key, equals, value = override.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not equals or not all(parts):
            raise ConfigError(f"--set {override}: expected KEY=VALUE, such as --set estimator.params.max_iter=200.")
        try:
            content = read_value(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {override}: {value!r} is not valid YAML: {error}") from error
        path = _set(text.data, parts, content, override)
        text.overrides[path] = f"--set {key}"
        text.repeated[:] = [entry for entry in text.repeated if entry[0] != path]


def _set(data: Any, parts: list[str], content: Any, override: str) -> KeyPath:
    """Set the value at the end of a path, create missing mappings on the path, and return the path."""
    path: list[str | int] = []
    container = data
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        index = _index(container, part, override, parts[:number])
        path.append(index)
        if is_last:
            container[index] = content
        elif isinstance(container, dict) and container.get(part) is None:
            container[index] = {}
        container = container[index]
    return tuple(path)


def _index(container: Any, part: str, override: str, parent_parts: list[str]) -> str | int:
    """Return the key or the position that a part of a path refers to.

    Raises:
        ConfigError: the container has no such item, or is not a mapping or list.
    """
    parent_key = ".".join(parent_parts)
    if isinstance(container, dict):
        return part
    if not isinstance(container, list):
        raise ConfigError(f"--set {override}: {parent_key} is {container!r}, which holds no other values.")
    names = [str(item.get("name")) for item in container if isinstance(item, dict) and "name" in item]
    if part in names:
        return next(
            index for index, item in enumerate(container) if isinstance(item, dict) and str(item.get("name")) == part
        )
    if part.isdecimal() and int(part) < len(container):
        return int(part)
    match = closest_name(part, names)
    hint = f"; did you mean {match}?" if match else f"; there are {', '.join(names) or f'{len(container)} items'}."
    raise ConfigError(f"--set {override}: {parent_key} has no item {part!r}{hint}")
