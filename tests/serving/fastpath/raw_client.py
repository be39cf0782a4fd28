"""A server of the orchard's bundle with settings of a test's own, and raw connections to it."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving.application import Application
from serving.fastpath.install import install
from serving.http import App, Headers, Receive, Scope, Send
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.contract import Contract
from tabento.bundle.store import read_bundle
from tests.bundles import TREE, orchard_contract, write_bundle
from tests.servers import running

BODY = json.dumps(TREE).encode()


def plain_request(body: bytes = BODY, extra_headers: str = "", path: str = "/predict", name: str = "") -> bytes:
    """Return a plain request, unless ``more`` headers make it another; ``name`` is its request id."""
    if name:
        extra_headers += f"x-request-id: {name}\r\n"
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{extra_headers}content-length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


class RawClient:
    """A client's connection.

    Args:
        address: the server's.
        receive_buffer: the size of the kernel's buffer for received bytes; None for the default. It is set before the
            connection is made. A buffer that shrinks later is smaller than the window that TCP has announced: Linux then
            drops the server's acknowledgements, and the client cannot send any more.
    """

    def __init__(self, address: str, receive_buffer: int | None = None) -> None:
        host, port = address.removeprefix("http://").split(":")
        self.socket = socket.socket()
        self.socket.settimeout(30)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect((host, int(port)))
        self._received = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def answer(self, length: int | None = None) -> bytes:
        """Return the next whole answer: its head, an empty line, and as many bytes of a body as the head says.

        Args:
            length: how many bytes the body has, if not as many as the head says.
        """
        while b"\r\n\r\n" not in self._received:
            self._receive()
        end = self._received.index(b"\r\n\r\n") + 4
        match = re.search(rb"\r\ncontent-length: (\d+)\r\n", self._received[:end])
        assert match is not None, self._received
        end += int(match[1]) if length is None else length
        while len(self._received) < end:
            self._receive()
        answer_bytes, self._received = self._received[:end], self._received[end:]
        return answer_bytes

    def names(self, count: int) -> list[str]:
        """Return the request ids of the next answers, each of which has to be 200."""
        answers = [self.answer() for _ in range(count)]
        assert [response.split(b" ")[1] for response in answers] == [b"200"] * count
        return [json.loads(response.partition(b"\r\n\r\n")[2])["request_id"] for response in answers]

    def status(self) -> int:
        """Return the status of the next answer."""
        return int(self.answer().split(b" ")[1])

    def error(self, status: int) -> dict[str, Any]:
        """Return the envelope of the next answer, which has to be an error of this status that ends the connection."""
        answer_bytes = self.answer()
        assert answer_bytes.startswith(b"HTTP/1.1 %d " % status), answer_bytes
        assert answer_bytes.lower().count(b"\r\nconnection: close\r\n") == 1, answer_bytes
        assert self.ends()
        content: dict[str, Any] = json.loads(answer_bytes.partition(b"\r\n\r\n")[2])
        assert content["request_id"].encode() in answer_bytes.partition(b"\r\n\r\n")[0]
        return content

    def ends(self) -> bool:
        """Tell whether the server closes the connection, and says nothing more."""
        return not self._received and self.socket.recv(1) == b""

    def reset(self) -> None:
        """Break the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _receive(self) -> None:
        chunk = self.socket.recv(65536)
        assert chunk, self._received
        self._received += chunk


async def respond(send: Send, status: int, body: bytes, headers: Headers = ()) -> None:
    """Send a whole response through ASGI, with its length."""
    lines = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


def application_of(folder: Path, settings: ServingSettings, contract: Contract | None = None) -> Application:
    """Return an application that serves a bundle, by default the orchard's, from its server's start on."""
    contract = contract or orchard_contract()
    model = ServedModel(read_bundle(write_bundle(folder / "bundle", contract), f"{contract.name}:v1"), settings)

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        application.serve(model)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    application = Application(inner, settings)
    return application


@contextmanager
def serving(application: Application, app: App | None = None) -> Iterator[str]:
    """Serve an application, with ``app`` around it, and yield the address."""
    install()
    with running(app or application) as address:
        yield address


def on_loop(loop: asyncio.AbstractEventLoop, function: Callable[[], Any]) -> Any:
    """Run a function on an event loop of another thread, and return what it returns."""

    async def run() -> Any:
        return function()

    return asyncio.run_coroutine_threadsafe(run(), loop).result(30)
