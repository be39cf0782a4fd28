"""All faults of a config at once: what is broken is taken out, so that the rest can be looked at, too.

A part that cannot be read hides from a validation what does not go together with the rest. So the first faults are noted,
their places are emptied, and the config is validated again until nothing new is found. What is found only because
something was taken out is not told.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from bundle.contract import FeatureType
from training.config.column import Column
from training.config.faults import AGREEMENT, ConfigFault, faults_of, near
from training.config.model import ModelConfig
from training.config.text import ConfigText, Items, Path_
from training.config.types import Task

Content = TypeVar("Content", bound=BaseModel)

ROUNDS_MAX = 30
"""So often a broken config is looked at again."""
_DATA_SECTIONS = ("name", "task", "target", "features", "identifiers", "drop", "duplicates", "title", "description")
"""The sections that say what the data is."""
_TASKS: tuple[Task, ...] = ("regression", "classification")
_TYPES: tuple[FeatureType, ...] = get_args(FeatureType)


def find_faults(text: ConfigText, model: type[Content]) -> tuple[Content | None, list[ConfigFault]]:
    """Validate what a file holds.

    Args:
        text: the file's content; it is not changed.
        model: what it should be.

    Returns:
        What it is, or None if it has a fault; and every fault.
    """
    data = copy.deepcopy(text.data)
    faults: list[ConfigFault] = []
    emptied: list[Path_] = []
    for _ in range(ROUNDS_MAX):
        try:
            found = model.model_validate(data)
        except ValidationError as error:
            if _take_words_as_text(error, data, text):
                continue
            new = [
                (_position_in_file(fault.path, data), fault) for fault in faults_of(error, model, _as_it_is(text, data))
            ]
            known = {(fault.path, fault.message) for fault in faults}
            for path, fault in new:
                told = ConfigFault(path, fault.message, fault.paste, fault.kind)
                follows = any(_is_around(path, other) or _is_around(other, path) for other in emptied)
                if not follows and (path, fault.message) not in known:
                    faults.append(told)
            open_faults = [(path, fault) for path, fault in new if fault.kind != AGREEMENT]
            if not open_faults or not _empty_all(data, [fault for _, fault in open_faults]):
                return None, faults
            emptied += [path for path, _ in open_faults]
        else:
            return (found if not faults else None), faults
    return None, faults


def usable_part(text: ConfigText) -> ModelConfig | None:
    """Return a config of the sections that describe the data, if they can be read or mended; else None."""
    data = {key: text.data[key] for key in _DATA_SECTIONS if key in text.data}
    data = copy.deepcopy(data)
    for _ in range(ROUNDS_MAX):
        try:
            return ModelConfig.model_validate(data).with_text(text)
        except ValidationError as error:
            if _take_words_as_text(error, data, text):
                continue
            faults = faults_of(error, ModelConfig, _as_it_is(text, data))
            if not _empty_all(data, faults):
                return None
    return None


def _take_words_as_text(error: ValidationError, data: Any, text: ConfigText) -> bool:
    """Put the letters of the file in the place of numbers and truth values where a text is expected; say if any was."""
    changed = False
    for item in error.errors(include_url=False):
        path = tuple(item["loc"])
        if item["type"] != "string_type" or not isinstance(item["input"], bool | int | float):
            continue
        place = text.places.get(_position_in_file(path, data))
        around = _at(data, path[:-1])
        if place is not None and place.text is not None and isinstance(around, dict | list):
            around[path[-1]] = place.text  # type: ignore[index]
            changed = True
    return changed


def _empty_all(data: Any, faults: list[ConfigFault]) -> bool:
    """Take out what is broken, the last first, so that positions stay right; say if all of it could be."""
    places: dict[Path_, list[ConfigFault]] = {}
    for fault in faults:
        places.setdefault(_whole(fault.path), []).append(fault)
    done = []
    for path in sorted(places, key=_order, reverse=True):
        if path[:1] == ("features",):
            keys = {fault.path[2] for fault in places[path] if len(fault.path) > 2}
            done.append(_empty_feature(data.get("features"), path, keys))
        else:
            done.append(_empty(data, path, places[path][0].kind))
    return all(done)


def _whole(path: Path_) -> Path_:
    """Return what is put right as one: a feature, the target, or the value itself."""
    return path[:2] if path[:1] == ("features",) else path[:1] if path[:1] == ("target",) else path


def _order(path: Path_) -> list[tuple[bool, int, str]]:
    return [(isinstance(key, int), key if isinstance(key, int) else 0, str(key)) for key in path]


def _empty(data: Any, path: Path_, kind: str) -> bool:
    """Take out what is broken at a place, or put something in its place that hides nothing else; say if it could be."""
    if not path:
        return False
    if path[0] == "name":
        data["name"] = "model"
        return True
    if path[0] == "task":
        match = near(str(data.get("task")), _TASKS) if data.get("task") is not None else None
        data["task"] = match
        return match is not None
    if path[0] == "target":
        target = data.get("target")
        name = target.get("name") if isinstance(target, dict) else None
        mended = {"name": name} if isinstance(name, str) and name else None
        changed = mended is not None and mended != target
        data["target"] = mended
        return changed
    if path[0] == "drop" and len(path) == 2 and isinstance(data["drop"], dict):
        if kind == AGREEMENT:
            del data["drop"][path[1]]
        else:
            # The column stays a dropped one.
            data["drop"][path[1]] = ""
        return True
    if path[0] in ("synthetic", "drop"):
        return data.pop(path[0], None) is not None
    return _take_out(data, path[:-1] if kind == "missing" else path)


def _empty_feature(features: Any, path: Path_, keys: set[str | int]) -> bool:
    """Put a feature of the same name and type in the place of a broken one.

    What else is said of it stays, but for the broken keys; if that does not go together, nothing else stays.
    """
    if len(path) < 2 or not isinstance(features, Items) or not isinstance(path[1], int) or path[1] >= len(features):
        return False
    broken = features[path[1]]
    name = broken.get("name") if isinstance(broken, dict) else None
    if not isinstance(name, str) or not name:
        features.take_out(path[1])
        return bool(features)
    kind = broken.get("type") if broken.get("type") in _TYPES else near(str(broken.get("type")), _TYPES) or "number"
    rest = {key: value for key, value in broken.items() if key not in keys}
    if kind == "category" and "categories" in keys:
        rest["categories"] = "from_data"
    least: dict[str, Any] = {"name": name, "type": kind, "nullable": True}
    if kind == "category":
        least["categories"] = "from_data"
    for mended in ({**rest, "name": name, "type": kind}, {**rest, "name": name, "type": kind, "nullable": True}, least):
        if mended != broken and _is_feature(mended):
            features[path[1]] = mended
            return True
    # It is the name that cannot be, such as one that is listed twice.
    return False


def _is_feature(data: dict[str, Any]) -> bool:
    try:
        Column.model_validate(data)
    except ValidationError as error:
        # Words that YAML reads as something else are put right later.
        return all(item["type"] == "string_type" for item in error.errors(include_url=False))
    return True


def _take_out(data: Any, path: Path_) -> bool:
    """Take out the value at a place, or the nearest one around it that is there."""
    for length in range(len(path), 0, -1):
        around, key = _at(data, path[: length - 1]), path[length - 1]
        if isinstance(around, dict) and key in around:
            del around[key]
            return True
        if isinstance(around, Items) and isinstance(key, int) and key < len(around):
            around.take_out(key)
            return True
    return False


def _at(data: Any, path: Path_) -> Any:
    for key in path:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            return None
    return data


def _position_in_file(path: Path_, data: Any) -> Path_:
    """Return a place with the positions that the items of lists had in the file."""
    found: list[str | int] = []
    for key in path:
        positions = data.positions if isinstance(data, Items) and isinstance(key, int) and key < len(data) else None
        found.append(positions[key] if positions is not None and isinstance(key, int) else key)
        data = _at(data, (key,))
    return tuple(found)


def _as_it_is(text: ConfigText, data: Any) -> ConfigText:
    """Return the text with the places of values as the data has them now, after something was taken out."""
    places = {}
    waiting: list[tuple[Path_, Any]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        if path and (place := text.places.get(_position_in_file(path, data))) is not None:
            places[path] = place
        if isinstance(value, dict):
            waiting += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, position), inner) for position, inner in enumerate(value)]
    return ConfigText(text.path, data, places)


def _is_around(outer: Path_, inner: Path_) -> bool:
    return inner[: len(outer)] == outer
