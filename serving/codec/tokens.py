"""JSON tokens, read one by one from the bytes of a body.

The scanner never holds more than one token. It reads long tokens in chunks and counts its work, so that its caller can
stop at any time and can give other requests their turn. It accepts what Python's ``json`` accepts, NaN and Infinity
included, and reports syntax errors in the words of ``json``.

It expects valid UTF-8.
"""

from __future__ import annotations

import json
import re
from typing import Final

from serving.codec.slices import Steps, WorkMeter
from serving.codec.values import LongText, Nested, NumberText, Value, float_value, integer_value, parse_nested

DEPTH_LIMIT = 500
"""How deeply arrays and objects may be nested. A row is flat, so that no valid body comes near."""
CALL_BYTES: Final = 16_384
"""What is shorter is read in one call, which is ten times as fast as token by token."""
NESTED_TOKENS_LIMIT = 500
"""How many values within long nested values are read. A nested value is always wrong: reading serves the message only."""
CHUNK: Final = 16_384
"""How many bytes one regular expression reads at most before the work is counted."""
TOKEN_UNITS = 100
"""The work of a token, whatever its length."""
_ESCAPE_BYTES = 12
"""The longest escape of a character: two times ``\\uXXXX``."""
_SHOWN_CHARACTERS = 512
"""How many characters of a long text are kept: more than a message shows and than a field's name may have."""

_BLANK = re.compile(rb"[ \t\n\r]*+")
_PLAIN_TEXT = re.compile(rb'[^"\\\x00-\x1f]*+')
_TEXT = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
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
_NAME_EXPECTED = "Expecting property name enclosed in double quotes"
_CLOSING = {b"[": b"]", b"{": b"}"}


class JsonSyntaxError(Exception):
    """The text is not JSON."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        """The index of the byte at which the error is."""


class NestingError(Exception):
    """Arrays and objects are nested more deeply than ``DEPTH_LIMIT``."""


class Scanner:
    """Reads the tokens of a body.

    Args:
        body: JSON in valid UTF-8.
        meter: counts the work.
        text_limit: a string of more characters is not kept as a whole.
    """

    def __init__(self, body: bytes, meter: WorkMeter, text_limit: int) -> None:
        self.body = body
        self.position = 0
        """The index of the next byte."""
        self._meter = meter
        self._text_bytes = 2 + _ESCAPE_BYTES * max(text_limit, _SHOWN_CHARACTERS)
        self._nested_tokens = 0

    def peek(self) -> Steps[bytes]:
        """Skip white space. Returns the next byte without reading it, or no byte at the end."""
        byte = self.body[self.position : self.position + 1]
        while byte and byte in b" \t\n\r":
            match = _BLANK.match(self.body, self.position, self.position + CHUNK)
            assert match is not None
            self.position = match.end()
            if self._meter.spend(match.end() - match.start()):
                yield
            byte = self.body[self.position : self.position + 1]
        return byte

    def next_key(self, first: bool) -> Steps[str | None]:
        """Read up to the next value of an object. Returns its key, or None at the end of the object.

        Args:
            first: whether the position is at the opening brace rather than behind a value.

        Raises:
            JsonSyntaxError: there is neither.
        """
        byte = yield from self.peek()
        if first:
            self.position += 1
            byte = yield from self.peek()
        if byte == b"}":
            self.position += 1
            return None
        if not first:
            if byte != b",":
                raise JsonSyntaxError("Expecting ',' delimiter", self.position)
            self.position += 1
            byte = yield from self.peek()
        if byte != b'"':
            raise JsonSyntaxError(_NAME_EXPECTED, self.position)
        start = self.position
        yield from self._skip_string()
        key = self._text(start)
        if (yield from self.peek()) != b":":
            raise JsonSyntaxError("Expecting ':' delimiter", self.position)
        self.position += 1
        return key

    def next_element(self, first: bool) -> Steps[bool]:
        """Read up to the next value of an array. Returns whether there is one.

        Args:
            first: whether the position is at the opening bracket rather than behind a value.

        Raises:
            JsonSyntaxError: neither a comma nor the end of the array follows.
        """
        byte = yield from self.peek()
        if first:
            self.position += 1
            byte = yield from self.peek()
        if byte == b"]":
            self.position += 1
            return False
        if not first:
            if byte != b",":
                raise JsonSyntaxError("Expecting ',' delimiter", self.position)
            self.position += 1
            yield from self.peek()
        return True

    def value(self) -> Steps[Value]:
        """Read a value. A nested value is only described, and is not read to its end if it is large.

        Raises:
            JsonSyntaxError: there is no value.
            NestingError: it is nested too deeply.
        """
        byte = yield from self.peek()
        if byte != b"[" and byte != b"{":
            return (yield from self._scalar(byte))
        nested = self._short_nested()
        if self._meter.spend(CALL_BYTES):
            yield
        return nested or (yield from self._nested())

    def end(self) -> Steps[None]:
        """Check that nothing but white space is left.

        Raises:
            JsonSyntaxError: there is more.
        """
        if (yield from self.peek()):
            raise JsonSyntaxError("Extra data", self.position)

    def _scalar(self, byte: bytes) -> Steps[Value]:
        start = self.position
        if self._meter.spend(TOKEN_UNITS):
            yield
        if byte == b'"':
            yield from self._skip_string()
            return self._text(start)
        match = _NUMBER.match(self.body, start, start + CHUNK)
        if match is not None:
            self.position = match.end()
            integer = not match[1]
            if match.end() == start + CHUNK:
                integer = yield from self._skip_long_number(start)
            text = self.body[start : self.position]
            if self._meter.spend(len(text)):
                yield
            return integer_value(text.decode()) if integer else float_value(text.decode())
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
            if self._meter.spend(match.end() - match.start()):
                yield
            if match.end() - match.start() < CHUNK:
                return

    def _skip_string(self) -> Steps[None]:
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
            if self._meter.spend(match.end() - position):
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

    def _text(self, start: int) -> str:
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

    def _short_nested(self) -> Nested | None:
        """Read an array or object in one call. Returns None if it may be too long or too deep for that."""
        chunk = self.body[self.position : self.position + CALL_BYTES]
        if chunk.count(b"[") + chunk.count(b"{") > DEPTH_LIMIT:
            return None
        # The end of the chunk may cut a character.
        text = chunk.decode("utf-8", "ignore")
        try:
            nested, end = parse_nested(text)
        except json.JSONDecodeError as error:
            if self.position + CALL_BYTES < len(self.body):
                return None
            raise JsonSyntaxError(error.msg, self.position + len(text[: error.pos].encode())) from None
        self.position += len(text[:end].encode())
        return nested

    def _nested(self) -> Steps[Nested]:
        """Read an array or object, and describe it by the number of its elements or keys."""
        kind = self.body[self.position : self.position + 1]
        open_brackets = bytearray()
        count = 0
        byte, first = kind, True
        while True:
            if first:
                open_brackets += byte
                if len(open_brackets) > DEPTH_LIMIT:
                    raise NestingError
            if open_brackets[-1:] == b"{":
                more = (yield from self.next_key(first)) is not None
            else:
                more = yield from self.next_element(first)
            first = False
            if not more:
                open_brackets.pop()
                if not open_brackets:
                    return Nested(kind == b"{", count, complete=True)
                continue
            if self._nested_tokens >= NESTED_TOKENS_LIMIT:
                return Nested(kind == b"{", count, complete=False)
            self._nested_tokens += 1
            count += len(open_brackets) == 1
            byte = yield from self.peek()
            if byte == b"[" or byte == b"{":
                first = True
                if self._meter.spend(TOKEN_UNITS):
                    yield
            else:
                yield from self._scalar(byte)
