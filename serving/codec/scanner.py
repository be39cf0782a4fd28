"""The structure of a JSON body: members of objects, elements of arrays, and nested values, which are only described.

The scanner reads only as far as its caller requests, so that the rest of a body costs nothing when the answer is
certain.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, TypeVar

from serving.codec.slices import Steps, WorkMeter
from serving.codec.tokens import TOKEN_UNITS, JsonSyntaxError, TokenReader
from serving.codec.values import DEPTH_LIMIT, NestedValue, NestingError, Value, parse_nested

T = TypeVar("T")

CALL_BYTES: Final = 8_192
"""A shorter value is read in one call, which is ten times as fast as token by token."""
NESTED_TOKENS_LIMIT = 300
"""The number of values that are read within long nested values. A nested value is always wrong: it is read for the message only."""
_FIRST_CALL_BYTES = 512
"""Most values are shorter than this, and need no larger chunk."""
_CALL_UNITS_PER_BYTE = 6
_NAME_EXPECTED = "Expecting property name enclosed in double quotes"


class Scanner(TokenReader):
    """Reads a body from its beginning, as far as its caller requests.

    Args:
        body: JSON in valid UTF-8.
        meter: counts the work.
        text_limit: a string of more characters is not kept as a whole.
    """

    def __init__(self, body: bytes, meter: WorkMeter, text_limit: int) -> None:
        super().__init__(body, meter, text_limit)
        self._nested_tokens = 0

    def next_key(self, first: bool) -> Steps[str | None]:
        """Read up to the next value of an object. Returns its key, or None at the end of the object.

        Args:
            first: whether the position is at the opening brace instead of after a value.

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
        if self.meter.spend(TOKEN_UNITS):
            yield
        yield from self.skip_string()
        key = self.text_from(start)
        if (yield from self.peek()) != b":":
            raise JsonSyntaxError("Expecting ':' delimiter", self.position)
        self.position += 1
        return key

    def next_element(self, first: bool) -> Steps[bool]:
        """Read up to the next value of an array. Returns whether there is one.

        Args:
            first: whether the position is at the opening bracket instead of after a value.

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
            return (yield from self.scalar(byte))
        nested = yield from self.read_in_one_call(parse_nested, CALL_BYTES)
        return nested or (yield from self._nested())

    def end(self) -> Steps[None]:
        """Check that only white space remains.

        Raises:
            JsonSyntaxError: there is more.
        """
        if (yield from self.peek()):
            raise JsonSyntaxError("Extra data", self.position)

    def read_in_one_call(self, parse: Callable[[str], tuple[T, int]], call_bytes: int) -> Steps[T | None]:
        """Read the value that begins here with one call of a parser.

        Args:
            parse: returns a value, and the index of the next character. Raises ValueError or RecursionError.
            call_bytes: the largest number of bytes that the parser gets.

        Returns:
            The value; None if it may be longer or is too unusual for the parser. Then nothing is read.

        Raises:
            JsonSyntaxError: the text is not JSON.
            NestingError: the value is nested too deeply.
        """
        start = self.position
        for size in (min(_FIRST_CALL_BYTES, call_bytes), call_bytes):
            # The end of the chunk may cut a character.
            text = self.body[start : start + size].decode("utf-8", "ignore")
            value: T | None = None
            try:
                value, end = parse(text)
                self.position += len(text[:end].encode())
            except json.JSONDecodeError as error:
                if start + size >= len(self.body):
                    raise JsonSyntaxError(error.msg, start + len(text[: error.pos].encode())) from None
            except (ValueError, RecursionError):
                pass
            read = size if value is None else self.position - start
            if self.meter.spend(TOKEN_UNITS + size // 16 + _CALL_UNITS_PER_BYTE * read):
                yield
            if value is not None:
                return value
        return None

    def _nested(self) -> Steps[NestedValue]:
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
                has_more = (yield from self.next_key(first)) is not None
            else:
                has_more = yield from self.next_element(first)
            first = False
            if not has_more:
                open_brackets.pop()
                if not open_brackets:
                    return NestedValue(kind == b"{", count, complete=True)
                continue
            if self._nested_tokens >= NESTED_TOKENS_LIMIT:
                return NestedValue(kind == b"{", count, complete=False)
            self._nested_tokens += 1
            count += len(open_brackets) == 1
            byte = yield from self.peek()
            if byte == b"[" or byte == b"{":
                first = True
                if self.meter.spend(TOKEN_UNITS):
                    yield
            else:
                yield from self.scalar(byte)
