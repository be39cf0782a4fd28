"""HTTP/1.1 on a raw socket: requests are written byte by byte, and answers are read strictly.

The attackers need what a client library forbids: halves of requests, resets, sockets without a reader. The good clients
use the same connection, so that a wrong byte of an answer is seen.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.siege.rows import body as row_body

_READ_BYTES = 65_536
_HEAD_LIMIT = 65_536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with a time of 0: close() sends RST


class WireError(Exception):
    """The received bytes are not an answer with a known length."""


class ClosedError(WireError):
    """The server closed the connection before the answer was complete."""


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    headers: dict[str, str]
    """By name in lower case; of a repeated one the last."""
    body: bytes

    @property
    def request_id(self) -> str | None:
        """The request's id that the server repeated."""
        return self.headers.get("x-request-id")

    def content(self) -> Any:
        """Return the decoded body; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def matches(self, request_id: str, predictions: float | list[float]) -> bool:
        """Return whether this is a prediction with this request id and these numbers."""
        content = self.content()
        if self.status != 200 or self.request_id != request_id or not isinstance(content, dict):
            return False
        key = "predictions" if isinstance(predictions, list) else "prediction"
        return bool(content.get(key) == predictions and content.get("request_id") == request_id)


def request(
    body: bytes, *headers: str, request_id: str | None = None, path: str = "/predict", chunks: int | None = None
) -> bytes:
    """Return a POST.

    Args:
        body: its body.
        headers: more header lines, without line ends.
        request_id: sent as ``X-Request-Id``.
        path: the request target.
        chunks: None for ``Content-Length``; otherwise the size of the body's chunks in bytes.
    """
    lines = [f"POST {path} HTTP/1.1", "Host: siege", "Content-Type: application/json", *headers]
    if request_id is not None:
        lines.append(f"X-Request-Id: {request_id}")
    if chunks is None:
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    lines.append("Transfer-Encoding: chunked")
    pieces = [body[start : start + chunks] for start in range(0, len(body), chunks)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + framed + b"0\r\n\r\n"


def prediction_request(number: int, request_id: str, *headers: str) -> bytes:
    """Return the request for the row of a number."""
    return request(row_body(number), *headers, request_id=request_id)


class Wire:
    """One connection to a server on loopback."""

    def __init__(self, connection: socket.socket, read_bytes: int = _READ_BYTES, read_pause_s: float = 0.0) -> None:
        self._socket = connection
        self._read_bytes = read_bytes
        self._read_pause_s = read_pause_s
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(
        cls,
        port: int,
        *,
        receive_bytes: int | None = None,
        read_bytes: int = _READ_BYTES,
        read_pause_s: float = 0.0,
    ) -> Self:
        """Connect.

        Args:
            port: of 127.0.0.1.
            receive_bytes: the size of the system's receive buffer; None for the usual one.
            read_bytes: the number of bytes of one read.
            read_pause_s: the seconds to wait before each read.

        Raises:
            OSError: no server accepts.
        """
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive_bytes is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        except BaseException:
            connection.close()
            raise
        return cls(connection, read_bytes, read_pause_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def local_port(self) -> int:
        """The port of this side."""
        return int(self._socket.getsockname()[1])

    async def send(self, data: bytes) -> None:
        """Send all of some bytes; waits while the server does not read.

        Raises:
            OSError: the server closed the connection.
        """
        await self._loop.sock_sendall(self._socket, data)

    async def receive(self) -> bytes:
        """Return the next bytes; none at the end of the stream.

        Raises:
            OSError: the server reset the connection.
        """
        if self._read_pause_s:
            await asyncio.sleep(self._read_pause_s)
        return await self._loop.sock_recv(self._socket, self._read_bytes)

    async def answer(self) -> Answer:
        """Read one answer.

        Raises:
            ClosedError: the stream ended before the answer did.
            WireError: the received bytes are not an answer with a known length.
            OSError: the server reset the connection.
        """
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _HEAD_LIMIT:
                raise WireError(f"no end of the head in {len(self._buffer)} bytes")
            await self._receive()
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        status, headers = _head(lines)
        if 100 <= status < 200:
            return await self.answer()
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            await self._receive()
        content = bytes(self._buffer[:length])
        del self._buffer[:length]
        return Answer(status, headers, content)

    async def until_end(self) -> None:
        """Read and drop all bytes until the server closes or resets the connection."""
        try:
            while await self.receive():
                pass
        except OSError:
            pass

    def half_close(self) -> None:
        """Close the sending side and continue to read."""
        with suppress(OSError):  # the server may have closed first
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave with a reset instead of an orderly end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    async def _receive(self) -> None:
        data = await self.receive()
        if not data:
            raise ClosedError(f"the server closed the connection with {len(self._buffer)} bytes of an answer sent")
        self._buffer += data


def _head(lines: list[str]) -> tuple[int, dict[str, str]]:
    version, _, remainder = lines[0].partition(" ")
    code = remainder[:3]
    if version != "HTTP/1.1" or not code.isdigit():
        raise WireError(f"not a status line: {lines[0][:100]!r}")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise WireError(f"not a header line: {line[:100]!r}")
        headers[name.lower()] = value.strip()
    if "transfer-encoding" in headers:
        raise WireError("this service answers with a length, got Transfer-Encoding")
    return int(code), headers
