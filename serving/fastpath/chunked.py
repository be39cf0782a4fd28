"""A body that arrives in chunks (RFC 9112, 7.1), joined within limits.

Extensions and trailers are bounded, checked and thrown away: a trailer never becomes a header.
"""

from __future__ import annotations

import re

from serving.fastpath.request_head import TOKEN, VALUE, malformed, quoted_text

MAX_SIZE_DIGITS = 12
"""A chunk's size of more hexadecimal digits is refused; twelve say 256 TiB."""
FREE_CHUNKS = 1_000
"""This number of chunks may be of any size."""
MIN_MEAN_CHUNK_BYTES = 64
"""A body of more chunks needs this number of bytes a chunk on average: a chunk costs about as much as 100 bytes of data."""
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,%d})[ \t]*+(?:;%b*+)?" % (MAX_SIZE_DIGITS, VALUE)).fullmatch
_TRAILER = re.compile(TOKEN + rb"++:" + VALUE + rb"*+").fullmatch


class ChunkedBody:
    """Collects the chunks of one body.

    Args:
        max_body_bytes: the largest number of bytes of the body.
        max_line_bytes: the largest total number of bytes of extensions in size lines, and of trailers.
    """

    __slots__ = (
        "_chunks",
        "_line_bytes",
        "_max_body_bytes",
        "_max_line_bytes",
        "_missing",
        "_pending",
        "_state",
        "body",
    )

    def __init__(self, max_body_bytes: int, max_line_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._max_line_bytes = max_line_bytes
        self._chunks = 0
        self._line_bytes = 0
        self._missing = 0
        self._pending = b""
        self._state = "size"
        self.body = bytearray()
        """The data of the chunks so far."""

    def feed(self, data: bytes) -> bytes | None:
        """Add bytes. Returns the bytes after the body when it is complete, and None before that.

        Raises:
            ProtocolError: they are not chunks, or exceed a limit; ``body_too_large`` is left to the caller to word.
        """
        if self._pending:
            data, self._pending = self._pending + data, b""
        position = 0
        while True:
            if self._state == "data":
                piece = data[position : position + self._missing]
                self.body += piece
                self._missing -= len(piece)
                position += len(piece)
                if self._missing:
                    return None
                self._state = "end"
            if self._state == "end":
                if not b"\r\n".startswith(data[position : position + 2]):
                    raise malformed("chunk", "Expected CR LF behind a chunk, as its size says.")
                if len(data) < position + 2:
                    self._pending = data[position:]
                    return None
                position += 2
                self._state = "size"
            end = data.find(b"\r\n", position)
            line = data[position : end if end >= 0 else len(data)]
            self._check_line(line)
            if end < 0:
                self._pending = line
                return None
            position = end + 2
            self._line_bytes += len(line)
            if self._state == "size":
                self._read_size(line)
            elif not line:
                return data[position:]
            elif _TRAILER(line) is None:
                raise malformed("trailer", f"Expected a trailer such as 'name: value', got {quoted_text(line)}.")

    def _check_line(self, line: bytes) -> None:
        """Limit the bytes that are not data, and refuse a line feed without a carriage return immediately."""
        if self._line_bytes + len(line) > self._max_line_bytes:
            raise malformed(
                "trailer" if self._state == "trailers" else "chunk",
                f"Chunk extensions and trailers have more than {self._max_line_bytes} bytes.",
            )
        if b"\n" in line:
            raise malformed("chunk", "Every line of a chunked body ends with CR LF; got a line feed alone.")

    def _read_size(self, line: bytes) -> None:
        match = _SIZE(line)
        if match is None:
            raise malformed("chunk", f"Expected a chunk's size in hexadecimal, got {quoted_text(line)}.")
        self._chunks += 1
        if self._chunks > FREE_CHUNKS + len(self.body) // MIN_MEAN_CHUNK_BYTES:
            raise malformed(
                "chunk",
                f"The body has chunks of {len(self.body) // (self._chunks - 1)} bytes on average;"
                f" beyond {FREE_CHUNKS} chunks at least {MIN_MEAN_CHUNK_BYTES} bytes are expected.",
            )
        self._missing = int(match[1], 16)
        # The digits of a size are no overhead that could be left out.
        self._line_bytes -= min(len(match[1]), len(line))
        if len(self.body) + self._missing > self._max_body_bytes:
            raise BodyLimitError
        self._state = "data" if self._missing else "trailers"


class BodyLimitError(Exception):
    """The chunks announce more bytes than a body may have."""
