"""JSON values in the careful decoder, and their texts in error messages."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from tabento.bundle.contract import LARGEST_EXACT_INTEGER

_SHOWN_CHARACTERS = 100
"""The number of characters of a wrong value that an answer repeats."""
INTEGER_CHARACTERS_LIMIT = 400
"""An integer literal of more characters is beyond every float64, whose largest has 309 digits."""


DEPTH_LIMIT = 250
"""The largest depth of nested arrays and objects. A row is flat, so that no valid body is near this limit."""


class NestingError(Exception):
    """Arrays and objects are nested more deeply than ``DEPTH_LIMIT``."""


class NumberText(str):
    """A number that JSON or float64 does not have, as it was written: NaN, Infinity, 1e999."""


class LongText(str):
    """The beginning of a string that is longer than any name or category."""


@dataclass(frozen=True, slots=True)
class NestedValue:
    """An array or object in place of a scalar."""

    is_object: bool
    count: int
    """The number of its elements or keys."""
    complete: bool
    """Whether it was read to its end; if not, it has at least ``count`` elements or keys."""


_Parsed: TypeAlias = list[Any] | tuple[tuple[str, Any], ...]
Value: TypeAlias = bool | int | float | str | NestedValue | None


def float_value(text: str | bytes) -> float | NumberText:
    """Return the number that a literal with a fraction or an exponent represents."""
    value = float(text)
    if math.isfinite(value):
        return value
    beginning = text[: _SHOWN_CHARACTERS + 1]
    return NumberText(beginning if isinstance(beginning, str) else beginning.decode())


def integer_value(text: str) -> int | NumberText:
    """Return the number that a literal without a fraction represents; of a long one, its beginning is enough."""
    return int(text) if len(text) <= INTEGER_CHARACTERS_LIMIT else NumberText(text[: _SHOWN_CHARACTERS + 1])


def parse_object(text: str) -> tuple[list[tuple[str, Value]], int]:
    """Return the keys and values of the object at the start of a text, and the index of the next character.

    Numbers that JSON or float64 does not have come as they were written, nested values by their size.

    Raises:
        ValueError: the text does not begin with a whole object, or has an integer of some thousand digits.
        RecursionError: the parser cannot nest so deeply.
        NestingError: its values are nested too deeply.
    """
    pairs, end = _OBJECTS.raw_decode(text)
    values = [value for _, value in pairs]
    types = set(map(type, values))
    if float in types and (math.inf in values or -math.inf in values):
        pairs, end = _EXACT_OBJECTS.raw_decode(text)
    if list not in types and tuple not in types:
        return list(pairs), end
    _check_depth(text[:end], pairs)
    return [(key, _describe(value) if isinstance(value, list | tuple) else value) for key, value in pairs], end


def parse_nested(text: str) -> tuple[NestedValue, int]:
    """Return a description of the array or object at the start of a text, and the index of the next character.

    Raises:
        ValueError: the text does not begin with a whole array or object, or has an integer of some thousand digits.
        RecursionError: the parser cannot nest so deeply.
        NestingError: it is nested too deeply.
    """
    value, end = _OBJECTS.raw_decode(text)
    _check_depth(text[:end], value)
    return _describe(value), end


def _check_depth(text: str, value: _Parsed) -> None:
    """Check that a parsed value is not nested too deeply.

    Args:
        text: the text of the value.
        value: the parsed value.

    Raises:
        NestingError: it is.
    """
    if text.count("[") + text.count("{") <= DEPTH_LIMIT:
        return
    level: list[_Parsed] = [value]
    for _ in range(DEPTH_LIMIT):
        level = [
            child
            for parent in level
            for child in (map(itemgetter(1), parent) if isinstance(parent, tuple) else parent)
            if isinstance(child, list | tuple)
        ]
        if not level:
            return
    raise NestingError


def _describe(value: _Parsed) -> NestedValue:
    return NestedValue(isinstance(value, tuple), len(value), complete=True)


# An object comes as a tuple of its keys and values, so that a repeated key is seen; an array comes as a list. With
# Python's own types for numbers, the parser calls no Python function for each of them.
_OBJECTS = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=NumberText)
_EXACT_OBJECTS = json.JSONDecoder(
    object_pairs_hook=tuple, parse_float=float_value, parse_int=integer_value, parse_constant=NumberText
)


def shorten(text: str) -> str:
    """Return the beginning of a text, with an ellipsis if it is longer."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def sendable(text: str) -> str:
    """Return a text without lone surrogates, which JSON's escapes allow and UTF-8 does not."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def show_name(key: str) -> str:
    """Return the name of an unknown field for an error message."""
    return sendable(key[:_SHOWN_CHARACTERS])


def show(value: Value) -> str:
    """Return a wrong value for an error message."""
    if isinstance(value, NestedValue):
        count = str(value.count) if value.complete else f"at least {value.count}"
        return f"an object with {count} keys" if value.is_object else f"an array of {count} elements"
    if isinstance(value, NumberText) or (
        isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_EXACT_INTEGER
    ):
        text = str(value)
    elif isinstance(value, str):
        # An escape has at most two backslashes and ten digits, so that the rest of a long string cannot be shown.
        text = json.dumps(value[: _SHOWN_CHARACTERS + 1], ensure_ascii=False)
    else:
        text = json.dumps(value)
    return sendable(shorten(text))
