"""The doorman refuses or answers whole requests by their bytes, and leaves all else to uvicorn.

What it answers, and when, is in ``test_at_door.py``.
"""

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
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from serving.application import Application
from serving.doorman import DoormanProtocol
from serving.errors import OverloadedError
from serving.http import Receive, Scope, Send
from serving.plain import PlainHeads
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
    for name in (
        *("data_received", "on_message_begin", "on_message_complete", "timeout_keep_alive_handler"),
        *("connection_lost", "shutdown"),
    ):
        assert name in vars(HttpToolsProtocol)


def test_uvicorn_still_has_what_is_read_of_it(application: Application) -> None:
    """Pins what of uvicorn's protocol, and of its flow control, the doorman reads without asking whether it is there."""
    protocol = _protocol(application, application)
    for name in ("cycle", "flow", "limit_concurrency", "loop", "pipeline", "scope", "server_state", "transport"):
        assert name in vars(protocol)
    assert (protocol.cycle, protocol.limit_concurrency, protocol.timeout_keep_alive_task) == (None, None, None)
    assert protocol.timeout_keep_alive == 5
    flow = FlowControl(protocol.transport)
    assert (flow.write_paused, flow.read_paused) == (False, False)
    assert callable(flow.pause_reading)
    assert callable(flow.resume_reading)
    assert protocol.server_state.total_requests == 0


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


class _Wire:
    """A transport that remembers what was written."""

    def __init__(self) -> None:
        self.closed = False
        self.reads = True
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reads = False

    def is_closing(self) -> bool:
        return self.closed


class _Loop:
    """A loop whose time is told, and whose timers are only written down."""

    def __init__(self) -> None:
        self.now = 100.0
        self.armed: list[float] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Any) -> str:
        self.armed.append(delay)
        return "timer"


def _protocol(application: Application, app: Any, **options: Any) -> Any:
    """Return the protocol of an application's doorman on a connection to ``app``, without a server."""
    bound = type("Bound", (DoormanProtocol,), {"application": application, "heads": PlainHeads()})
    config = uvicorn.Config(app, log_config=None, **options)
    protocol: Any = bound(config, ServerState(), {}, _Loop())
    protocol.transport = _Wire()
    protocol.flow = FlowControl(protocol.transport)
    return protocol


def test_a_connection_that_is_only_answered_here_is_not_idle(application: Application) -> None:
    """The keep-alive timer looks at what was answered or refused here, and still closes a connection that is really idle."""
    protocol = _protocol(application, application)
    loop, wire = protocol.loop, protocol.transport
    protocol._answered_at = 98.0
    protocol.timeout_keep_alive_handler()
    assert (loop.armed, wire.closed) == ([3.0], False)
    protocol._answered_at, protocol._pending = 90.0, True  # however long ago: somebody waits for an answer
    protocol.timeout_keep_alive_handler()
    assert (loop.armed, wire.closed) == ([3.0, 5.0], False)
    protocol._pending = False
    protocol.timeout_keep_alive_handler()
    assert (loop.armed, wire.closed) == ([3.0, 5.0], True)


def test_an_answer_arms_the_timer_once(application: Application) -> None:
    """However many are answered, one timer runs, and looks at the last of them."""
    protocol = _protocol(application, application)
    for now in (100.0, 102.0, 104.0):
        protocol.loop.now = now
        protocol._pending = True
        protocol.reply(b"HTTP/1.1 200 OK\r\n", b"content-length: 0\r\n\r\n")
    assert (protocol.loop.armed, protocol._answered_at, protocol._pending) == ([5], 104.0, False)
    assert protocol.transport.written == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" * 3
    assert protocol.server_state.total_requests == 3
    protocol.loop.now = 105.0
    protocol.timeout_keep_alive_handler()
    assert (protocol.loop.armed, protocol.transport.closed) == ([5, 4.0], False)


def test_an_answer_has_the_servers_own_headers(application: Application) -> None:
    """Between status line and the rest, as uvicorn has them."""
    protocol = _protocol(application, application)
    protocol.server_state.default_headers = [(b"date", b"now"), (b"server", b"uvicorn")]
    protocol.reply(b"HTTP/1.1 200 OK\r\n", b"content-length: 1\r\n\r\n1")
    assert protocol.transport.written == (
        b"HTTP/1.1 200 OK\r\ndate: now\r\nserver: uvicorn\r\ncontent-length: 1\r\n\r\n1"
    )


@pytest.mark.parametrize(("shut", "says"), [(True, False), (False, True), (True, True)])
def test_a_last_answer_closes_the_connection(application: Application, shut: bool, says: bool) -> None:
    """Because the server stops, because the answer says so, or both: it is said once, and nothing waits any more."""
    protocol = _protocol(application, application)
    protocol._pending = True
    protocol._held = _request()
    if shut:
        protocol.shutdown()
        assert not protocol.transport.closed
    said = b"connection: close\r\n"
    protocol.reply(b"HTTP/1.1 200 OK\r\n", (said if says else b"") + b"content-length: 0\r\n\r\n", says)
    assert protocol.transport.written.count(said) == protocol.transport.written.count(b"HTTP/1.1 ") == 1
    assert (protocol.transport.closed, protocol.loop.armed) == (True, [])


def test_what_comes_before_the_answer_is_kept_in_order(application: Application) -> None:
    """A loop may still hand on what it had read when it is told to stop: nothing of it is lost."""
    protocol = _protocol(application, application)
    protocol._pending = True
    for piece in (b"a", b"b", b"c"):
        protocol.data_received(piece)
    assert (protocol._held, protocol.flow.read_paused, protocol.transport.reads) == (b"abc", True, False)


@pytest.mark.parametrize("left", ["gone", "closing"])
def test_nothing_is_written_where_nobody_reads(application: Application, left: str) -> None:
    """Neither to a client that is gone nor to a connection that is being closed; what it sent besides is forgotten."""
    protocol = _protocol(application, application)
    protocol._pending = True
    protocol._held = _request()
    if left == "gone":
        protocol.connection_lost(ConnectionResetError())
    else:
        protocol.transport.close()
    protocol.reply(b"HTTP/1.1 200 OK\r\n", b"content-length: 0\r\n\r\n")
    assert (protocol.transport.written, protocol.loop.armed, protocol._pending) == (b"", [], False)
    assert protocol.server_state.total_requests == 0


def test_who_shuts_down_an_idle_connection_closes_it(application: Application) -> None:
    """At once, as uvicorn does."""
    protocol = _protocol(application, application)
    protocol.shutdown()
    assert protocol.transport.closed


class _Around:
    def __init__(self, app: Any) -> None:
        self.app = app


async def _other(scope: Scope, receive: Receive, send: Send) -> None:
    return None


def test_what_stands_in_front_decides(application: Application) -> None:
    """What is known to change nothing is seen through; of what is unknown requests are judged only, of others nothing."""
    proxied: Any = ProxyHeadersMiddleware
    known = proxied(CORSMiddleware(application, allow_origins=["https://shop.example"]))
    unknown = _Around(application)
    for app, judges, answers in (
        (application, True, True),
        (known, True, True),
        (unknown, True, False),
        (proxied(unknown), True, False),
        (_Around(known), True, False),
        (_other, False, False),
        (_Around(_Around(_other)), False, False),
        (proxied(_other), False, False),
    ):
        protocol = _protocol(application, app, interface="asgi3")
        assert (protocol._judges, protocol._answers) == (judges, answers), app


def test_where_connections_are_counted_uvicorn_answers(application: Application) -> None:
    """A limit of concurrent requests is uvicorn's to keep: plain requests go there."""
    protocol = _protocol(application, application, limit_concurrency=5)
    assert (protocol._judges, protocol._answers) == (True, False)


def test_answers_and_refusals_take_turns(server: str, application: Application) -> None:
    """On one connection, and behind a request that went the long way as well."""
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for path in ("/predict", "/predict/", "/predict", "/predict?x=1", "/predict"):
            connection.sendall(_request(path=path))
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            with refusing(application):
                connection.sendall(_request(path=path))
                assert connection.recv(65536).startswith(b"HTTP/1.1 503")


def test_a_plain_request_behind_a_thrown_away_body_is_answered(server: str, application: Application) -> None:
    """Where the body ends the next request begins, in whichever pieces both come."""
    request = _request()
    host, port = server.removeprefix("http://").split(":")
    for cut in (1, len(BODY) - 1, len(BODY)):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            with refusing(application):
                connection.sendall(request[: -len(BODY)])
                assert connection.recv(65536).startswith(b"HTTP/1.1 503")
            connection.sendall(BODY[:cut])
            connection.sendall(BODY[cut:] + request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
