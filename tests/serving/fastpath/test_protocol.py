"""A connection's states: what it answers, what it refuses, how long it waits, and that one client never holds up another."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from runners.batcher import MicroBatcher
from serving.application import Application
from serving.fastpath.connection_context import ConnectionContext
from serving.fastpath.protocol import FastPathProtocol
from serving.fastpath.tcp_connection import LINGER_S
from serving.http import Receive, Scope, Send
from serving.settings import ServingSettings
from tests.bundles import TREE, linear_answer, orchard_contract
from tests.examples import examples
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import BODY, RawClient, application_of, on_loop, plain_request, respond, serving

ALIVE = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = BODY.join((b"%x\r\n" % len(BODY), b"\r\n0\r\n"))


def _settings(**changes: Any) -> ServingSettings:
    return ServingSettings(slo_p99_ms=60_000, **changes)


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Application]]:
    """The address of a server with small limits, and its application."""
    limits = _settings(max_head_bytes=2_048, max_body_bytes=65_536)
    application = application_of(tmp_path_factory.mktemp("served"), limits)
    with serving(application) as address:
        yield address, application


@pytest.fixture
def line(small_server: tuple[str, Application]) -> Iterator[RawClient]:
    """A connection to that server."""
    with RawClient(small_server[0]) as line:
        yield line


def _batcher(application: Application) -> MicroBatcher:
    return application.state.started_model().runner.batcher


def _queued(application: Application, rows: int) -> None:
    wait_until(lambda: _batcher(application).queued_rows == rows, f"{rows} rows in the queue")


def _idle(application: Application) -> None:
    wait_until(lambda: application.metrics.in_flight == 0, "nothing to be in flight")


# What is framed otherwise than a plain request.


@pytest.mark.parametrize(
    "upgrade",
    [
        "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n",
        "connection: upgrade\r\nupgrade: anything/2, else\r\n",
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("cut", [0, 30, 200])
def test_an_upgrade_is_ignored_and_the_body_stays_a_body(
    line: RawClient, upgrade: str, chunked: bool, cut: int
) -> None:
    """RFC 9110, 7.8: also if the body holds a whole request, which would be answered as one otherwise."""
    hidden = json.dumps({**TREE, "x": plain_request(name="smuggled").decode()}).encode()
    data = plain_request(hidden, upgrade, name="outer")
    if chunked:
        head = data.partition(b"\r\n\r\n")[0].replace(
            b"content-length: %d" % len(hidden), b"transfer-encoding: chunked"
        )
        data = head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)
    position = len(data) - cut
    for piece in (data[:position], data[position:] + plain_request(name="next")):
        if piece:
            line.send(piece)
    outer = line.answer()
    assert outer.startswith(b"HTTP/1.1 422 ")
    assert b"x-request-id: outer\r\n" in outer
    assert b"x-request-id: next\r\n" in line.answer()


def test_trailers_are_not_headers(line: RawClient) -> None:
    """A request id or a content type behind the body changes nothing."""
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\nx-request-id: head\r\ntransfer-encoding: chunked\r\n\r\n"
    line.send(head + CHUNKED + b"x-request-id: trailer\r\ncontent-type: text/plain\r\n\r\n")
    answer_bytes = line.answer()
    assert answer_bytes.startswith(b"HTTP/1.1 200 ")
    assert b"x-request-id: head\r\n" in answer_bytes


def test_a_client_that_waits_for_a_hundred_gets_it(line: RawClient) -> None:
    """RFC 9110, 10.1.1: then its answer, in one length or in chunks."""
    for extra_headers, body in (("", BODY), ("transfer-encoding: chunked\r\n", CHUNKED + b"\r\n")):
        head = plain_request(extra_headers=f"expect: 100-continue\r\n{extra_headers}")[: -len(BODY)]
        line.send(head.replace(b"content-length: %d\r\n" % len(BODY), b"") if extra_headers else head)
        assert _interim(line) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.send(body)
        assert line.status() == 200


def _interim(line: RawClient) -> bytes:
    """Return the next answer, which has no body."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += line.socket.recv(1)
    return received


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (plain_request(extra_headers="content-encoding: gzip\r\nexpect: 100-continue\r\n"), 415),
        (plain_request(extra_headers="expect: 100-continue\r\n", path="/nowhere"), 404),
        (plain_request(extra_headers="expect: 100-continue\r\n").replace(b"POST", b"PUT"), 405),
        (plain_request(extra_headers="expect: 100-continue\r\n").replace(b"-length: 1", b"-length: 9999999999"), 413),
    ],
)
def test_a_body_that_nobody_wants_is_not_asked_for(line: RawClient, head: bytes, status: int) -> None:
    """The final answer comes at once, and closes the connection, since the body may still be sent."""
    line.send(head[: -len(BODY)])
    assert line.error(status)


def test_a_body_that_is_sent_without_waiting_is_taken(line: RawClient) -> None:
    """A client may send its body right away; it needs no 100."""
    line.send(plain_request(extra_headers="expect: 100-continue\r\n"))
    assert line.status() == 200


@pytest.mark.parametrize(("keeps", "count"), [("", 1), ("connection: keep-alive\r\n", 2)])
def test_http_1_0_is_answered(line: RawClient, keeps: str, count: int) -> None:
    """It keeps its connection if it asks for that, and is told so."""
    for _ in range(count):
        line.send(plain_request(extra_headers=keeps).replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer_bytes = line.answer()
        assert answer_bytes.startswith(b"HTTP/1.1 200 ")
        assert (b"\r\nconnection: keep-alive\r\n" in answer_bytes) == bool(keeps)
    assert keeps or line.ends()


def test_an_expectation_of_http_1_0_is_ignored(line: RawClient) -> None:
    """It could not read a 100."""
    data = plain_request(extra_headers="expect: 100-continue\r\n").replace(b"HTTP/1.1", b"HTTP/1.0")
    line.send(data[: -len(BODY)])
    line.send(BODY)
    assert line.status() == 200


def test_empty_lines_in_front_of_a_request_are_ignored(line: RawClient) -> None:
    """RFC 9112, 2.2."""
    line.send(b"\r\n\r\n" + plain_request() + b"\r\n" + plain_request())
    assert (line.status(), line.status()) == (200, 200)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["fast", "asgi", "chunked", "page"]), min_size=2, max_size=4), st.data())
def test_requests_in_pieces_are_answered_as_whole_ones(
    small_server: tuple[str, Application], kinds: list[str], data: st.DataObject
) -> None:
    """Wherever they are cut, one after the other on one connection, each when the one before is answered."""
    requests = {
        "fast": plain_request(),
        "asgi": plain_request(path="/predict/"),
        "chunked": b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKED + b"\r\n",
        "page": ALIVE,
    }
    with RawClient(small_server[0]) as line:
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for kind in kinds:
            answer_bytes = requests[kind]
            cuts = data.draw(st.lists(st.integers(1, len(answer_bytes) - 1), max_size=3, unique=True))
            for start, end in pairwise([0, *sorted(cuts), len(answer_bytes)]):
                line.send(answer_bytes[start:end])
            assert line.status() == 200


# Bytes that are not a request.

WRONG = {
    "garbage": (b"\0\r\n\r\n", 400, "request_line"),
    "a line feed alone": (b"GET / HTTP/1.1\nhost: x\n\n", 400, "header"),
    "two hosts": (plain_request(extra_headers="host: y\r\n"), 400, "host"),
    "no host": (plain_request().replace(b"host: x\r\n", b""), 400, "host"),
    "two blanks": (plain_request().replace(b"POST ", b"POST  "), 400, "request_line"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"),
    "a coding": (
        plain_request(extra_headers="transfer-encoding: gzip, chunked\r\n").replace(b"content-length", b"x"),
        501,
        "transfer_encoding",
    ),
    "a long target": (b"GET /" + b"a" * 9_000, 414, "target_too_long"),
    "a long head": (b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"x" * 2_100, 431, "head_too_large"),
    "empty lines without end": (b"\r\n" * 1_100, 431, "head_too_large"),
    "many headers": (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 400, 431, "head_too_large"),
    "a whole head that is long": (
        b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"x" * 2_100 + b"\r\n\r\n",
        431,
        "head_too_large",
    ),
    "a large body": (plain_request(b" " * 65_537), 413, "body_too_large"),
    "a large body in chunks": (
        b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n10001\r\n",
        413,
        "body_too_large",
    ),
    "no chunk": (b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", 400, "chunk"),
    "trailers without end": (
        b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: " + b"x" * 2_100,
        400,
        "trailer",
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("before", [b"", plain_request(), ALIVE], ids=["alone", "behind a prediction", "behind a page"])
def test_what_is_no_request_is_refused_in_the_envelope(
    small_server: tuple[str, Application], name: str, before: bytes
) -> None:
    """Counted under its reason; a valid request in front of it, in the same segment, is answered first."""
    data, status, reason = WRONG[name]
    metrics = small_server[1].metrics
    count = metrics.protocol_errors.get(reason, 0)
    with RawClient(small_server[0]) as line:
        line.send(before + data)
        if before:
            assert line.status() == 200
        assert line.error(status)["error"]["message"]
    assert metrics.protocol_errors[reason] == count + 1
    _idle(small_server[1])


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HT",
        plain_request()[:-5],
        b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKED,
    ],
    ids=["head", "body", "chunks"],
)
@pytest.mark.parametrize("before", [b"", plain_request()], ids=["alone", "behind a prediction"])
def test_a_request_that_ends_half_way_is_refused(
    small_server: tuple[str, Application], before: bytes, data: bytes
) -> None:
    """In its head, its body or its chunks: 400, and nothing stays in flight."""
    with RawClient(small_server[0]) as line:
        line.send(before + data)
        line.socket.shutdown(socket.SHUT_WR)
        if before:
            assert line.status() == 200
        assert "ended before the request was whole" in line.error(400)["error"]["message"]
    _idle(small_server[1])
    assert small_server[1].table.buffered_bytes == 0


# Pipelining and taking turns.


def test_a_connection_has_two_requests_in_hand_at_most(small_server: tuple[str, Application]) -> None:
    """The rest waits in the socket: reading pauses while an answer is to come."""
    address, application = small_server
    _batcher(application).hold(2)
    with RawClient(address) as line, RawClient(address) as other:
        line.socket.setblocking(False)
        data = plain_request() * 100_000
        with pytest.raises(BlockingIOError):
            line.socket.sendall(data)
        _queued(application, 1)
        (connection,) = [
            open_connection
            for open_connection in application.table._connections
            if getattr(open_connection, "_answering", None) is not None
        ]
        wait_until(lambda: connection._reading_paused, "reading to pause")  # type: ignore[attr-defined]
        assert len(connection._waiting) < 1_000_000  # type: ignore[attr-defined]
        assert application.metrics.in_flight == 1
        other.send(plain_request())
        assert other.status() == 200
        line.reset()
    _idle(application)


def test_connections_take_turns(small_server: tuple[str, Application]) -> None:
    """A flood of pipelined requests on one connection holds a single request on another up by one of them at most."""
    address, application = small_server
    with RawClient(address) as flood, RawClient(address) as line:
        flood.send(plain_request(name="flood") * 500)
        for _ in range(20):
            line.send(plain_request(name="single"))
            assert line.status() == 200
        assert [flood.status() for _ in range(500)] == [200] * 500
    _idle(application)


def test_pipelined_requests_of_every_kind_are_answered_in_order(line: RawClient) -> None:
    """Fast path, ASGI, chunks and pages on one connection, in one segment."""
    chunked = (
        b"POST /predict HTTP/1.1\r\nhost: x\r\nx-request-id: c\r\ntransfer-encoding: chunked\r\n\r\n"
        + CHUNKED
        + b"\r\n"
    )
    line.send(
        plain_request(name="a") + plain_request(name="b", path="/predict/") + chunked + ALIVE + plain_request(name="d")
    )
    names = [line.answer() for _ in range(5)]
    assert [
        b"x-request-id: %b\r\n" % name in answer_bytes
        for name, answer_bytes in zip((b"a", b"b", b"c"), names, strict=False)
    ] == [True] * 3
    assert b'"alive"' in names[3]
    assert b"x-request-id: d\r\n" in names[4]


_LEAVING = st.sampled_from(["reset", "half", "close", "stay"])


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["one", "three", "many", "chunked", "part", "page"]), _LEAVING),
        min_size=1,
        max_size=6,
    )
)
def test_whoever_leaves_takes_nobody_along(
    small_server: tuple[str, Application], leavers: list[tuple[str, str]]
) -> None:
    """Whatever leaves, resets, half-closes or pipelines: nothing stays in flight and everybody else is answered."""
    address, application = small_server
    rows = json.dumps({"instances": [TREE] * 200}).encode()
    kinds = {
        "one": plain_request(),
        "three": plain_request() * 3,
        "many": plain_request(rows) + plain_request(),
        "chunked": b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKED + b"\r\n",
        "part": plain_request()[:-7],
        "page": ALIVE * 2,
    }
    with RawClient(address) as good:
        lines = [RawClient(address) for _ in leavers]
        for line, (kind, leave) in zip(lines, leavers, strict=True):
            line.send(kinds[kind])
            if leave == "reset":
                line.reset()
            elif leave == "half":
                line.socket.shutdown(socket.SHUT_WR)
            elif leave == "close":
                line.socket.close()
        for age in (1, 50, 90):
            good.send(plain_request(json.dumps({**TREE, "age": age}).encode()))
            log_lines = json.loads(good.answer().partition(b"\r\n\r\n")[2])
            assert log_lines["prediction"] == linear_answer({**TREE, "age": age}, orchard_contract())
        for line in lines:
            line.socket.close()
    _idle(application)
    assert application.table.buffered_bytes == 0


# The clock: what ``check`` does, without waiting.


class _Wire(asyncio.Transport):
    """A transport that remembers what was done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = self.aborted = self.ended = False
        self.reads = True
        self.unsent = 0

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def get_write_buffer_size(self) -> int:
        return self.unsent


class _Loop:
    """A loop whose time is told, and whose callbacks are run when the test says."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.soon: list[Any] = []
        self.timers: list[Any] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Any, *arguments: Any) -> None:
        self.soon.append((callback, arguments))

    def call_later(self, delay: float, callback: Any, *arguments: Any) -> str:
        self.timers.append((delay, callback, arguments))
        return "timer"

    def turn(self) -> None:
        waiting, self.soon = self.soon, []
        for callback, arguments in waiting:
            callback(*arguments)


async def _inner(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, b"inner", ())


def _connection(**changes: Any) -> tuple[FastPathProtocol, _Wire, _Loop, Application]:
    """Return a connection without a server: all that happens is what the test does."""
    application = Application(_inner, _settings(**changes))
    config = uvicorn.Config(application, log_config=None)
    config.load()
    loop, wire = _Loop(), _Wire()
    connection = FastPathProtocol(ConnectionContext(application, config, ServerState(), {}), loop)  # type: ignore[arg-type]
    connection.connection_made(wire)
    return connection, wire, loop, application


LIMITS = {"head_timeout_s": 10.0, "body_timeout_s": 20.0, "keep_alive_s": 75.0, "write_timeout_s": 30.0}


@pytest.mark.parametrize(
    ("data", "limit_s", "says"),
    [
        (b"", 10.0, b""),
        (b"POST /pre", 10.0, b"HTTP/1.1 408 "),
        (plain_request()[:-1], 20.0, b"HTTP/1.1 408 "),
        (b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n", 20.0, b"HTTP/1.1 408 "),
        (b"PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n", 20.0, b"HTTP/1.1 408 "),
    ],
    ids=["nothing", "half a head", "half a body", "no body", "half a chunk"],
)
def test_a_slow_client_is_ended_in_time(data: bytes, limit_s: float, says: bytes) -> None:
    """Not before the limit; with 408 if a request had begun, silently if not."""
    connection, wire, loop, application = _connection(**LIMITS)
    if data:
        connection.data_received(data)
    connection.check(loop.now + limit_s)
    assert (wire.closed, wire.ended, wire.written) == (False, False, b"")
    connection.check(loop.now + limit_s + 1.1)
    assert wire.closed or wire.ended
    assert wire.written.startswith(says)
    assert application.metrics.in_flight == 0
    assert application.table.buffered_bytes == 0


def test_empty_lines_are_no_request() -> None:
    """A connection that sent nothing else is idle: it is closed without an answer."""
    connection, wire, loop, application = _connection(**LIMITS)
    connection.data_received(b"\r\n\r\n")
    connection.check(loop.now + 11.1)
    assert (wire.closed, wire.written, application.metrics.protocol_errors) == (True, b"", {})


def test_trickled_bytes_do_not_extend_the_limit() -> None:
    """The time for a head runs from its first byte."""
    connection, wire, loop, application = _connection(**LIMITS)
    for byte in plain_request()[:12]:
        connection.data_received(bytes([byte]))
        loop.now += 1.0
        application.table.now = loop.now
        connection.check(loop.now)
    assert wire.written.startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed_after_its_answers() -> None:
    """An answer resets the time."""
    connection, wire, loop, application = _connection(**LIMITS)
    connection.complete_answer(closes=False)
    connection.check(loop.now + 75.0)
    assert not wire.closed
    connection.check(loop.now + 76.1)
    assert (wire.closed, wire.written) == (True, b"")
    assert application.metrics.protocol_errors == {}


def test_a_client_that_does_not_read_is_cut_off() -> None:
    """After the limit without any progress; each byte that it takes gives it the time again."""
    connection, wire, loop, _ = _connection(**LIMITS)
    wire.unsent = 100
    connection.pause_writing()
    for unsent in (90, 80):
        loop.now += 29.0
        wire.unsent = unsent
        connection.check(loop.now)
    loop.now += 30.5
    connection.check(loop.now)
    assert not wire.aborted
    loop.now += 1.0
    connection.check(loop.now)
    assert wire.aborted


@pytest.mark.parametrize("half_closed", [False, True])
def test_a_slow_client_gets_the_whole_of_its_last_answer(half_closed: bool) -> None:
    """A connection that ends with its answer is closed when that was taken, however long it takes."""
    connection, wire, loop, application = _connection(**LIMITS)
    if half_closed:
        connection._eof = True
    wire.unsent = 1_000
    connection.complete_answer(closes=True)
    for unsent in (900, 500, 100):
        loop.now += 29.0
        wire.unsent = unsent
        connection.check(loop.now)
        assert not wire.aborted
    wire.unsent = 0
    connection.check(loop.now)
    loop.now += LINGER_S + 1.1
    connection.check(loop.now)
    assert wire.aborted
    assert application.metrics.protocol_errors == {}


def test_a_client_that_ends_its_side_while_its_answer_is_unread_is_not_refused() -> None:
    """It has sent nothing that is not whole: it gets its answer, and the connection ends."""
    connection, wire, loop, application = _connection(**LIMITS)
    connection.complete_answer(closes=False)
    wire.unsent = 100_000
    connection.pause_writing()
    assert connection.eof_received()
    wire.unsent = 0
    connection.resume_writing()
    loop.turn()
    assert (wire.closed, wire.written, application.metrics.protocol_errors) == (True, b"", {})


def test_nothing_is_read_from_a_client_that_does_not_read() -> None:
    """What it sends meanwhile waits, and is read once it has read."""
    connection, wire, loop, _ = _connection(**LIMITS)
    connection.pause_writing()
    connection.data_received(b"\0\r\n\r\n")
    assert (wire.reads, wire.written) == (False, b"")
    connection.resume_writing()
    loop.turn()
    assert wire.written.startswith(b"HTTP/1.1 400 ")


def test_what_a_refused_client_still_sends_is_thrown_away_within_bounds() -> None:
    """So that it gets to read why; but neither for long nor without end."""
    connection, wire, _, _ = _connection(**LIMITS)
    connection.data_received(b"\0\r\n\r\n" + b"x" * 1000)
    assert (wire.ended, wire.closed) == (True, False)
    connection.data_received(b"x" * 1_000_000)
    assert not wire.closed
    assert wire.written.count(b"HTTP/1.1 ") == 1
    connection.data_received(b"x" * 16_000_000)
    assert wire.closed


def test_a_refused_client_is_not_listened_to_for_long() -> None:
    """After some seconds its connection is closed, whatever it does."""
    connection, wire, loop, _ = _connection(**LIMITS)
    connection.data_received(b"\0\r\n\r\n")
    connection.check(loop.now + LINGER_S)
    assert not wire.closed
    connection.check(loop.now + LINGER_S + 1.1)
    assert wire.closed


def test_too_many_connections_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    """With 503 in the envelope, at once."""
    caplog.set_level(logging.DEBUG)
    connection, _, loop, application = _connection(max_connections=1)
    wire = _Wire()
    second = FastPathProtocol(connection._context, loop)  # type: ignore[arg-type]
    second.connection_made(wire)
    assert wire.written.startswith(b"HTTP/1.1 503 ")
    assert wire.closed
    assert application.metrics.protocol_errors == {"too_many_connections": 1}
    second.connection_lost(None)
    third = FastPathProtocol(connection._context, loop)  # type: ignore[arg-type]
    connection.connection_lost(None)
    wire = _Wire()
    third.connection_made(wire)
    assert not wire.closed
    assert "too_many_connections" in caplog.text


def test_bodies_that_arrive_are_bounded_together() -> None:
    """Memory for them is reserved when they are announced; beyond, 503; what ends gives its part back."""
    first, wire, loop, application = _connection(max_buffered_bytes=1 << 20, max_body_bytes=1 << 20)
    first.data_received(plain_request(b" " * 700_000)[:-1])
    assert wire.written == b""
    second, refused_wire = FastPathProtocol(first._context, loop), _Wire()  # type: ignore[arg-type]
    second.connection_made(refused_wire)
    second.data_received(plain_request(b" " * 700_000)[:-1])
    assert refused_wire.written.startswith(b"HTTP/1.1 503 ")
    assert application.metrics.protocol_errors == {"buffer_full": 1}
    assert application.metrics.in_flight == 1
    first.connection_lost(None)
    assert (application.metrics.in_flight, application.table.buffered_bytes) == (0, 0)


def test_a_request_that_nothing_answers_is_answered_by_the_watchdog(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On both ways: 500, counted and logged as a defect; nothing stays in flight, and what comes later is ignored."""
    application = application_of(tmp_path, _settings(answer_timeout_s=0.2))
    with (
        serving(application) as address,
        RawClient(address) as fast,
        RawClient(address) as asgi,
        RawClient(address) as good,
    ):
        _batcher(application).hold(3)
        fast.send(plain_request())
        asgi.send(plain_request(path="/predict/"))
        assert fast.error(500)["error"]["code"] == "internal"
        assert asgi.error(500)["error"]["code"] == "internal"
        _idle(application)
        good.send(plain_request(json.dumps({"instances": [TREE]}).encode()))
        assert good.status() == 200
        _idle(application)
    assert application.metrics.watchdog == 2
    assert "this is a defect" in caplog.text
    assert all(getattr(record, "request_id", None) for record in caplog.records if "defect" in record.message)


def test_an_application_that_fails_is_answered_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An exception, or no answer at all, from whatever stands around the application becomes 500 in the envelope."""

    class WrappingMiddleware:
        def __init__(self, app: Application) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await self.app(scope, receive, send)
            elif scope["path"] == "/raise":
                raise RuntimeError("this went wrong")

    application = application_of(tmp_path, _settings())
    with serving(application, WrappingMiddleware(application)) as address:
        for path in ("/raise", "/silent"):
            with RawClient(address) as line:
                line.send(plain_request(path=path, name="call-7"))
                assert line.error(500)["request_id"] == "call-7"
    assert "this went wrong" in caplog.text
    assert "did not answer POST /silent" in caplog.text
    assert [getattr(record, "request_id", None) for record in caplog.records] == ["call-7", "call-7"]


def test_every_connection_can_be_closed_at_once(tmp_path: Path) -> None:
    """Whatever is in flight on them, as at the end of a drain."""
    application = application_of(tmp_path, _settings())
    with (
        serving(application) as address,
        RawClient(address) as idle,
        RawClient(address) as waits,
        RawClient(address) as half,
    ):
        _batcher(application).hold(10)
        waits.send(plain_request(path="/predict/"))
        half.send(plain_request()[:-1])
        idle.send(ALIVE)
        assert idle.status() == 200
        _queued(application, 1)
        wait_until(lambda: len(application.table) == 3 and application.metrics.in_flight == 2, "all to be there")
        (connection, *_) = application.table._connections
        assert on_loop(connection._loop, application.table.abort_all) == 3  # type: ignore[attr-defined]
        for line in (idle, waits, half):
            try:
                assert line.socket.recv(1) == b""
            except ConnectionResetError:
                continue
        _idle(application)
        wait_until(lambda: len(application.table) == 0, "the connections to end")


def test_a_leaving_service_answers_and_closes(tmp_path: Path) -> None:
    """After ``start_leaving`` predictions on both paths are answered with the end of their connections, and readiness is withdrawn."""
    application = application_of(tmp_path, _settings())
    with (
        serving(application) as address,
        RawClient(address) as fast,
        RawClient(address) as slow,
        RawClient(address) as probe,
    ):
        fast.send(plain_request())
        assert fast.status() == 200
        wait_until(lambda: len(application.table) == 3, "the connections")
        on_loop(_loop_of(application), application.state.start_leaving)
        for line, request in ((fast, plain_request()), (slow, plain_request(path="/predict/"))):
            line.send(request)
            answer = line.answer()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close\r\n" in answer
            assert line.ends()
        probe.send(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert probe.status() == 503
        for path in ("/v2/health/ready", "/ping"):
            with RawClient(address) as late:
                late.send(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode())
                assert late.status() == 503


def test_a_request_on_its_way_is_answered_when_connections_close(tmp_path: Path) -> None:
    """The first shutdown closes connections that are idle between requests, the second one also those that are new or half a head."""
    application = application_of(tmp_path, _settings())
    with (
        serving(application) as address,
        RawClient(address) as idle,
        RawClient(address) as new,
        RawClient(address) as half,
        RawClient(address) as silent,
    ):
        idle.send(ALIVE)
        assert idle.status() == 200
        half.send(plain_request()[:20])
        wait_until(lambda: len(application.table) == 4, "the connections")
        wait_until(lambda: sum(not connection._idle for connection in _connections(application)) == 1, "half a head")
        loop = _loop_of(application)
        on_loop(loop, lambda: [connection.shutdown() for connection in _connections(application)])
        assert idle.ends()
        new.send(plain_request(name="new"))
        half.send(plain_request()[20:])
        for line in (new, half):
            answer = line.answer()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close\r\n" in answer
            assert line.ends()
        on_loop(loop, lambda: [connection.shutdown() for connection in _connections(application)])
        assert silent.ends()


def _connections(application: Application) -> list[Any]:
    return list(application.table._connections)


def _loop_of(application: Application) -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = _connections(application)[0]._loop
    return loop
