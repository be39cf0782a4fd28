"""Faults of a config: the error, its place in the file, and the text to write instead."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from training.config.known_keys import keys_at
from training.config.text import ConfigText, KeyPath

AGREEMENT = "agreement"
"""The type of a fault whose message names its own key."""
_SHOWN_CHARACTERS = 80
_EXAMPLES = {
    "name": "name: my_model",
    "target": "target: {name: COLUMN}",
    "features": "features: [{name: COLUMN, type: number}]",
    "task": "task: regression, or task: classification",
    "type": "type: number, integer, boolean, category or timestamp",
    "kind": "kind: hist_gradient_boosting",
}
"""The text to add if a key is missing, for the keys that every config has."""


@dataclass(frozen=True)
class ConfigFault:
    """One error of a config."""

    path: KeyPath
    """The place: keys and positions."""
    message: str
    """The key, the expected value, the actual value."""
    paste: str | None = None
    """The text to write at that place instead."""
    kind: str = AGREEMENT
    """The type of the fault as pydantic calls it, or ``AGREEMENT``."""

    def in_words(self, text: ConfigText | None) -> str:
        """Return the fault with its line if there is a file."""
        where = text.where(self.path) if text is not None else ""
        paste = ""
        if self.paste:
            paste = f"{' Write' if self.message.endswith('?') else '; write'} `{self.paste}`"
        return f"{where}{': ' if where else ''}{self.message}{paste}"


def closest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the name that was probably meant: it differs in case or blanks only, or has a similar spelling."""
    candidates = list(names)
    by_simple_name = {_simplify(candidate): candidate for candidate in reversed(candidates)}
    if _simplify(name) in by_simple_name:
        return by_simple_name[_simplify(name)]
    matches = difflib.get_close_matches(_simplify(name), by_simple_name, n=1, cutoff=0.6)
    return by_simple_name[matches[0]] if matches else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question about the closest name, to append to a message; empty if no name is close."""
    match = closest_name(name, names)
    return "" if match is None else f"; did you mean {match!r}?"


def raise_all(faults: Iterable[ConfigFault]) -> None:
    """Raise all faults as one validation error, if there are any.

    Raises:
        ValidationError: with each fault at its place.
    """
    details = [
        InitErrorDetails(
            type=PydanticCustomError(AGREEMENT, "{said}", {"said": fault.message, "paste": fault.paste}),
            loc=fault.path,
            input=None,
        )
        for fault in faults
    ]
    if details:
        _raise(details)


def _raise(details: list[InitErrorDetails]) -> NoReturn:
    raise ValidationError.from_exception_data("config", details)


def faults_of(
    error: ValidationError, model: type[BaseModel] | None = None, text: ConfigText | None = None
) -> list[ConfigFault]:
    """Return each fault of a validation.

    Args:
        error: the error that pydantic raised.
        model: the validated model; its keys are suggested in place of unknown keys.
        text: the file; values are quoted as they are written in it.
    """
    faults_by_path: dict[KeyPath, list[ConfigFault]] = {}
    for item in error.errors(include_url=False):
        path = _in_file(tuple(item["loc"]), text)
        fault = _fault(item, path, model, text)
        # Pydantic reports a value that can have several types once for each type; it is one fault.
        same_place = faults_by_path.setdefault(path, [])
        if item["loc"] == path or not same_place:
            same_place.append(fault)
    all_faults = [fault for same_place in faults_by_path.values() for fault in same_place]
    # Pydantic reports a list as empty if all of its items are broken.
    return [fault for fault in all_faults if fault.kind != "too_short" or not _has_below(fault.path, faults_by_path)]


def _has_below(path: KeyPath, paths: Iterable[KeyPath]) -> bool:
    return any(len(candidate) > len(path) and candidate[: len(path)] == path for candidate in paths)


def explain(error: ValidationError) -> str:
    """Return the faults of a validated file, one a line: the key, the value, the allowed values."""
    return "\n".join(f"  {fault.in_words(None)}" for fault in faults_of(error))


def _in_file(path: KeyPath, text: ConfigText | None) -> KeyPath:
    """Return the part of a place that is in the file: pydantic appends the names of types to it."""
    if text is None or path in text.places:
        return path
    for length in range(len(path) - 1, 0, -1):
        if path[:length] in text.places:
            # A missing key is not in the file either; the names of types follow values that are in it.
            return path if text.places[path[:length]].text is None else path[:length]
    return path


def _fault(item: Any, path: KeyPath, model: type[BaseModel] | None, text: ConfigText | None) -> ConfigFault:
    key = ".".join(str(part) for part in path) or "the file"
    item = {**item, "msg": item["msg"].replace("Input should be", "expected", 1)}
    kind, value_text = item["type"], _displayed_value(item["input"], path, text)
    if kind == AGREEMENT:
        return ConfigFault(path, item["ctx"]["said"], item["ctx"]["paste"])
    if path[-1:] == ("[key]",):
        allowed = _literals(item)
        message = f"{'.'.join(str(part) for part in path[:-2])}: {path[-2]!r} is not allowed here"
        match = closest_name(str(path[-2]), allowed)
        message += f"; did you mean {match!r}?" if match else f"; there are {', '.join(allowed)}"
        return ConfigFault(path[:-1], message, kind=kind)
    if kind in ("too_short", "too_long"):
        ends = item["ctx"]
        bound = f"at least {ends['min_length']}" if kind == "too_short" else f"at most {ends['max_length']}"
        message = f"{key}: expected {bound} items, got {ends['actual_length']}"
        return ConfigFault(path, message, kind=kind)
    if kind == "extra_forbidden":
        return _unknown_key(key, value_text, path, model)
    if kind == "missing":
        example = _EXAMPLES.get(str(path[-1])) if path else None
        return ConfigFault(path, f"{key}: missing; add it" + (f", as in `{example}`" if example else ""), kind=kind)
    if kind == "value_error":
        problem = item["msg"].removeprefix("Value error, ")
        # The message of a part may already name its key.
        return ConfigFault(
            path, problem if path and problem.startswith((f"{key}:", f"{key}.")) else f"{key}: {problem}", kind=kind
        )
    if item["input"] is None and text is not None and path in text.places:
        literal = text.places[path].text
        message = f"{key}: got nothing (`{literal}` means no value): {item['msg']}" + (
            f"; a text {literal!r} needs quotes" if literal else "; write a value or remove the key"
        )
        return ConfigFault(path, message, kind=kind)
    if kind == "literal_error":
        allowed = [str(value) for value in _literals(item)]
        match = closest_name(str(item["input"]), allowed)
        paste = f"{path[-1]}: {match}" if match and path and isinstance(path[-1], str) else None
        return ConfigFault(path, f"{key}: got {value_text}: {item['msg']}", paste, kind)
    return ConfigFault(path, f"{key}: got {value_text}: {item['msg']}{_hint(item)}", _number_paste(item, path), kind)


def _unknown_key(key: str, value_text: str, path: KeyPath, model: type[BaseModel] | None) -> ConfigFault:
    allowed = keys_at(model, path[:-1]) if model is not None else []
    match = closest_name(str(path[-1]), allowed)
    if match is None:
        allowed_text = f"; here can be {', '.join(allowed)}" if allowed else ""
        return ConfigFault(
            path,
            f"{key}: unknown key (its value is {value_text}); remove it or correct its name{allowed_text}",
            kind="extra_forbidden",
        )
    paste = (
        f"{match}: {value_text}"
        if len(value_text) <= _SHOWN_CHARACTERS and value_text[:1] not in "{["
        else f"{match}: …"
    )
    return ConfigFault(
        path, f"{key}: unknown key (its value is {value_text}); did you mean `{match}`?", paste, "extra_forbidden"
    )


def _literals(item: Any) -> list[str]:
    """Return the allowed words of a fault; pydantic lists them in a sentence only."""
    sentence = str(item.get("ctx", {}).get("expected", ""))
    return [word.strip().strip("'") for part in sentence.split(" or ") for word in part.split(",")]


def _number_paste(item: Any, path: KeyPath) -> str | None:
    """Return a number in YAML's form if it was written with a decimal comma or with separators."""
    content = item["input"]
    if item["type"] not in ("float_parsing", "int_parsing") or not isinstance(content, str) or not path:
        return None
    number = content.strip().replace("_", "").replace(" ", "")
    number = number.replace(",", ".") if number.count(",") == 1 else number
    try:
        float(number)
    except ValueError:
        return None
    return f"{path[-1]}: {number}" if isinstance(path[-1], str) else number


def _hint(item: Any) -> str:
    if item["type"] in ("bool_parsing", "bool_type"):
        return "; write true or false"
    if item["type"] in ("tuple_type", "list_type"):
        return "; write a list, as in [a, b]"
    if item["type"] in ("dict_type", "model_type"):
        return "; write keys with values, as in {key: value}"
    return ""


def _displayed_value(value: Any, path: KeyPath, text: ConfigText | None) -> str:
    """Return a value as it is written in the file, shortened."""
    place = text.places.get(path) if text is not None else None
    if place is not None and place.text is not None and place.plain:
        label = repr(value) if isinstance(value, str) else place.text
    else:
        try:
            label = (
                repr(value)
                if not isinstance(value, dict | list)
                else json.dumps(value, ensure_ascii=False, default=str)
            )
        except (TypeError, ValueError):
            label = repr(value)
    return label if len(label) <= _SHOWN_CHARACTERS else label[: _SHOWN_CHARACTERS - 1] + "…"


def _simplify(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name
