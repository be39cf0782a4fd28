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

from bundle.contract import Contract
from bundle.store import read_bundle
from serving.application import Application
from serving.http import App, Receive, Scope, Send
from serving.http1.install import install
from serving.model import ServedModel
from serving.settings import ServingSettings
from tests.bundles import TREE, orchard_contract, write_bundle
from tests.servers import running

BODY = json.dumps(TREE).encode()


def plain_request(body: bytes = BODY, more: str = "", path: str = "/predict", name: str = "") -> bytes:
    """Return a plain request, unless ``more`` headers make it another; ``name`` is its request id."""
    if name:
        more += f"x-request-id: {name}\r\n"
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


class Line:
    """A client's connection.

    Args:
        address: the server's.
    """

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self._received = b""

    def __enter__(self) -> Line:
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
        whole, self._received = self._received[:end], self._received[end:]
        return whole

    def names(self, count: int) -> list[str]:
        """Return the request ids of the next answers, each of which has to be 200."""
        answers = [self.answer() for _ in range(count)]
        assert [each.split(b" ")[1] for each in answers] == [b"200"] * count
        return [json.loads(each.partition(b"\r\n\r\n")[2])["request_id"] for each in answers]

    def status(self) -> int:
        """Return the status of the next answer."""
        return int(self.answer().split(b" ")[1])

    def error(self, status: int) -> dict[str, Any]:
        """Return the envelope of the next answer, which has to be an error of this status that ends the connection."""
        whole = self.answer()
        assert whole.startswith(b"HTTP/1.1 %d " % status), whole
        assert whole.lower().count(b"\r\nconnection: close\r\n") == 1, whole
        assert self.ends()
        content: dict[str, Any] = json.loads(whole.partition(b"\r\n\r\n")[2])
        assert content["request_id"].encode() in whole.partition(b"\r\n\r\n")[0]
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
