"""The few things of HTTP over ASGI that the routes need: a request's headers, its body within limits, an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from serving.errors import ClientGoneError, SlowBodyError, TooLargeError
from serving.head import JSON, Head
from serving.uvicorn_state import arrived

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON_HEADER = (b"content-type", JSON)
CLOSE_HEADER = (b"connection", b"close")

_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_SECONDS = 1.0


def status_line(status: int) -> bytes:
    """Return the first line of an answer, with its line end."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def header_lines(headers: Headers) -> bytes:
    """Return headers as they are written, each with its line end."""
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


def too_large(limit: int, got: str) -> TooLargeError:
    """Return the error for a body over the limit; the connection is closed, since the rest is not read."""
    error = TooLargeError(f"The body has {got} bytes; the limit is {limit}. Send fewer rows at a time.")
    error.headers = (CLOSE_HEADER,)
    return error


async def read_body(head: Head, receive: Receive, limit: int, timeout_s: float) -> bytes:
    """Return a request's body.

    Raises:
        TooLargeError: it has more than ``limit`` bytes; refused at once where the length is announced.
        SlowBodyError: it did not arrive within ``timeout_s`` seconds.
        ClientGoneError: the client went away.
    """
    if head.length is not None and head.length > limit:
        raise too_large(limit, str(head.length))
    if arrived(receive):
        return await _read(receive, limit)
    if head.length is None and not head.chunked:
        return b""
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(receive, limit)
    except TimeoutError:
        error = SlowBodyError(f"The body did not arrive within {timeout_s:g} seconds.")
        error.headers = (CLOSE_HEADER,)
        raise error from None


async def _read(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit, f"more than {limit}" if message.get("more_body", False) else str(size))
        if not message.get("more_body", False):
            return b"".join([*chunks, chunk]) if chunks else chunk
        chunks.append(chunk)


async def drain(receive: Receive) -> None:
    """Take in, within bounds, what a refused client is still sending, so that it gets to read its answer."""
    taken = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while taken < _DRAIN_BYTES:
                message = await receive()
                taken += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def answer(
    send: Send, status: int, body: bytes, headers: Headers, *, unread: Receive | None = None, head: bool = False
) -> None:
    """Send a whole answer; its length is added to the headers.

    Args:
        send: the connection.
        status: the HTTP status.
        body: the answer's body.
        headers: its headers, without the length.
        unread: where the rest of a body that was refused can be read from, before the connection closes.
        head: whether only the headers were asked for.
    """
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
        }
    )
    if head:
        body = b""
    if unread is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await drain(unread)
        body = b""
    await send({"type": "http.response.body", "body": body})
