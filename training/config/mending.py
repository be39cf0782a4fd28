"""All faults of a config in one report: broken values are removed, so that the remaining values are validated too.

A part that cannot be read hides its contradictions with other parts from validation. So the first faults are recorded,
their places are emptied, and the config is validated again until no new fault appears. A fault that only appears because
a value was removed is not reported.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from tabento.bundle.contract import FeatureType
from training.config.column import Column
from training.config.faults import AGREEMENT, ConfigFault, closest_name, faults_of
from training.config.model import ModelConfig
from training.config.text import ConfigText, Items, KeyPath
from training.config.types import Task

Content = TypeVar("Content", bound=BaseModel)

ROUNDS_MAX = 30
"""The largest number of validations of one config."""
_DATA_SECTIONS = ("name", "task", "target", "features", "identifiers", "drop", "duplicates", "title", "description")
"""The sections that describe the data."""
_TASKS: tuple[Task, ...] = ("regression", "classification")
_TYPES: tuple[FeatureType, ...] = get_args(FeatureType)


def find_faults(text: ConfigText, model: type[Content]) -> tuple[Content | None, list[ConfigFault]]:
    """Validate a file's content.

    Args:
        text: the file's content; it is not changed.
        model: the expected type.

    Returns:
        The validated content, or None if it has a fault; and every fault.
    """
    data = copy.deepcopy(text.data)
    faults: list[ConfigFault] = []
    emptied: list[KeyPath] = []
    for _ in range(ROUNDS_MAX):
        try:
            content = model.model_validate(data)
        except ValidationError as error:
            if _take_words_as_text(error, data, text):
                continue
            new = [
                (_position_in_file(fault.path, data), fault)
                for fault in faults_of(error, model, _with_current_places(text, data))
            ]
            known_faults = {(fault.path, fault.message) for fault in faults}
            for path, fault in new:
                fault_in_file = ConfigFault(path, fault.message, fault.paste, fault.kind)
                follows = any(
                    _is_around(path, emptied_path) or _is_around(emptied_path, path) for emptied_path in emptied
                )
                if not follows and (path, fault.message) not in known_faults:
                    faults.append(fault_in_file)
            open_faults = [(path, fault) for path, fault in new if fault.kind != AGREEMENT]
            if not open_faults or not _empty_all(data, [fault for _, fault in open_faults]):
                return None, faults
            emptied += [path for path, _ in open_faults]
        else:
            return (content if not faults else None), faults
    return None, faults


def usable_part(text: ConfigText) -> ModelConfig | None:
    """Return a config of the sections that describe the data; None if they cannot be read or repaired."""
    data = {key: text.data[key] for key in _DATA_SECTIONS if key in text.data}
    data = copy.deepcopy(data)
    for _ in range(ROUNDS_MAX):
        try:
            return ModelConfig.model_validate(data).with_text(text)
        except ValidationError as error:
            if _take_words_as_text(error, data, text):
                continue
            faults = faults_of(error, ModelConfig, _with_current_places(text, data))
            if not _empty_all(data, faults):
                return None
    return None


def _take_words_as_text(error: ValidationError, data: Any, text: ConfigText) -> bool:
    """Replace numbers and booleans by their text in the file if a text is expected; return whether any was replaced."""
    changed = False
    for item in error.errors(include_url=False):
        path = tuple(item["loc"])
        if item["type"] != "string_type" or not isinstance(item["input"], bool | int | float):
            continue
        place = text.places.get(_position_in_file(path, data))
        parent = _value_at(data, path[:-1])
        if place is not None and place.text is not None and isinstance(parent, dict | list):
            parent[path[-1]] = place.text  # type: ignore[index]
            changed = True
    return changed


def _empty_all(data: Any, faults: list[ConfigFault]) -> bool:
    """Remove all broken values, from the last to the first so that positions stay right; return whether all were removed."""
    places: dict[KeyPath, list[ConfigFault]] = {}
    for fault in faults:
        places.setdefault(_repaired_path(fault.path), []).append(fault)
    results = []
    for path in sorted(places, key=_order, reverse=True):
        if path[:1] == ("features",):
            keys = {fault.path[2] for fault in places[path] if len(fault.path) > 2}
            results.append(_empty_feature(data.get("features"), path, keys))
        else:
            results.append(_empty(data, path, places[path][0].kind))
    return all(results)


def _repaired_path(path: KeyPath) -> KeyPath:
    """Return the path of the value that is repaired as a unit: a feature, the target, or the value itself."""
    return path[:2] if path[:1] == ("features",) else path[:1] if path[:1] == ("target",) else path


def _order(path: KeyPath) -> list[tuple[bool, int, str]]:
    return [(isinstance(key, int), key if isinstance(key, int) else 0, str(key)) for key in path]


def _empty(data: Any, path: KeyPath, kind: str) -> bool:
    """Remove a broken value, or replace it by one that hides no other fault; return whether the config changed."""
    if not path:
        return False
    if path[0] == "name":
        data["name"] = "model"
        return True
    if path[0] == "task":
        match = closest_name(str(data.get("task")), _TASKS) if data.get("task") is not None else None
        data["task"] = match
        return match is not None
    if path[0] == "target":
        target = data.get("target")
        name = target.get("name") if isinstance(target, dict) else None
        repaired = {"name": name} if isinstance(name, str) and name else None
        changed = repaired is not None and repaired != target
        data["target"] = repaired
        return changed
    if path[0] == "drop" and len(path) == 2 and isinstance(data["drop"], dict):
        if kind == AGREEMENT:
            del data["drop"][path[1]]
        else:
            # The column remains dropped.
            data["drop"][path[1]] = ""
        return True
    if path[0] in ("synthetic", "drop"):
        return data.pop(path[0], None) is not None
    return _take_out(data, path[:-1] if kind == "missing" else path)


def _empty_feature(features: Any, path: KeyPath, keys: set[str | int]) -> bool:
    """Replace a broken feature by one with the same name and type.

    Its other keys stay, except the broken ones. If these keys contradict each other, only name and type stay.
    """
    if len(path) < 2 or not isinstance(features, Items) or not isinstance(path[1], int) or path[1] >= len(features):
        return False
    broken = features[path[1]]
    name = broken.get("name") if isinstance(broken, dict) else None
    if not isinstance(name, str) or not name:
        features.take_out(path[1])
        return bool(features)
    kind = (
        broken.get("type")
        if broken.get("type") in _TYPES
        else closest_name(str(broken.get("type")), _TYPES) or "number"
    )
    other_keys = {key: value for key, value in broken.items() if key not in keys}
    if kind == "category" and "categories" in keys:
        other_keys["categories"] = "from_data"
    minimal_feature: dict[str, Any] = {"name": name, "type": kind, "nullable": True}
    if kind == "category":
        minimal_feature["categories"] = "from_data"
    for repaired in (
        {**other_keys, "name": name, "type": kind},
        {**other_keys, "name": name, "type": kind, "nullable": True},
        minimal_feature,
    ):
        if repaired != broken and _is_feature(repaired):
            features[path[1]] = repaired
            return True
    # The name itself is the fault, such as a name that is listed twice.
    return False


def _is_feature(data: dict[str, Any]) -> bool:
    try:
        Column.model_validate(data)
    except ValidationError as error:
        # Words that YAML reads as another type are replaced by their text later.
        return all(item["type"] == "string_type" for item in error.errors(include_url=False))
    return True


def _take_out(data: Any, path: KeyPath) -> bool:
    """Remove the value at a place, or the innermost existing value around it."""
    for length in range(len(path), 0, -1):
        parent, key = _value_at(data, path[: length - 1]), path[length - 1]
        if isinstance(parent, dict) and key in parent:
            del parent[key]
            return True
        if isinstance(parent, Items) and isinstance(key, int) and key < len(parent):
            parent.take_out(key)
            return True
    return False


def _value_at(data: Any, path: KeyPath) -> Any:
    for key in path:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            return None
    return data


def _position_in_file(path: KeyPath, data: Any) -> KeyPath:
    """Return a place with the positions that the items of lists had in the file."""
    positions_in_file: list[str | int] = []
    for key in path:
        positions = data.positions if isinstance(data, Items) and isinstance(key, int) and key < len(data) else None
        positions_in_file.append(positions[key] if positions is not None and isinstance(key, int) else key)
        data = _value_at(data, (key,))
    return tuple(positions_in_file)


def _with_current_places(text: ConfigText, data: Any) -> ConfigText:
    """Return the text with the places that values have in the data now, after values were removed."""
    places = {}
    waiting: list[tuple[KeyPath, Any]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        if path and (place := text.places.get(_position_in_file(path, data))) is not None:
            places[path] = place
        if isinstance(value, dict):
            waiting += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, position), inner) for position, inner in enumerate(value)]
    return ConfigText(text.path, data, places)


def _is_around(outer: KeyPath, inner: KeyPath) -> bool:
    return inner[: len(outer)] == outer
