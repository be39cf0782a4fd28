"""The doorman refuses whole requests by their bytes, and leaves all else to uvicorn."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
import uvicorn.protocols.http.auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.application import Application
from serving.doorman import DoormanProtocol
from serving.errors import OverloadedError
from tests.bundles import TREE

BODY = json.dumps(TREE).encode()


def _refuse_all(rows: float = 1.0) -> bool:
    return False


@contextmanager
def refusing(application: Application) -> Iterator[None]:
    """Let admission say no to everything."""
    assert application._predictions is not None
    before = application._predictions._admit
    application._predictions._admit = _refuse_all
    try:
        yield
    finally:
        application._predictions._admit = before


def _exchange(address: str, request: bytes, answers: int = 1) -> list[bytes]:
    host, port = address.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        while len(re.findall(rb"\{.*\}", received)) < answers:
            chunk = connection.recv(65536)
            assert chunk, received
            received += chunk
    return re.findall(rb"HTTP/1\.1 (\d+)", received)


def _request(body: bytes = BODY, path: str = "/predict", more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_uvicorn_still_chooses_by_the_name_that_is_replaced(server: str) -> None:
    """Pins how the protocol gets in: uvicorn's automatic choice, which derives from its httptools protocol."""
    installed = uvicorn.protocols.http.auto.AutoHTTPProtocol
    assert issubclass(installed, DoormanProtocol)
    config = uvicorn.Config(lambda: None)
    config.load()
    assert config.http_protocol_class is installed
    for name in ("data_received", "on_message_begin", "on_message_complete", "timeout_keep_alive_handler"):
        assert name in vars(HttpToolsProtocol)


def _whole_answer(address: str, *pieces: bytes) -> tuple[bytes, set[bytes], bytes]:
    """Send a request in pieces; return status line, header names and body of the answer."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        while not received.endswith(b"}"):
            received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    return status, {line.partition(b":")[0].lower() for line in lines}, body


def test_a_refusal_at_the_door_is_the_same_as_one_behind_it(server: str, application: Application) -> None:
    """Status, headers and body do not tell who refused; both are counted."""
    before = application.metrics.shed.get("budget", 0)
    request = _request(more="x-request-id: a\r\n")
    with refusing(application):
        door = _whole_answer(server, request)
        behind = _whole_answer(server, request.replace(b"/predict", b"/predict/", 1))
    assert door == behind
    assert door[0] == b"HTTP/1.1 503 Service Unavailable"
    assert b"retry-after" in door[1]
    assert json.loads(door[2])["request_id"] == "a"
    assert json.loads(door[2])["error"]["code"] == OverloadedError.code
    assert application.metrics.shed["budget"] == before + 2


def test_a_refused_body_that_is_still_to_come_is_thrown_away(server: str, application: Application) -> None:
    """Head and body in two pieces: refused at the head, and the connection goes on after the body."""
    host, port = server.removeprefix("http://").split(":")
    request = _request()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        with refusing(application):
            connection.sendall(request[: -len(BODY)])
            assert connection.recv(65536).startswith(b"HTTP/1.1 503")
        connection.sendall(BODY[:7])
        connection.sendall(BODY[7:] + request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", ["/predict", "/api/v1/predict", "/predict/batch"])
def test_every_prediction_path_has_the_doorman(server: str, application: Application, path: str) -> None:
    """Refusals are counted under the path that was asked for."""
    key = (path, 503)
    before = application.metrics.answered.get(key, 0)
    with refusing(application):
        assert _exchange(server, _request(path=path)) == [b"503"]
    assert application.metrics.answered[key] == before + 1


@pytest.mark.parametrize(
    "request_bytes",
    [
        _request(more="connection: close\r\n"),
        _request(more="expect: 100-continue\r\n"),
        _request(path="/predict/"),
        _request(path="/predict?x=1"),
    ],
)
def test_what_is_special_is_refused_behind_the_door(
    server: str, application: Application, request_bytes: bytes
) -> None:
    """Closing connections, expectations and odd paths go the long way, and get the same status."""
    with refusing(application):
        assert _exchange(server, request_bytes)[-1] == b"503"


def test_pipelined_requests_are_each_answered_once(server: str, application: Application) -> None:
    """Several requests in one piece are not mistaken for one."""
    assert _exchange(server, _request() * 3, answers=3) == [b"200"] * 3
    with refusing(application):
        assert _exchange(server, _request() * 3, answers=3) == [b"503"] * 3


def test_a_body_that_looks_like_a_request_is_a_body(server: str, application: Application) -> None:
    """Bytes in the middle of a message are never judged, whatever they look like: one message, one answer."""
    inner = _request()
    outer = _request(inner, path="/predict/")
    with refusing(application):
        status, _, _ = _whole_answer(server, outer[: -len(inner)], inner)
    assert status.startswith(b"HTTP/1.1 503")


def test_a_connection_survives_refusals(client: httpx.Client, application: Application) -> None:
    """After a refusal the same connection is answered as before."""
    for _ in range(3):
        with refusing(application):
            assert client.post("/predict", json=TREE).status_code == 503
        assert client.post("/predict", json=TREE).status_code == 200


class _Timer:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def test_a_connection_that_is_only_refused_is_not_idle(application: Application) -> None:
    """The keep-alive timer looks at refusals too, and still closes a connection that is really idle."""
    armed: list[float] = []

    class Loop:
        now = 100.0

        def time(self) -> float:
            return self.now

        def call_later(self, delay: float, callback: Any) -> str:
            armed.append(delay)
            return "timer"

    protocol: Any = DoormanProtocol.__new__(DoormanProtocol)
    protocol.loop, protocol.transport = Loop(), _Timer()
    protocol.timeout_keep_alive, protocol._refused_at = 5, 98.0
    protocol.timeout_keep_alive_handler()
    assert (armed, protocol.transport.closed) == ([3.0], False)
    protocol._refused_at = 90.0
    protocol.timeout_keep_alive_handler()
    assert protocol.transport.closed
