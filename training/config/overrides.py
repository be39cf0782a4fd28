"""Values of a config that the command line gives: ``--set estimator.params.max_iter=200``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from training.config.faults import near
from training.config.text import ConfigText, Path_, read_value
from training.config.types import ConfigError


def apply_overrides(text: ConfigText, overrides: Sequence[str]) -> None:
    """Set values of a config, in their order.

    Args:
        text: the config; what is set is marked, so that a fault of it names the option in place of a line.
        overrides: ``KEY=VALUE`` each. The key's parts are joined by dots: keys of mappings, and for an item of a list its
            position from 0 or its name (``features.Age.maximum=100``). The value is YAML; nothing means null.

    Raises:
        ConfigError: an override has another form, or leads through a value that holds no others.
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


def _set(data: Any, parts: list[str], content: Any, override: str) -> Path_:
    """Set the value at the end of a path, with the mappings on its way, and return the path."""
    path: list[str | int] = []
    here = data
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        index = _index(here, part, override, parts[:number])
        path.append(index)
        if last:
            here[index] = content
        elif isinstance(here, dict) and here.get(part) is None:
            here[index] = {}
        here = here[index]
    return tuple(path)


def _index(here: Any, part: str, override: str, before: list[str]) -> str | int:
    """Return the key or the position that a part of a path means.

    Raises:
        ConfigError: there is no such item, or nothing in which there could be one.
    """
    place = ".".join(before)
    if isinstance(here, dict):
        return part
    if not isinstance(here, list):
        raise ConfigError(f"--set {override}: {place} is {here!r}, which holds no other values.")
    names = [str(item.get("name")) for item in here if isinstance(item, dict) and "name" in item]
    if part in names:
        return next(at for at, item in enumerate(here) if isinstance(item, dict) and str(item.get("name")) == part)
    if part.isdecimal() and int(part) < len(here):
        return int(part)
    guess = near(part, names)
    hint = f"; did you mean {guess}?" if guess else f"; there are {', '.join(names) or f'{len(here)} items'}."
    raise ConfigError(f"--set {override}: {place} has no item {part!r}{hint}")
