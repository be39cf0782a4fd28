"""The few things of HTTP over ASGI that the routes need: a request's headers, its body within limits, an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from bundle.numbers import number_text
from serving.errors import ClientGoneError, RequestTimeoutError, TooLargeError
from serving.head import JSON, Head

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON_HEADER = (b"content-type", JSON)
CLOSE_HEADER = (b"connection", b"close")


def status_line(status: int) -> bytes:
    """Return the first line of an answer, with its line end."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


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

    ``serving.http1`` hands the whole body over in one message and has checked its limits; other servers may not.

    Raises:
        TooLargeError: it has more than ``limit`` bytes; refused at once if its length is announced.
        RequestTimeoutError: it did not arrive within ``timeout_s`` seconds.
        ClientGoneError: the client went away.
    """
    if head.length is not None and head.length > limit:
        raise too_large(limit, str(head.length))
    chunks: list[bytes] = []
    size = 0
    more = True
    try:
        async with asyncio.timeout(timeout_s):
            while more:
                chunk, more = await _read_part(receive, limit, size)
                size += len(chunk)
                chunks.append(chunk)
    except TimeoutError:
        error = RequestTimeoutError(f"The body did not arrive within {number_text(timeout_s)} seconds.")
        error.headers = (CLOSE_HEADER,)
        raise error from None
    return b"".join(chunks)


async def _read_part(receive: Receive, limit: int, size: int) -> tuple[bytes, bool]:
    """Return the next part of a body of which ``size`` bytes are there, and whether there is more."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    part: bytes = message.get("body", b"")
    more: bool = message.get("more_body", False)
    if size + len(part) > limit:
        raise too_large(limit, f"more than {limit}" if more else str(size + len(part)))
    return part, more


async def answer(send: Send, status: int, body: bytes, headers: Headers, *, head: bool = False) -> None:
    """Send a whole answer; its length is added to the headers.

    Args:
        send: the connection.
        status: the HTTP status.
        body: the answer's body.
        headers: its headers, without the length.
        head: whether only the headers were asked for.
    """
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": b"" if head else body})
