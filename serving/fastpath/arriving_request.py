"""The request that is arriving on a connection, until it is complete.

Its bytes are kept, within limits, and parsed again only when it may be complete. While a body arrives its
memory is reserved in the connection table, and its request counts as in flight, so that a drain waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from serving.errors import HeadTooLargeError, OverloadedError
from serving.fastpath.chunked import BodyLimitError, ChunkedBody
from serving.fastpath.connection_context import ConnectionContext
from serving.fastpath.error import ProtocolError
from serving.fastpath.plain_request import STARTS
from serving.fastpath.request_head import RequestHead, check_line_ends, check_target_length, parse_head, request_id_of
from serving.http import too_large

_HEAD_END = b"\r\n\r\n"
_EMPTY_LINES: Any = re.compile(rb"(?:\r\n)*+").match


class BufferedRequest(NamedTuple):
    """A request that has arrived."""

    head: RequestHead
    body: bytes
    data: bytes
    """The bytes that were read; the next request may be among them."""
    end: int
    """The index at which the next request begins."""
    closes: bool
    """Whether the connection ends with the answer, because the body was not asked for."""


class ArrivingRequest:
    """A request that is still arriving.

    Args:
        context: the context that all connections of the server share.
        ask_for_body: sends ``100 Continue``.
    """

    __slots__ = (
        "_ask_for_body",
        "_blank_bytes",
        "_chunks",
        "_context",
        "_needed",
        "_partial",
        "before_drain",
        "head",
        "reserved",
    )

    def __init__(self, context: ConnectionContext, ask_for_body: Callable[[], None]) -> None:
        self._context = context
        self._ask_for_body = ask_for_body
        # The beginning of the request, or of its body if its head is known.
        self._partial = bytearray()
        # The length that it must have before it is parsed again; 0 while the end of a head is awaited.
        self._needed = 0
        self._blank_bytes = 0
        self._chunks: ChunkedBody | None = None
        self.head: RequestHead | None = None
        """The head of the request, if it has arrived and was not plain."""
        self.reserved: int | None = None
        """The number of bytes that are reserved for its body; None if no body is arriving."""
        self.before_drain = False
        """Whether the body of the present request began to arrive before the service began to drain."""

    @property
    def empty(self) -> bool:
        """Whether no byte of a request has arrived."""
        return self.head is None and not self._partial

    @property
    def in_body(self) -> bool:
        """Whether the body of a request is arriving."""
        return self.reserved is not None

    def add(self, data: bytes) -> bytes | None:
        """Add bytes from the connection, and return all bytes of the request; None if they are too few to be parsed.

        Raises:
            ProtocolError: the bytes cannot become the head of a request.
        """
        if self._chunks is not None:
            return data
        partial = self._partial
        before = len(partial)
        partial += data
        if self._needed:
            if len(partial) < self._needed:
                return None
        elif partial.find(_HEAD_END, max(before - 3, 0)) < 0:
            # A carriage return at the end of the former bytes may get its line feed now.
            self._check_head(partial, before - 1 if partial[before - 1 : before] == b"\r" else before)
            return None
        self._partial, self._needed = bytearray(), 0
        return bytes(partial)

    def feed(self, data: bytes, position: int) -> BufferedRequest | None:
        """Read a request by the whole grammar, and return it when it is complete.

        Args:
            data: the bytes from the connection, or from ``add``.
            position: the index at which the request begins or continues.

        Raises:
            ProtocolError: the request cannot be framed, or exceeds a limit.
        """
        if self._chunks is not None:
            return self._feed_chunks(data)
        head = self.head
        if head is None:
            # Empty lines before a request are ignored (RFC 9112, 2.2).
            begin = position
            position = _EMPTY_LINES(data, position).end()
            self._blank_bytes += position - begin
            if self._blank_bytes > self._context.max_head_bytes:
                raise self._head_too_large("The empty lines before the request have")
            end = data.find(_HEAD_END, position)
            if end < 0 or end - position > self._context.max_head_bytes:
                self._partial += data[position:]
                self._check_head(self._partial, 0)
                return None
            self._blank_bytes = 0
            head = self.head = parse_head(data[position : end + 2])
            position = end + 4
            if head.expects_continue and (head.chunked or len(data) < position + head.length):
                if not self._context.wants_body(head):
                    self.head = None
                    return BufferedRequest(head, b"", data, len(data), closes=True)
                self._ask_for_body()
            elif (head.chunked or len(data) < position + head.length) and not self._context.admits(head):
                # No memory for the body of a caller without a valid key: the head is answered, and the connection ends.
                self.head = None
                return BufferedRequest(head, b"", data, len(data), closes=True)
            if head.chunked:
                self._enter_body(0)
                self._chunks = ChunkedBody(self._context.max_body_bytes, self._context.max_head_bytes)
                return self._feed_chunks(data[position:])
            if head.length > self._context.max_body_bytes:
                raise self._too_large(str(head.length))
        end = position + head.length
        if len(data) < end:
            self.keep(data[position:], head.length)
            return None
        self.head = None
        return BufferedRequest(head, data[position:end], data, end, closes=False)

    def keep(self, data: bytes, needed: int) -> None:
        """Keep the arrived part of a body, or of a plain request, until ``needed`` bytes have arrived.

        Raises:
            ProtocolError: too many bodies are arriving on all connections.
        """
        if self.reserved is None:
            self._enter_body(needed)
        self._partial += data
        self._needed = needed

    def answering(self) -> None:
        """Release the reserved memory, now that the request is counted as in flight elsewhere."""
        self._chunks = None
        self.before_drain = False
        if self.reserved is not None:
            self._context.table.release(self.reserved)
            self.reserved = None
            self._context.accounting.stop_receiving()

    def close(self) -> None:
        """Forget the request and the connection, which has ended, so that both are freed without a collection.

        A service that loads models on demand lets the garbage collector skip what is present at a load, also a connection.
        """
        self.forget()
        self._ask_for_body = _ask_nobody

    def forget(self) -> None:
        """Drop the request."""
        self.head = None
        self._partial = bytearray()
        self._needed = 0
        self.answering()

    def caller_id(self) -> bytes | None:
        """Return the caller's id of the request, if it has arrived."""
        if self.head is not None:
            return request_id_of(self.head)
        plain = self._context.heads.find(bytes(self._partial)) if self._partial.startswith(STARTS) else None
        return None if plain is None else plain[1]

    def _check_head(self, part: bytearray, start: int) -> None:
        """Refuse a part of a head that cannot become a head.

        Args:
            part: the part that has arrived.
            start: the index up to which it has been checked.
        """
        limit = self._context.max_head_bytes
        check_target_length(part)
        check_line_ends(part[start:limit])
        if len(part) > limit:
            raise self._head_too_large("The head of the request has")

    def _enter_body(self, size: int) -> None:
        """Reserve memory for a body, and count its request as in flight."""
        self._reserve(size)
        self.reserved = size
        self._context.accounting.start_receiving()
        self.before_drain = not self._context.state.is_draining

    def _reserve(self, size: int) -> None:
        if not self._context.table.reserve(size):
            raise ProtocolError(
                "buffer_full", OverloadedError("Too many bodies are arriving at once. Try again shortly.")
            )

    def _feed_chunks(self, data: bytes) -> BufferedRequest | None:
        """Read bytes of a body in chunks."""
        chunks, head = self._chunks, self.head
        assert chunks is not None
        assert head is not None
        assert self.reserved is not None
        try:
            rest = chunks.feed(data)
        except BodyLimitError:
            raise self._too_large(f"more than {self._context.max_body_bytes}") from None
        added_bytes = len(chunks.body) - self.reserved
        self._reserve(added_bytes)
        self.reserved += added_bytes
        if rest is None:
            return None
        self.head = None
        return BufferedRequest(head, bytes(chunks.body), rest, 0, closes=False)

    def _head_too_large(self, subject: str) -> ProtocolError:
        text = f"{subject} more than {self._context.max_head_bytes} bytes."
        return ProtocolError("head_too_large", HeadTooLargeError(text))

    def _too_large(self, got: str) -> ProtocolError:
        return ProtocolError("body_too_large", too_large(self._context.max_body_bytes, got))


def _ask_nobody() -> None:
    """Do nothing: the client has left."""
