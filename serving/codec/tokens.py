"""JSON tokens, read one by one from the bytes of a body.

The reader never holds more than one token. It reads long tokens in chunks and counts its work, so that its caller can
stop at any time and can give other requests their turn. It accepts what Python's ``json`` accepts, NaN and Infinity
included, and reports syntax errors in the words of ``json``.

The bytes must be valid UTF-8.
"""

from __future__ import annotations

import json
import re
from typing import Final

from serving.codec.slices import Steps, WorkMeter
from serving.codec.values import (
    INTEGER_CHARACTERS_LIMIT,
    LongText,
    NumberText,
    Value,
    float_value,
    integer_value,
)

CHUNK: Final = 16_384
"""The largest number of bytes that one regular expression reads before the work is counted."""
TOKEN_UNITS = 200
"""The fixed work of a token of any length."""
_NUMBER_BYTES_PER_UNIT = 8
"""Python reads a float of any length in one call, in linear time: 4 MiB take about a millisecond."""
_UNFINISHED_BYTES = 2
"""A chunk may end inside a number's ``.5`` or ``e+5``, so that up to two bytes at its end are not matched."""
_ESCAPE_BYTES = 12
"""The longest escape of a character: two times ``\\uXXXX``."""
_SHOWN_CHARACTERS = 512
"""The number of characters of a long text that are kept: more than a message shows and than a field's name may have."""

_BLANK = re.compile(rb"[ \t\n\r]*+")
_PLAIN_TEXT = re.compile(rb'[^"\\\x00-\x1f]*+')
_TEXT = re.compile(rb'(?:[^"\\\x00-\x1f]++|(?:\\["\\/bfnrt])++|(?:\\u[0-9a-fA-F]{4})++)*+')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*+)((?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)")
_DIGITS = re.compile(rb"[0-9]*+")
_CONSTANTS: dict[bytes, tuple[bytes, Value]] = {
    b"t": (b"true", True),
    b"f": (b"false", False),
    b"n": (b"null", None),
    b"N": (b"NaN", NumberText("NaN")),
    b"I": (b"Infinity", NumberText("Infinity")),
    b"-": (b"-Infinity", NumberText("-Infinity")),
}


class JsonSyntaxError(Exception):
    """The text is not JSON."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        """The index of the byte at which the error is."""


class TokenReader:
    """Reads scalars and white space from a body.

    Args:
        body: JSON in valid UTF-8.
        meter: counts the work.
        text_limit: a string of more characters is not kept as a whole.
    """

    def __init__(self, body: bytes, meter: WorkMeter, text_limit: int) -> None:
        self.body: Final = body
        self.position = 0
        """The index of the next byte."""
        self.meter: Final = meter
        self._text_bytes = 2 + _ESCAPE_BYTES * max(text_limit, _SHOWN_CHARACTERS)

    def peek(self) -> Steps[bytes]:
        """Skip white space. Returns the next byte without reading it, or no byte at the end."""
        byte = self.body[self.position : self.position + 1]
        while byte and byte in b" \t\n\r":
            match = _BLANK.match(self.body, self.position, self.position + CHUNK)
            assert match is not None
            self.position = match.end()
            if self.meter.spend(match.end() - match.start()):
                yield
            byte = self.body[self.position : self.position + 1]
        return byte

    def scalar(self, byte: bytes) -> Steps[Value]:
        """Read a string, a number or a constant.

        Args:
            byte: the next byte.

        Raises:
            JsonSyntaxError: there is none, or it is not JSON.
        """
        start = self.position
        if self.meter.spend(TOKEN_UNITS):
            yield
        if byte == b'"':
            yield from self.skip_string()
            return self.text_from(start)
        match = _NUMBER.match(self.body, start, start + CHUNK)
        if match is not None:
            self.position = match.end()
            integer = not match[1]
            if match.end() >= start + CHUNK - _UNFINISHED_BYTES:
                integer = yield from self._skip_long_number(start)
            if self.meter.spend((self.position - start) // _NUMBER_BYTES_PER_UNIT):
                yield
            if not integer:
                return float_value(self.body[start : self.position])
            end = min(self.position, start + INTEGER_CHARACTERS_LIMIT + 1)
            return integer_value(self.body[start:end].decode())
        literal, value = _CONSTANTS.get(byte, (b"", None))
        if not literal or not self.body.startswith(literal, start):
            raise JsonSyntaxError("Expecting value", start)
        self.position += len(literal)
        return value

    def _skip_long_number(self, start: int) -> Steps[bool]:
        """Skip a number of at least ``CHUNK`` bytes. Returns whether it is written as an integer."""
        body, integer = self.body, True
        self.position = start + body.startswith(b"-", start)
        yield from self._skip_digits()
        if body.startswith(b".", self.position) and body[self.position + 1 : self.position + 2].isdigit():
            integer = False
            self.position += 1
            yield from self._skip_digits()
        if body[self.position : self.position + 1] in (b"e", b"E"):
            digits = self.position + 1
            digits += body[digits : digits + 1] in (b"-", b"+")
            if body[digits : digits + 1].isdigit():
                integer = False
                self.position = digits
                yield from self._skip_digits()
        return integer

    def _skip_digits(self) -> Steps[None]:
        while True:
            match = _DIGITS.match(self.body, self.position, self.position + CHUNK)
            assert match is not None
            self.position = match.end()
            if self.meter.spend(match.end() - match.start()):
                yield
            if match.end() - match.start() < CHUNK:
                return

    def skip_string(self) -> Steps[None]:
        """Skip a string that begins here.

        Raises:
            JsonSyntaxError: it does not end, or holds a control character or an unknown escape.
        """
        body, start = self.body, self.position
        position = start + 1
        while True:
            match = _PLAIN_TEXT.match(body, position, position + CHUNK)
            assert match is not None
            if body.startswith(b"\\", match.end()):
                match = _TEXT.match(body, position, position + CHUNK)
                assert match is not None
            if self.meter.spend(match.end() - position):
                yield
            # The end of a chunk may cut an escape: it is read again from its backslash.
            stuck = match.end() == position
            position = match.end()
            byte = body[position : position + 1]
            if byte == b'"':
                self.position = position + 1
                return
            if not byte:
                raise JsonSyntaxError("Unterminated string starting at", start)
            if byte < b" ":
                raise JsonSyntaxError("Invalid control character at", position)
            if byte == b"\\" and stuck:
                raise self._escape_error(start, position)

    def _escape_error(self, start: int, position: int) -> JsonSyntaxError:
        """Return the error of a backslash after which no escape follows."""
        kind = self.body[position + 1 : position + 2]
        if not kind:
            return JsonSyntaxError("Unterminated string starting at", start)
        if kind == b"u":
            return JsonSyntaxError("Invalid \\uXXXX escape", position + 1)
        return JsonSyntaxError("Invalid \\escape", position)

    def text_from(self, start: int) -> str:
        """Return the string from ``start`` to the position, or only its beginning if it is long."""
        raw = self.body[start : min(self.position, start + self._text_bytes)]
        if self.position - start > self._text_bytes:
            # At most an escape or a character is cut at the end.
            match = _TEXT.match(raw, 1)
            assert match is not None
            text = match[0].decode("utf-8", "ignore")
            return LongText(json.loads(f'"{text}"')[:_SHOWN_CHARACTERS])
        if b"\\" not in raw:
            return raw[1:-1].decode()
        text = json.loads(raw)
        assert isinstance(text, str)
        return text
