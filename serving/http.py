"""The few things of HTTP over ASGI that the routes need: a request's headers, its body within limits, an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from serving.errors import ClientGoneError, MediaTypeError, SlowBodyError, TooLargeError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
JSON_HEADER = (b"content-type", JSON)
CLOSE_HEADER = (b"connection", b"close")

_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_SECONDS = 1.0


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Return a header's value; ASGI servers send names in lower case."""
    for key, value in headers:
        if key == name:
            return value
    return None


def check_media_type(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse a body that says that it is something else than JSON in UTF-8; one that says nothing is taken for JSON.

    Raises:
        MediaTypeError: naming what came.
    """
    for key, value in headers:
        if key == b"content-type" and value != JSON:
            kind, *parameters = (part.strip().lower() for part in value.split(b";"))
            charsets = [part[8:].strip(b'"') for part in parameters if part.startswith(b"charset=")]
            if kind != JSON or any(charset not in (b"utf-8", b"utf8") for charset in charsets):
                raise MediaTypeError(
                    f"Expected Content-Type: application/json, got {value.decode('latin-1')!r}."
                    " With curl: -H 'Content-Type: application/json'."
                )
        elif key == b"content-encoding" and value.lower() != b"identity":
            raise MediaTypeError(f"Expected a body without Content-Encoding, got {value.decode('latin-1')!r}.")


def too_large(limit: int, got: str) -> TooLargeError:
    """Return the error for a body over the limit; the connection is closed, since the rest is not read."""
    error = TooLargeError(f"The body has {got} bytes; the limit is {limit}. Send fewer rows at a time.")
    error.headers = (CLOSE_HEADER,)
    return error


async def read_body(headers: Iterable[tuple[bytes, bytes]], receive: Receive, limit: int, timeout_s: float) -> bytes:
    """Return a request's body.

    Raises:
        TooLargeError: it has more than ``limit`` bytes; refused at once where the length is announced.
        SlowBodyError: it did not arrive within ``timeout_s`` seconds.
        ClientGoneError: the client went away.
    """
    length = header(headers, b"content-length")
    if length is not None and int(length) > limit:
        raise too_large(limit, length.decode())
    if length is not None or header(headers, b"transfer-encoding") is not None:
        try:
            async with asyncio.timeout(timeout_s):
                return await _read(receive, limit)
        except TimeoutError:
            error = SlowBodyError(f"The body did not arrive within {timeout_s:g} seconds.")
            error.headers = (CLOSE_HEADER,)
            raise error from None
    return b""


async def _read(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk: bytes = message.get("body", b"")
        if not message.get("more_body", False) and not chunks:
            if len(chunk) > limit:
                raise too_large(limit, str(len(chunk)))
            return chunk
        size += len(chunk)
        if size > limit:
            raise too_large(limit, f"more than {limit}")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


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
