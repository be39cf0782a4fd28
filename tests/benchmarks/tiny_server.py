"""A tiny real HTTP server on a free port of this machine whose answers, right or wrong, a test chooses."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.servers import DEADLINE_S


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it arrived."""

    number: int
    """The index of the request, from 0."""
    headers: dict[str, str]
    content: Any
    """The decoded JSON body."""


Answer = Callable[[ReceivedRequest], list[bytes] | None]
"""The pieces of an answer, sent in sequence. None sends no answer, and an empty list closes the connection."""


def reply(body: str, status: int = 200, **headers: str) -> bytes:
    """Return a whole answer with its length in the head."""
    lines = [
        f"HTTP/1.1 {status} x",
        f"content-length: {len(body)}",
        *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def prediction(request: ReceivedRequest) -> bytes:
    """Return the right answer: the number that was sent, and the request's id if it has one."""
    body = f'{{"prediction":{float(request.content["x"])!r}}}'
    request_id = request.headers.get("x-request-id")
    return reply(body) if request_id is None else reply(body, x_request_id=request_id)


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Answer, server: _Server) -> None:
        self._answer = answer
        self._server = server
        self._bytes = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.open.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        head, blank, body = self._bytes.partition(b"\r\n\r\n")
        if not blank:
            return
        headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        if len(body) < int(headers["content-length"]):
            return
        self._bytes = b""
        request = ReceivedRequest(self._server.n_requests, headers, json.loads(body))
        self._server.n_requests += 1
        pieces = self._answer(request)
        if pieces is None:
            return
        if not pieces:
            self._transport.close()
        self._write(pieces)

    def _write(self, pieces: list[bytes]) -> None:
        if pieces and not self._transport.is_closing():
            self._transport.write(pieces[0])
            # The next one in a later pass of the loop: TCP then delivers most of them one by one.
            asyncio.get_running_loop().call_later(0.001, self._write, pieces[1:])


class _Server:
    def __init__(self) -> None:
        self.open: set[asyncio.Transport] = set()
        self.n_requests = 0
        self.address = ""

    async def run(self, answer: Answer, started: threading.Event, loops: list[tuple[Any, asyncio.Event]]) -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        server = await loop.create_server(lambda: _Connection(answer, self), "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        loops.append((loop, over))
        started.set()
        await over.wait()
        server.close()
        for transport in list(self.open):
            transport.abort()
        await server.wait_closed()


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Serve in a thread and yield the address."""
    server, started, loops = _Server(), threading.Event(), list[tuple[Any, asyncio.Event]]()
    thread = threading.Thread(target=lambda: asyncio.run(server.run(answer, started, loops)), name="tiny server")
    thread.start()
    if not started.wait(DEADLINE_S):
        raise TimeoutError("the server did not start")
    loop, over = loops[0]
    try:
        yield server.address
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(DEADLINE_S)
