"""UTF-8 checks and character positions of a whole body, in slices."""

from __future__ import annotations

from typing import Final

from serving.codec.slices import Steps, WorkMeter

_CHUNK: Final = 16_384
_BYTES_PER_UNIT = 8
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))


class InvalidUtf8Error(Exception):
    """The body is not UTF-8."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position
        """The index of the first byte that is wrong."""


def check_utf8(body: bytes, meter: WorkMeter) -> Steps[None]:
    """Check that a body is UTF-8.

    Raises:
        InvalidUtf8Error: it is not.
    """
    if body.isascii():
        return
    start = 0
    while start < len(body):
        end = min(start + _CHUNK, len(body))
        # No character is cut: it has at most three continuation bytes.
        for boundary in range(end, end - 4, -1):
            if boundary == len(body) or not 0x80 <= body[boundary] < 0xC0:
                end = boundary
                break
        try:
            body[start:end].decode()
        except UnicodeDecodeError as error:
            raise InvalidUtf8Error(start + error.start) from None
        if meter.spend((end - start) // _BYTES_PER_UNIT):
            yield
        start = end


def line_and_column(body: bytes, position: int, meter: WorkMeter) -> Steps[tuple[int, int]]:
    """Return the line and the column of a byte of valid UTF-8, both counted in characters from 1."""
    line, column = 1, 1
    for start in range(0, position, _CHUNK):
        chunk = body[start : min(start + _CHUNK, position)]
        newline = chunk.rfind(b"\n")
        if newline >= 0:
            line += chunk.count(b"\n")
            column = 1
        column += len(chunk[newline + 1 :].translate(None, _CONTINUATION_BYTES))
        if meter.spend(len(chunk) // _BYTES_PER_UNIT):
            yield
    return line, column
