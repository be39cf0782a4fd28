"""Known keys: the keys that a config can have at a place, read from the types of its models."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from training.config.text import KeyPath


def keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that a config can have at a place; an empty list if any key is allowed."""
    kinds: list[Any] = [model]
    for step in path:
        kinds = [inner for kind in kinds for inner in _inner_types(kind, step)]
    return list(dict.fromkeys(key for kind in kinds if _is_model(kind) for key in kind.model_fields))


def _inner_types(kind: Any, step: str | int) -> list[Any]:
    """Return the types of the values that a type can have under a key or at a position."""
    if _is_model(kind):
        field = kind.model_fields.get(step)
        return [] if field is None else _alternatives(field.annotation)
    arguments = get_args(kind)
    if get_origin(kind) in (tuple, list) and arguments:
        return _alternatives(arguments[0])
    if get_origin(kind) in (dict, Mapping) and len(arguments) == 2:
        return _alternatives(arguments[1])
    return []


def _alternatives(kind: Any) -> list[Any]:
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [inner for part in get_args(kind) for inner in _alternatives(part)]
    return [kind]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
