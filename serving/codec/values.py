"""JSON values as the careful way sees them, and how an error message shows them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TypeAlias

from bundle.contract import LARGEST_EXACT_INTEGER

_SHOWN_CHARACTERS = 100
"""How many characters of a wrong value an answer repeats."""
_INTEGER_CHARACTERS_LIMIT = 400
"""An integer literal of more characters is beyond every float64, whose largest has 309 digits."""


class NumberText(str):
    """A number that JSON or float64 does not have, as it was written: NaN, Infinity, 1e999."""


class LongText(str):
    """The beginning of a string that is longer than any name or category."""


@dataclass(frozen=True, slots=True)
class Nested:
    """An array or object in place of a scalar."""

    is_object: bool
    count: int
    """How many elements or keys it has."""
    complete: bool
    """Whether it was read to its end; if not, it has at least ``count`` elements or keys."""


Value: TypeAlias = bool | int | float | str | Nested | None


def float_value(text: str) -> float | NumberText:
    """Return the number that a literal with a fraction or an exponent stands for."""
    value = float(text)
    return value if math.isfinite(value) else NumberText(shorten(text))


def integer_value(text: str) -> int | NumberText:
    """Return the number that a literal without a fraction stands for."""
    return int(text) if len(text) <= _INTEGER_CHARACTERS_LIMIT else NumberText(shorten(text))


def parse_flat_object(text: str) -> list[tuple[str, Value]]:
    """Return the keys and values of an object without nested values, as they were written.

    Raises:
        json.JSONDecodeError: the text is not JSON.
    """
    pairs: list[tuple[str, Value]] = _FLAT_OBJECTS.decode(text)
    return pairs


def parse_nested(text: str) -> tuple[Nested, int]:
    """Return what the array or object at the start of a text is, and the index of the character behind it.

    Raises:
        json.JSONDecodeError: the text does not begin with a whole array or object.
    """
    value, end = _NESTED.raw_decode(text)
    return Nested(isinstance(value, _Object), len(value), complete=True), end


class _Object(list[tuple[str, object]]):
    """An object as the list of its keys and values."""


_FLAT_OBJECTS = json.JSONDecoder(
    object_pairs_hook=list, parse_float=float_value, parse_int=integer_value, parse_constant=NumberText
)
# Integers are read as floats, which takes linear time and has no limit of digits.
_NESTED = json.JSONDecoder(object_pairs_hook=_Object, parse_int=float)


def shorten(text: str) -> str:
    """Return the beginning of a text, with an ellipsis if it goes on."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def sendable(text: str) -> str:
    """Return a text without lone surrogates, which JSON's escapes allow and UTF-8 does not."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def show_name(key: str) -> str:
    """Return how an error message shows the name of an unknown field."""
    return sendable(key[:_SHOWN_CHARACTERS])


def show(value: Value) -> str:
    """Return how an error message shows a wrong value."""
    if isinstance(value, Nested):
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
