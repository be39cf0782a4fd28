"""Parts of HTTP that both connections need: status lines, header lines, whole answers, and a body within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from serving.errors import CLOSE_HEADER, ClientGoneError, RequestTimeoutError, ServingError, TooLargeError
from serving.prediction_headers import JSON, PredictionHeaders
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from tabento.bundle.numbers import number_text

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON_HEADER = (b"content-type", JSON)


def status_line(status: int) -> bytes:
    """Return the first line of an answer, with its line end."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


def header_lines(headers: Headers) -> bytes:
    """Return headers as lines, each with its line end."""
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


OK_LINE = status_line(200)
_OK_REST = b"%b%b: %%b\r\n%%bcontent-length: %%d\r\n\r\n%%b" % (header_lines((JSON_HEADER,)), REQUEST_ID_HEADER)


def ok_rest(request_id: bytes, content: bytes, lines: bytes = b"") -> bytes:
    """Return headers and body of a prediction, to be written after ``OK_LINE`` and the server's own headers.

    Args:
        request_id: the id of the request.
        content: the body.
        lines: further headers, as ``header_lines`` returns them.
    """
    return _OK_REST % (request_id, lines, len(content), content)


def parse_header_lines(lines: bytes) -> Headers:
    """Return the headers of lines that ``header_lines`` returned."""
    return tuple((name, value) for name, _, value in (line.partition(b": ") for line in lines.split(b"\r\n")[:-1]))


def error_rest(request_id: bytes, error: ServingError) -> bytes:
    """Return headers and body of an error, to be written after its status line and the server's own headers."""
    body = error.body(request_id.decode())
    length = (b"content-length", b"%d" % len(body))
    headers = header_lines((JSON_HEADER, (REQUEST_ID_HEADER, request_id), *error.headers, length))
    return b"%b\r\n%b" % (headers, body)


def too_large(limit: int, got: str) -> TooLargeError:
    """Return the error for a body over the limit; the connection is closed, since the rest is not read."""
    error = TooLargeError(f"The body has {got} bytes; the limit is {limit}. Send fewer rows at a time.")
    error.headers = (CLOSE_HEADER,)
    return error


async def read_body(headers: PredictionHeaders, receive: Receive, limit: int, timeout_s: float) -> bytes:
    """Return a request's body.

    ``serving.fastpath`` passes the whole body in one message and has checked its limits; other servers may not.

    Raises:
        TooLargeError: it has more than ``limit`` bytes; refused immediately if its length is announced.
        RequestTimeoutError: it did not arrive within ``timeout_s`` seconds.
        ClientGoneError: the client has left.
    """
    if headers.length is not None and headers.length > limit:
        raise too_large(limit, str(headers.length))
    chunks: list[bytes] = []
    size = 0
    has_more = True
    try:
        async with asyncio.timeout(timeout_s):
            while has_more:
                chunk, has_more = await _read_part(receive, limit, size)
                size += len(chunk)
                chunks.append(chunk)
    except TimeoutError:
        error = RequestTimeoutError(f"The body did not arrive within {number_text(timeout_s)} seconds.")
        error.headers = (CLOSE_HEADER,)
        raise error from None
    return b"".join(chunks)


async def _read_part(receive: Receive, limit: int, size: int) -> tuple[bytes, bool]:
    """Return the next part of a body of which ``size`` bytes have arrived, and whether more follow."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    part: bytes = message.get("body", b"")
    has_more: bool = message.get("more_body", False)
    if size + len(part) > limit:
        raise too_large(limit, f"more than {limit}" if has_more else str(size + len(part)))
    return part, has_more
