"""Faults of a config: what is wrong at which place, in words, with what to write instead."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from training.config.known_keys import keys_at
from training.config.text import ConfigText, Path_

AGREEMENT = "agreement"
"""The type of a fault that says itself at which key it is."""
_SHOWN_CHARACTERS = 80
_EXAMPLES = {
    "name": "name: my_model",
    "target": "target: {name: COLUMN}",
    "features": "features: [{name: COLUMN, type: number}]",
    "task": "task: regression, or task: classification",
    "type": "type: number, integer, boolean, category or timestamp",
    "kind": "kind: hist_gradient_boosting",
}
"""What to add if a key is missing, for the keys that every config has."""


@dataclass(frozen=True)
class ConfigFault:
    """One thing that is wrong with a config."""

    path: Path_
    """The place: keys and positions."""
    message: str
    """The key, what was expected, what came."""
    paste: str | None = None
    """What to write at that place instead."""
    kind: str = AGREEMENT
    """The type of the fault as pydantic calls it, or ``AGREEMENT``."""

    def in_words(self, text: ConfigText | None) -> str:
        """Return the fault with its line if there is a file."""
        where = text.where(self.path) if text is not None else ""
        paste = ""
        if self.paste:
            paste = f"{' Write' if self.message.endswith('?') else '; write'} `{self.paste}`"
        return f"{where}{': ' if where else ''}{self.message}{paste}"


def near(name: str, names: Iterable[str]) -> str | None:
    """Return the name that somebody may have meant: one that differs in case or blanks only, or is spelled much alike."""
    known = list(names)
    plain = {_plain(other): other for other in reversed(known)}
    if _plain(name) in plain:
        return plain[_plain(name)]
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question about the nearest name, with a blank before it, or nothing."""
    match = near(name, names)
    return "" if match is None else f"; did you mean {match!r}?"


def raise_all(faults: Iterable[ConfigFault]) -> None:
    """Raise all faults as one error of validation, if there are any.

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
        error: what pydantic found.
        model: what was validated; its keys are suggested in the place of unknown ones.
        text: the file, whose words are shown as they stand there.
    """
    found: dict[Path_, list[ConfigFault]] = {}
    for item in error.errors(include_url=False):
        path = _in_file(tuple(item["loc"]), text)
        fault = _fault(item, path, model, text)
        # A value that may be of several types is refused by each of them; it is one fault.
        same = found.setdefault(path, [])
        if item["loc"] == path or not same:
            same.append(fault)
    everything = [fault for same in found.values() for fault in same]
    # A list all of whose items are broken counts as an empty one, which it is not.
    return [fault for fault in everything if fault.kind != "too_short" or not _has_below(fault.path, found)]


def _has_below(path: Path_, others: Iterable[Path_]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in others)


def explain(error: ValidationError) -> str:
    """Say each fault of a validated file on a line of its own: the key, the value, what is allowed."""
    return "\n".join(f"  {fault.in_words(None)}" for fault in faults_of(error))


def _in_file(path: Path_, text: ConfigText | None) -> Path_:
    """Return the part of a place that is in the file: pydantic puts the names of types behind it."""
    if text is None or path in text.places:
        return path
    for length in range(len(path) - 1, 0, -1):
        if path[:length] in text.places:
            # A key that is missing is not in the file either; the names of types stand behind values that are.
            return path if text.places[path[:length]].text is None else path[:length]
    return path


def _fault(item: Any, path: Path_, model: type[BaseModel] | None, text: ConfigText | None) -> ConfigFault:
    key = ".".join(str(part) for part in path) or "the file"
    item = {**item, "msg": item["msg"].replace("Input should be", "expected", 1)}
    kind, given = item["type"], _shown(item["input"], path, text)
    if kind == AGREEMENT:
        return ConfigFault(path, item["ctx"]["said"], item["ctx"]["paste"])
    if path[-1:] == ("[key]",):
        allowed = _literals(item)
        message = f"{'.'.join(str(part) for part in path[:-2])}: {path[-2]!r} cannot stand here"
        match = near(str(path[-2]), allowed)
        message += f"; did you mean {match!r}?" if match else f"; there are {', '.join(allowed)}"
        return ConfigFault(path[:-1], message, kind=kind)
    if kind in ("too_short", "too_long"):
        ends = item["ctx"]
        least = f"at least {ends['min_length']}" if kind == "too_short" else f"at most {ends['max_length']}"
        message = f"{key}: expected {least} items, got {ends['actual_length']}"
        return ConfigFault(path, message, kind=kind)
    if kind == "extra_forbidden":
        return _unknown_key(key, given, path, model)
    if kind == "missing":
        example = _EXAMPLES.get(str(path[-1])) if path else None
        return ConfigFault(path, f"{key}: missing; add it" + (f", as in `{example}`" if example else ""), kind=kind)
    if kind == "value_error":
        said = item["msg"].removeprefix("Value error, ")
        # A part may have said itself which of its keys it is about.
        return ConfigFault(
            path, said if path and said.startswith((f"{key}:", f"{key}.")) else f"{key}: {said}", kind=kind
        )
    if item["input"] is None and text is not None and path in text.places:
        said = text.places[path].text
        message = f"{key}: got nothing (`{said}` stands for no value): {item['msg']}" + (
            f"; a text {said!r} needs quotes" if said else "; write a value or remove the key"
        )
        return ConfigFault(path, message, kind=kind)
    if kind == "literal_error":
        allowed = [str(value) for value in _literals(item)]
        match = near(str(item["input"]), allowed)
        paste = f"{path[-1]}: {match}" if match and path and isinstance(path[-1], str) else None
        return ConfigFault(path, f"{key}: got {given}: {item['msg']}", paste, kind)
    return ConfigFault(path, f"{key}: got {given}: {item['msg']}{_hint(item)}", _number_paste(item, path), kind)


def _unknown_key(key: str, given: str, path: Path_, model: type[BaseModel] | None) -> ConfigFault:
    allowed = keys_at(model, path[:-1]) if model is not None else []
    match = near(str(path[-1]), allowed)
    if match is None:
        known = f"; here can be {', '.join(allowed)}" if allowed else ""
        return ConfigFault(
            path,
            f"{key}: unknown key (its value is {given}); remove it or correct its name{known}",
            kind="extra_forbidden",
        )
    paste = f"{match}: {given}" if len(given) <= _SHOWN_CHARACTERS and given[:1] not in "{[" else f"{match}: …"
    return ConfigFault(
        path, f"{key}: unknown key (its value is {given}); did you mean `{match}`?", paste, "extra_forbidden"
    )


def _literals(item: Any) -> list[str]:
    """Return the allowed words of a fault; pydantic has them in a sentence only."""
    said = str(item.get("ctx", {}).get("expected", ""))
    return [word.strip().strip("'") for part in said.split(" or ") for word in part.split(",")]


def _number_paste(item: Any, path: Path_) -> str | None:
    """Return a number as YAML has it, for one that was written with a decimal comma or with separators."""
    given = item["input"]
    if item["type"] not in ("float_parsing", "int_parsing") or not isinstance(given, str) or not path:
        return None
    plain = given.strip().replace("_", "").replace(" ", "")
    plain = plain.replace(",", ".") if plain.count(",") == 1 else plain
    try:
        float(plain)
    except ValueError:
        return None
    return f"{path[-1]}: {plain}" if isinstance(path[-1], str) else plain


def _hint(item: Any) -> str:
    if item["type"] in ("bool_parsing", "bool_type"):
        return "; write true or false"
    if item["type"] in ("tuple_type", "list_type"):
        return "; write a list, as in [a, b]"
    if item["type"] in ("dict_type", "model_type"):
        return "; write keys with values, as in {key: value}"
    return ""


def _shown(value: Any, path: Path_, text: ConfigText | None) -> str:
    """Return a value as it stands in the file, shortened."""
    place = text.places.get(path) if text is not None else None
    if place is not None and place.text is not None and place.plain:
        shown = repr(value) if isinstance(value, str) else place.text
    else:
        try:
            shown = (
                repr(value)
                if not isinstance(value, dict | list)
                else json.dumps(value, ensure_ascii=False, default=str)
            )
        except (TypeError, ValueError):
            shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[: _SHOWN_CHARACTERS - 1] + "…"


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name
