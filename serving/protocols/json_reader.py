"""JSON bodies of other protocols, read into Python's values in slices.

A short body is read in one call. A long one is read piece by piece, so that other requests get their turn between two
pieces. The number of values is limited, because a value takes many times more memory than its text.
"""

from __future__ import annotations

import json
import math
from json import JSONDecodeError
from typing import Any, Final

import msgspec

from serving.codec.careful import explain_syntax
from serving.codec.scanner import CALL_BYTES, Scanner
from serving.codec.slices import Steps, WorkMeter
from serving.codec.values import DEPTH_LIMIT, NestingError, NumberText, float_value, integer_value
from serving.errors import InvalidError, MalformedError

DIRECT_BYTES: Final = 64 * 1024
"""A longer body is read in slices; this length takes about half a millisecond."""
_UNITS_PER_BYTE = 2
_CALL_UNITS = 300

_decode_fast = msgspec.json.Decoder().decode


def _constant(text: str) -> float:
    return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}[text]


_DECODER = json.JSONDecoder(parse_float=float_value, parse_int=integer_value, parse_constant=_constant)
"""Accepts NaN and Infinity, which clients in Python write."""


def read_json(body: bytes, meter: WorkMeter, values_limit: int, text_limit: int) -> Steps[Any]:
    """Return the value of a body: dicts, lists, texts, numbers, booleans and None. NaN is a float.

    Args:
        body: the bytes.
        meter: counts the work.
        values_limit: the largest number of values and keys in a long body.
        text_limit: a text of a long body is cut after about this number of characters.

    Raises:
        MalformedError: the body is not JSON in UTF-8, or is empty.
        InvalidError: the body has too many values.
    """
    if len(body) <= DIRECT_BYTES:
        try:
            value = _decode_fast(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        else:
            if meter.spend(_UNITS_PER_BYTE * len(body)):
                yield
            return value
    if not body:
        raise MalformedError("The body is empty; expected a JSON object.")
    return (yield from explain_syntax(body, _Reader(body, meter, values_limit, text_limit).body(), meter))


class _Reader:
    """One body that is being read."""

    def __init__(self, body: bytes, meter: WorkMeter, values_limit: int, text_limit: int) -> None:
        self._body = body
        self._meter = meter
        self._scanner = Scanner(body, meter, text_limit)
        self._values_limit = values_limit
        self._n_values = 0

    def body(self) -> Steps[Any]:
        """Return the value of the body."""
        value = yield from self._value(0)
        yield from self._scanner.end()
        return value

    def _count(self, n_values: int) -> None:
        self._n_values += n_values
        if self._n_values > self._values_limit:
            raise InvalidError(
                f"The body has more than {self._values_limit} values, which no request of this model has."
                " Send fewer rows at a time."
            )

    def _value(self, depth: int) -> Steps[Any]:
        """Read the value at the position."""
        if depth > DEPTH_LIMIT:
            raise NestingError
        scanner = self._scanner
        self._count(1)
        byte = yield from scanner.peek()
        if byte == b"{":
            return (yield from self._object(depth))
        if byte == b"[":
            return (yield from self._array(depth))
        value = yield from scanner.scalar(byte)
        if isinstance(value, NumberText) and value in ("NaN", "Infinity", "-Infinity"):
            return _constant(value)
        return value

    def _object(self, depth: int) -> Steps[dict[str, Any]]:
        members: dict[str, Any] = {}
        first = True
        while (key := (yield from self._scanner.next_key(first))) is not None:
            first = False
            self._count(1)
            members[key] = yield from self._value(depth + 1)
        return members

    def _array(self, depth: int) -> Steps[list[Any]]:
        elements: list[Any] = []
        scanner = self._scanner
        first = True
        while (yield from scanner.next_element(first)):
            first = False
            chunk = self._body[scanner.position : scanner.position + CALL_BYTES]
            if self._meter.spend(_CALL_UNITS + _UNITS_PER_BYTE * len(chunk)):
                yield
            several = self._several(chunk)
            if several is None:
                elements.append((yield from self._value(depth + 1)))
            else:
                values, length = several
                scanner.position += length
                elements += values
        return elements

    def _several(self, chunk: bytes) -> tuple[list[Any], int] | None:
        """Return the elements at the beginning of a chunk that can be read in one call, and the length of their text.

        The chunk begins with an element. If its text up to a comma is a whole list of values, no value is cut, as JSON is
        read from left to right in one way only.
        """
        for end in (chunk.rfind(b","), chunk.rfind(b"],") + 1, chunk.rfind(b"},") + 1, chunk.rfind(b'",') + 1):
            if end <= 0:
                continue
            text = b"[%b]" % chunk[:end]
            try:
                values = _decode_fast(text)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                values = _decode_unusual(text)
            if values is not None:
                self._count(chunk.count(b",", 0, end) + chunk.count(b":", 0, end) + 1)
                return values, end
        return None


def _decode_unusual(text: bytes) -> list[Any] | None:
    """Return the elements of a list that has NaN or a number beyond float64; None if the text is not one list."""
    if b"N" not in text and b"I" not in text and b"e" not in text and b"E" not in text:
        return None
    try:
        values: list[Any] = _DECODER.decode(text.decode())
    except (JSONDecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return None
    return values
