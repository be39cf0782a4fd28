"""Plain requests are answered at the door as the long way answers them, each once, in order, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvicorn.protocols.http.auto
from hypothesis import given, settings
from starlette.middleware.cors import CORSMiddleware

from bundle.contract import Contract
from bundle.store import read_bundle
from runners.batcher import MicroBatcher
from serving.application import Application
from serving.at_door import CLIENT_GONE_STATUS, PlainPrediction
from serving.doorman import DoormanProtocol, install
from serving.http import App, Receive, Scope, Send, answer
from serving.metrics import Metrics
from serving.model import ServedModel
from serving.plain import STARTS
from serving.settings import ServingSettings
from tests.bundles import BREAKS, NO_CLASS, NOT_A_NUMBER, TREE, linear_answer, orchard_contract, write_bundle
from tests.servers import running, wait_until
from tests.serving import test_application
from tests.serving.codec.strategies import almost_right_bodies

CONTRACT = orchard_contract()
OK = b"HTTP/1.1 200 OK"
SETTINGS = ServingSettings(slo_p99_ms=60_000)
ROUTE = ("/predict", 200)


def _body(**changes: Any) -> bytes:
    return json.dumps({**TREE, **changes}).encode()


def _batch(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"instances": rows}).encode()


def _request(body: bytes = _body(), more: str = "", path: str = "/predict", name: str = "") -> bytes:
    """Return a plain request, unless ``more`` headers make it another; ``name`` is its id."""
    if name:
        more += f"x-request-id: {name}\r\n"
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


class Line:
    """A client's connection."""

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

    def answer(self) -> bytes:
        """Return the next whole answer: its head, an empty line, and as many bytes of a body as the head says."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
        end = self._received.index(b"\r\n\r\n") + 4
        found = re.search(rb"\r\ncontent-length: (\d+)\r\n", self._received[:end])
        assert found is not None, self._received
        end += int(found[1])
        while len(self._received) < end:
            self._receive()
        whole, self._received = self._received[:end], self._received[end:]
        return whole

    def names(self, count: int) -> list[str]:
        """Return the request ids of the next answers, each of which has to be 200."""
        answers = [self.answer() for _ in range(count)]
        assert [each.partition(b"\r\n")[0] for each in answers] == [OK] * count
        return [_json(each)["request_id"] for each in answers]

    def ends(self) -> bool:
        """Tell whether the server closes the connection, and says nothing more."""
        return not self._received and self.socket.recv(1) == b""

    def reset(self) -> None:
        """Leave without saying goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _receive(self) -> None:
        chunk = self.socket.recv(65536)
        assert chunk, self._received
        self._received += chunk


def _json(whole: bytes) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(whole.partition(b"\r\n\r\n")[2])
    return content


def _predictions(application: Application) -> Any:
    predictions = application._predictions
    assert predictions is not None
    return predictions


def _batcher(application: Application) -> MicroBatcher:
    assert application.runner is not None
    return application.runner.batcher


def _queued(application: Application, rows: int) -> None:
    wait_until(lambda: _batcher(application).queued_rows == rows, f"{rows} rows in the queue")


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way predictions went, in their order: ``door`` or ``asgi``."""
    went: list[str] = []
    start, call = PlainPrediction.start, Application.__call__

    def at_door(self: PlainPrediction, body: bytes) -> bool:
        went.append("door")  # before it is answered, which it may be when this returns
        begun = start(self, body)
        if not begun:
            went.pop()
        return begun

    async def through_asgi(self: Application, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            went.append("asgi")
        await call(self, scope, receive, send)

    monkeypatch.setattr(PlainPrediction, "start", at_door)
    monkeypatch.setattr(Application, "__call__", through_asgi)
    return went


@pytest.fixture
def protocols(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The protocols of the connections that were opened, in their order."""
    opened: list[Any] = []
    made = DoormanProtocol.connection_made

    def connection_made(self: DoormanProtocol, transport: Any) -> None:
        made(self, transport)
        self.timeout_keep_alive = 600  # whose connection ends was told so
        opened.append(self)

    monkeypatch.setattr(DoormanProtocol, "connection_made", connection_made)
    return opened


def _protocol(protocols: list[Any], count: int = 1) -> Any:
    """Return the protocol of the connection that was opened last, of so many."""
    wait_until(lambda: len(protocols) == count, "the connection")
    return protocols[-1]


def _own(
    folder: Path, served: ServingSettings = SETTINGS, contract: Contract | None = None
) -> tuple[Application, ServedModel]:
    """Return an application and a model of its own, which it serves from its server's start on."""
    contract = contract or CONTRACT
    model = ServedModel(read_bundle(write_bundle(folder / "bundle", contract), f"{contract.name}:v1"), served)

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        application.serve(model)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    application = Application(inner, served)
    return application, model


@contextmanager
def behind_a_door(application: Application, app: App | None = None) -> Iterator[str]:
    """Serve an application behind a doorman of its own, with ``app`` around it, and yield the address."""
    before = uvicorn.protocols.http.auto.AutoHTTPProtocol
    install(application)
    try:
        with running(app or application) as address:
            yield address
    finally:
        uvicorn.protocols.http.auto.AutoHTTPProtocol = before


@pytest.fixture
def own(tmp_path: Path) -> Application:
    """An application for one test, which may stop it."""
    return _own(tmp_path)[0]


def _told(whole: bytes) -> bytes:
    """Return an answer without what no two answers share: date, and the id that the service made."""
    head, _, body = whole.partition(b"\r\n\r\n")
    found = re.search(rb"x-request-id: ([^\r]+)", head)
    assert found is not None
    name = found[1]
    if re.fullmatch(rb"[0-9a-f]{16}-[0-9a-f]+", name):
        head, body = head.replace(name, b"made"), body.replace(name, b"made")
        head = re.sub(rb"content-length: \d+", b"content-length: %d" % len(body), head)
    head, dates = re.subn(rb"\r\ndate: [^\r]+", b"\r\ndate: now", head)
    assert dates == 1
    return head + b"\r\n\r\n" + body


def _long_way(request: bytes) -> bytes:
    """Return the same request by another name of its path, which only the long way knows."""
    return request.replace(b" HTTP/1.1", b"/ HTTP/1.1", 1)


def _both_ways(address: str, request: bytes) -> list[bytes]:
    """Return the answers to the same request at the door, if it is plain, and by the long way."""
    with Line(address) as line:
        answers = []
        for each in (request, _long_way(request)):
            line.send(each)
            answers.append(_told(line.answer()))
    return answers


def _counts(metrics: Metrics) -> dict[tuple[str, int], int]:
    return dict(metrics.answered)


def _more(metrics: Metrics, before: dict[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    """Return what was answered since."""
    return {key: count - before.get(key, 0) for key, count in metrics.answered.items() if count != before.get(key, 0)}


RIGHT = {
    "one row": _request(),
    "one row as a list": _request(_batch(TREE)),
    "many rows": _request(_batch(*({**TREE, "age": age} for age in (50, 1, 90, 7)))),
    "more rows than a slice": _request(_batch(*[TREE] * 200)),
    "rows at the path of many": _request(_batch(TREE, TREE), path="/predict/batch"),
    "the path with a version": _request(path="/api/v1/predict"),
    "an id": _request(name="call-7"),
    "the longest id": _request(name="x" * 128),
    "an id with blanks": _request(name="a b"),
    "an id that breaks out": _request(name='"}\\'),
    "an id in Latin-1": _request(name="\xe9"),
    "an id that is too long": _request(name="x" * 129),
    "an empty id": _request(more="x-request-id:\r\n"),
    "a deadline": _request(more="X-Deadline-Ms: 60000\r\n"),
    "a kept connection": _request(more="Connection: Keep-Alive\r\n"),
    "another letter case": _request().replace(b"content-type: application/json", b"CONTENT-TYPE:Application/JSON"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_both_ways_say_the_same(server: str, ways: list[str], name: str) -> None:
    """Byte for byte but for the date: the answer does not tell by which way it came."""
    door, long = _both_ways(server, RIGHT[name])
    assert door == long
    assert door.startswith(OK)
    assert ways == ["door", "asgi"]


@pytest.mark.parametrize(
    "request_bytes",
    [*(_request(body) for body, *_ in test_application.BAD_BODIES.values()), _request(path="/predict/batch")],
    ids=[*test_application.BAD_BODIES, "a single object where rows are expected"],
)
def test_bad_input_is_explained_the_long_way(server: str, ways: list[str], request_bytes: bytes) -> None:
    """What is wrong with a body is no question for the door, by whichever path it comes."""
    door, long = _both_ways(server, request_bytes)
    assert door == long
    assert re.match(rb"HTTP/1.1 4\d\d ", door)
    assert ways == ["asgi", "asgi"]


def test_the_unusual_but_right_goes_the_long_way(server: str, ways: list[str]) -> None:
    """Values that need a closer look are right, and answered after it."""
    door, long = _both_ways(server, _request(_body(soil='a "quoted" soil')))
    assert door == long
    assert door.startswith(OK)
    assert ways == ["asgi", "asgi"]


@settings(max_examples=300, deadline=None)
@given(body=almost_right_bodies())
def test_both_ways_say_the_same_of_any_body(server: str, body: bytes) -> None:
    """Right or wrong: made-up bodies get the same answer by both ways, one after the other on one connection."""
    door, long = _both_ways(server, _request(body, name="a"))
    assert door == long


def test_a_body_that_could_end_earlier_is_waited_for(server: str, ways: list[str]) -> None:
    """What is announced belongs to the request, though what is there of it is right already."""
    request = _request(_body() + b" " * 9, name="a")
    with Line(server) as line:
        line.send(request[:-9])
        line.send(request[-9:] + _request(name="b"))
        assert line.names(2) == ["a", "b"]
        line.send(_request(name="c"))
        assert line.names(1) == ["c"]
    assert ways[0] == "asgi"


WRONG_HEADS = {
    "another kind of body": (_request(more="content-type: text/plain\r\n"), b"415"),
    "a packed body": (_request(more="content-encoding: gzip\r\n"), b"415"),
    "an id with a blank behind it": (_request(more="x-request-id: a \r\n"), b"200"),
    "a body that is not packed, said oddly": (_request(more="content-encoding: identity \r\n"), b"415"),
    "a deadline that is no number": (_request(more="x-deadline-ms: soon\r\n"), b"400"),
    "a query": (_request(path="/predict?a=b"), b"200"),
    "an origin": (_request(more="origin: https://shop.example\r\n"), b"200"),
    "two ids": (_request(more="x-request-id: a\r\nx-request-id: b\r\n"), b"200"),
}


@pytest.mark.parametrize("name", WRONG_HEADS)
def test_unusual_heads_go_the_long_way(server: str, ways: list[str], name: str) -> None:
    """What is said in them is judged there."""
    request, status = WRONG_HEADS[name]
    with Line(server) as line:
        line.send(request)
        whole = line.answer()
    assert whole.split(b" ")[1] == status
    assert ways == ["asgi"]


def test_a_body_that_comes_later_goes_the_long_way(server: str, ways: list[str]) -> None:
    """Only what is there in one piece is plain; both kinds take turns on one connection."""
    with Line(server) as line:
        for cut in (40, len(_request()) - 5):
            request = _request(name=f"cut-{cut}")
            line.send(request[:cut])
            line.send(request[cut:])
            assert line.names(1) == [f"cut-{cut}"]
            line.send(_request(name="whole"))
            assert line.names(1) == ["whole"]
    assert ways[1::2] == ["door", "door"]


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory, harvest: Contract) -> Iterator[tuple[str, Application]]:
    """A classifier that some rows break, behind a door: its address, and its application."""
    application, _ = _own(tmp_path_factory.mktemp("fragile"), contract=harvest)
    with behind_a_door(application) as address:
        yield address, application


@pytest.mark.parametrize(
    ("slope", "reason"),
    [(BREAKS, b'"row":%d,'), (NOT_A_NUMBER, b"answered nan as a probability"), (NO_CLASS, b"there are 0 to 2")],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_both_ways_say_the_same_of_a_model_that_fails(
    fragile: tuple[str, Application],
    ways: list[str],
    caplog: pytest.LogCaptureFixture,
    slope: float,
    reason: bytes,
    rows: int,
) -> None:
    """A graph that fails, NaN, or a class that there is not: 500 with the reason, in the log under the request's id."""
    address, application = fragile
    wrong = {**TREE, "slope": slope}
    before, timed = _counts(application.metrics), sum(application.metrics.latency_s.counts)
    request = _request(json.dumps(wrong).encode() if rows == 1 else _batch(TREE, TREE, wrong), name="broken-7")
    door, long = _both_ways(address, request)
    assert door == long
    assert door.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert (reason.replace(b"%d", b"%d" % (rows - 1))) in door
    assert ways == ["door", "asgi"]
    wait_until(lambda: _more(application.metrics, before) == {("/predict", 500): 2}, "both to be counted")
    assert (application.metrics.in_flight, sum(application.metrics.latency_s.counts)) == (0, timed)
    assert len([message for message in caplog.messages if message.startswith("request broken-7: ")]) == 2


def test_both_ways_say_the_same_of_classes(fragile: tuple[str, Application], ways: list[str]) -> None:
    """Labels and probabilities of a classifier, for one row and for many."""
    for body in (_body(), _batch(TREE, {**TREE, "age": 3})):
        door, long = _both_ways(fragile[0], _request(body))
        assert door == long
        assert b'"probabilities":' in door
    assert ways == ["door", "asgi"] * 2


def test_a_row_that_breaks_the_model_breaks_its_own_request_only(
    fragile: tuple[str, Application], ways: list[str]
) -> None:
    """Plain requests of one batch: the others get their answers."""
    address, application = fragile
    _batcher(application).hold(3)
    with Line(address) as first, Line(address) as second, Line(address) as third:
        for index, (line, slope) in enumerate(((first, 1.0), (second, BREAKS), (third, 2.0)), start=1):
            line.send(_request(_body(slope=slope)))
            if index < 3:
                _queued(application, index)
        assert [line.answer().split(b" ")[1] for line in (first, second, third)] == [b"200", b"500", b"200"]
    assert ways == ["door"] * 3


def test_both_ways_say_the_same_of_a_deadline_that_passed(
    server: str, application: Application, ways: list[str]
) -> None:
    """504 in the same words, counted as such."""
    request = _request(more="x-deadline-ms: 0.001\r\n", name="late")
    before = _counts(application.metrics)
    answers = []
    for each in (request, _long_way(request)):
        _batcher(application).hold(2)
        with Line(server) as late, Line(server) as other:
            late.send(each)
            _queued(application, 1)
            other.send(_request())
            answers.append(_told(late.answer()))
            assert other.answer().startswith(OK)
    assert answers[0] == answers[1]
    assert answers[0].startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")
    assert b'"deadline_exceeded"' in answers[0]
    assert ways == ["door", "door", "asgi", "door"]
    wait_until(lambda: _more(application.metrics, before) == {("/predict", 504): 2, ROUTE: 2}, "all to be counted")


def test_both_ways_say_the_same_of_a_promise_that_was_broken(
    server: str, application: Application, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that waited too long are refused for load, with Retry-After, and counted as shed."""
    monkeypatch.setattr(_predictions(application), "slo_s", 0.0)
    shed = application.metrics.shed.get("expired", 0)
    door, long = _both_ways(server, _request(name="a"))
    assert door == long
    assert door.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 1\r\n" in door
    assert application.metrics.shed["expired"] == shed + 2
    assert ways == ["door", "asgi"]


def test_both_ways_say_the_same_of_a_full_queue(tmp_path: Path, ways: list[str]) -> None:
    """A request that finds no room is answered at once, while it is being begun; its connection goes on."""
    application, _ = _own(tmp_path, ServingSettings(slo_p99_ms=60_000, max_queue_rows=2))
    with behind_a_door(application) as address, Line(address) as waits, Line(address) as line:
        _batcher(application).hold(2)
        waits.send(_request(name="waits"))
        _queued(application, 1)
        request = _request(_batch(TREE, TREE), name="refused")
        door, long = _both_ways(address, request)
        assert door == long
        assert door.startswith(b"HTTP/1.1 503 ")
        line.send(request)
        assert _told(line.answer()) == door
        line.send(_request(name="fills"))
        assert (line.names(1), waits.names(1)) == (["fills"], ["waits"])
        assert ways == ["door", "door", "asgi", "door", "door"]
        assert application.metrics.shed["queue_full"] == 3
        wait_until(lambda: application.metrics.in_flight == 0, "all to be counted")


def test_both_ways_say_the_same_of_a_runner_that_stops(own: Application, ways: list[str], protocols: list[Any]) -> None:
    """503 that closes the connection."""
    answers = []
    with behind_a_door(own) as address:
        _batcher(own).drain(lambda: None)
        for request in (_request(name="a"), _long_way(_request(name="a"))):
            with Line(address) as line:
                line.send(request)
                answers.append(_told(line.answer()))
                assert line.ends()
    assert answers[0] == answers[1]
    assert answers[0].startswith(b"HTTP/1.1 503 ")
    assert answers[0].count(b"connection: close\r\n") == 1
    assert ways == ["door", "asgi"]


def test_a_body_over_the_limit_goes_the_long_way(tmp_path: Path, ways: list[str]) -> None:
    """413, though the bytes are there."""
    application, _ = _own(tmp_path, ServingSettings(slo_p99_ms=60_000, max_body_bytes=1_024))
    with behind_a_door(application) as address, Line(address) as line:
        line.send(_request(_body().ljust(1_024)))
        assert line.answer().startswith(OK)
        line.send(_request(_body().ljust(1_025)))
        assert line.answer().startswith(b"HTTP/1.1 413 ")
    assert ways == ["door", "asgi"]


def test_an_answer_is_counted(server: str, application: Application, ways: list[str]) -> None:
    """By route and status, with its time; while it is worked on it is in flight."""
    metrics = application.metrics
    before, timed, late = _counts(metrics), sum(metrics.latency_s.counts), metrics.over_slo
    _batcher(application).hold(4)
    with Line(server) as first, Line(server) as second:
        first.send(_request())
        _queued(application, 1)
        assert (metrics.in_flight, _more(metrics, before)) == (1, {})
        second.send(_request(_batch(TREE, TREE, TREE), path="/predict/batch"))
        assert first.answer().startswith(OK)
        assert second.answer().startswith(OK)
    wait_until(lambda: _more(metrics, before) == {ROUTE: 1, ("/predict/batch", 200): 1}, "both to be counted")
    assert (metrics.in_flight, sum(metrics.latency_s.counts), metrics.over_slo) == (0, timed + 2, late)
    assert ways == ["door", "door"]


def test_an_answer_later_than_promised_is_counted(
    server: str, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that began in time and ended late are answered, and counted as late."""
    predictions = _predictions(application)
    encode, late = predictions._encode, application.metrics.over_slo

    def encode_late(*args: Any) -> Any:
        predictions.slo_s = 0.0  # what was promised is over while the answer is written
        return encode(*args)

    monkeypatch.setattr(predictions, "slo_s", predictions.slo_s)
    monkeypatch.setattr(predictions, "_encode", encode_late)
    with Line(server) as line:
        line.send(_request())
        assert line.answer().startswith(OK)
    assert application.metrics.over_slo == late + 1


def test_an_answer_is_in_the_access_log(tmp_path: Path, ways: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each with method, path, status, time and id, whichever way the answer came."""
    application, _ = _own(tmp_path, ServingSettings(slo_p99_ms=60_000, access_log=True))
    written: list[tuple[Any, ...]] = []
    log = application._log
    assert log is not None
    monkeypatch.setattr(log, "write", lambda *line: written.append(line))
    with behind_a_door(application) as address:
        _both_ways(address, _request(name="call-7"))
        with Line(address) as line:
            line.send(_request(path="/predict/batch", body=_batch(TREE)))
            made = line.names(1)[0]
        wait_until(lambda: len(written) == 3, "the lines")
    assert [(method, path, status, name) for method, path, status, _, name in written] == [
        ("POST", "/predict", 200, b"call-7"),
        ("POST", "/predict", 200, b"call-7"),
        ("POST", "/predict/batch", 200, made.encode()),
    ]
    assert all(0 < seconds < 30 for *_, seconds, _ in written)
    assert ways == ["door", "asgi", "door"]


def _release(application: Application, protocol: Any) -> None:
    """Let a batch go that is held; on its loop, since its queue is not empty."""
    protocol.loop.call_soon_threadsafe(_batcher(application).hold, 0)


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_the_next_request_waits_for_its_turn(
    server: str, application: Application, ways: list[str], protocols: list[Any], pieces: int
) -> None:
    """Sent before the first is answered, whole or in pieces: answered after it, and both once."""
    before = _counts(application.metrics)
    following = _request(_body(age=3), name="second")
    cuts = [len(following) * index // pieces for index in range(pieces + 1)]
    _batcher(application).hold(2)
    with Line(server) as line:
        protocol = _protocol(protocols)
        line.send(_request(name="first"))
        _queued(application, 1)
        for start, end in pairwise(cuts):
            line.send(following[start:end])
            # From the first piece on nothing more is read.
            wait_until(lambda: protocol._held, "the first piece")
        assert protocol.flow.read_paused
        assert following.startswith(protocol._held)
        assert (_batcher(application).queued_rows, application.metrics.in_flight) == (1, 1)
        _release(application, protocol)
        assert line.names(1) == ["first"]
        second = _json(line.answer())
        line.send(_request(name="third"))
        assert line.names(1) == ["third"]
        assert not protocol.flow.read_paused
    assert (second["request_id"], second["prediction"]) == ("second", linear_answer({**TREE, "age": 3}, CONTRACT))
    wait_until(lambda: _more(application.metrics, before) == {ROUTE: 3}, "all to be counted")
    assert application.metrics.in_flight == 0
    assert ways[0] == ways[-1] == "door"
    if pieces == 1:
        assert ways == ["door"] * 3


@pytest.mark.parametrize("more", ["", "connection: keep-alive, x\r\n"])
def test_several_requests_wait_for_their_turn(
    server: str, application: Application, protocols: list[Any], more: str
) -> None:
    """Plain or not, and with half a request at the end, they are answered in order, each once."""
    before = _counts(application.metrics)
    _batcher(application).hold(2)
    with Line(server) as line:
        protocol = _protocol(protocols)
        line.send(_request(name="r0"))
        _queued(application, 1)
        last = _request(name="r5")
        line.send(b"".join(_request(more=more, name=f"r{index}") for index in range(1, 5)) + last[:50])
        wait_until(lambda: protocol._held, "them to come")
        _release(application, protocol)
        assert line.names(5) == [f"r{index}" for index in range(5)]
        line.send(last[50:])
        assert line.names(1) == ["r5"]
    wait_until(lambda: _more(application.metrics, before) == {ROUTE: 6}, "all to be counted")


def test_what_waits_may_be_anything(server: str, application: Application, protocols: list[Any]) -> None:
    """Another path, a wrong body and a broken request behind a plain one get what they would get alone."""
    _batcher(application).hold(2)
    with Line(server) as line:
        protocol = _protocol(protocols)
        line.send(_request(name="plain"))
        _queued(application, 1)
        line.send(_request(b"{", name="wrong") + b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n" + _request(name="plain"))
        wait_until(lambda: protocol._held, "them to come")
        _release(application, protocol)
        assert line.names(1) == ["plain"]
        wrong, alive = line.answer(), line.answer()
        assert wrong.startswith(b"HTTP/1.1 400 ")
        assert _json(wrong)["request_id"] == "wrong"
        assert _json(alive) == {"status": "alive"}
        assert line.names(1) == ["plain"]


def test_what_waits_may_be_no_request(server: str, application: Application, protocols: list[Any]) -> None:
    """The plain request before it is answered; then uvicorn refuses the rest, and closes."""
    _batcher(application).hold(2)
    with Line(server) as line:
        protocol = _protocol(protocols)
        line.send(_request(name="plain"))
        _queued(application, 1)
        line.send(b"\0\r\n\r\n")
        wait_until(lambda: protocol._held, "it to come")
        _release(application, protocol)
        assert line.names(1) == ["plain"]
        assert line.answer().startswith(b"HTTP/1.1 400 Bad Request")
        assert line.ends()


def test_a_refusal_waits_for_its_turn(
    server: str, application: Application, protocols: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is refused for load behind a request that is held is told so after that one's answer."""
    _batcher(application).hold(2)
    with Line(server) as line:
        protocol = _protocol(protocols)
        line.send(_request(name="first"))
        _queued(application, 1)
        monkeypatch.setattr(_predictions(application), "_admit", lambda rows: False)
        line.send(_request(name="second"))
        wait_until(lambda: protocol._held, "the second")
        _release(application, protocol)
        assert line.names(1) == ["first"]
        refusal = line.answer()
        assert refusal.startswith(b"HTTP/1.1 503 ")
        assert _json(refusal)["request_id"] == "second"


def test_many_lines_at_once_get_their_own_answers(server: str, application: Application, ways: list[str]) -> None:
    """Whatever is batched with whatever, and however many wait on a line: each answer is that of its own row."""
    before = _counts(application.metrics)

    def talk(number: int) -> bool:
        with Line(server) as line:
            for turn in range(20):
                ages = [(number * 20 + turn + index) % 90 + 1 for index in range(1 + turn % 3)]
                for age in ages:
                    line.send(_request(_body(age=age), name=f"{number}-{turn}-{age}"))
                for age in ages:
                    told = _json(line.answer())
                    if told["request_id"] != f"{number}-{turn}-{age}":
                        return False
                    if told["prediction"] != linear_answer({**TREE, "age": age}, CONTRACT):
                        return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(talk, range(8)))
    sent = 8 * sum(1 + turn % 3 for turn in range(20))
    wait_until(lambda: _more(application.metrics, before) == {ROUTE: sent}, "all to be counted")
    assert application.metrics.in_flight == 0
    assert len(ways) == sent
    assert "door" in ways


@pytest.mark.parametrize("leave", [Line.reset, lambda line: line.socket.close()], ids=["reset", "closed"])
def test_a_client_that_leaves_takes_nobody_along(
    server: str, application: Application, protocols: list[Any], leave: Callable[[Line], None]
) -> None:
    """Its rows are not run, it is counted as gone, and the others of the batch get their answers."""
    before = _counts(application.metrics)
    dropped = _batcher(application).stats.dropped.get("gone", 0)
    _batcher(application).hold(4)
    with Line(server) as first, Line(server) as leaver, Line(server) as last:
        for count, line in enumerate((first, leaver), start=1):
            line.send(_request(_body(age=count), name=f"c{count}"))
            _queued(application, count)
        wait_until(lambda: len(protocols) == 3, "the connections")
        protocol = protocols[1]
        leave(leaver)
        wait_until(lambda: protocol.gone, "the server to notice")
        last.send(_request(_batch(TREE, {**TREE, "age": 4}), name="c3"))
        assert _json(first.answer())["prediction"] == linear_answer({**TREE, "age": 1}, CONTRACT)
        assert len(_json(last.answer())["predictions"]) == 2
    gone = ("/predict", CLIENT_GONE_STATUS)
    wait_until(lambda: _more(application.metrics, before) == {ROUTE: 2, gone: 1}, "all to be counted")
    assert application.metrics.in_flight == 0
    assert _batcher(application).stats.dropped["gone"] == dropped + 1


def test_nothing_waits_for_a_client_that_left(server: str, application: Application, protocols: list[Any]) -> None:
    """A connection that was answered before and is reset while it waits leaves no timer that is armed again for ever."""
    before = _counts(application.metrics)
    with Line(server) as leaver, Line(server) as other:
        leaver.send(_request())
        assert leaver.answer().startswith(OK)
        wait_until(lambda: len(protocols) == 2, "the connections")
        protocol = protocols[0]
        _batcher(application).hold(2)
        leaver.send(_request())
        _queued(application, 1)
        leaver.reset()
        wait_until(lambda: protocol.gone, "the server to notice")
        other.send(_request())
        assert other.answer().startswith(OK)
    gone = ("/predict", CLIENT_GONE_STATUS)
    wait_until(lambda: _more(application.metrics, before) == {ROUTE: 2, gone: 1}, "all to be counted")

    def fire() -> object:
        protocol.timeout_keep_alive_task = None
        protocol._answered_at = 0.0  # a long time ago
        protocol.timeout_keep_alive_handler()
        return protocol.timeout_keep_alive_task

    assert _on_loop(protocol, fire) is None


def _on_loop(protocol: Any, function: Callable[[], Any]) -> Any:
    """Run a function on a connection's event loop, and return what it returns."""

    async def run() -> Any:
        return function()

    return asyncio.run_coroutine_threadsafe(run(), protocol.loop).result(30)


def test_a_client_that_leaves_while_its_rows_run_is_answered_into_the_void(
    server: str, application: Application, protocols: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written to a connection that is gone, and the service goes on."""
    predictions = _predictions(application)
    encode = predictions._encode

    def encode_after(*args: Any) -> Any:
        protocols[0].gone = True
        return encode(*args)

    before = _counts(application.metrics)
    monkeypatch.setattr(predictions, "_encode", encode_after)
    with Line(server) as line, Line(server) as other:
        wait_until(lambda: len(protocols) == 2, "the connections")
        line.send(_request())
        wait_until(lambda: _more(application.metrics, before) == {ROUTE: 1}, "it to be counted")
        assert application.metrics.in_flight == 0
        monkeypatch.undo()
        other.send(_request())
        assert other.answer().startswith(OK)
        line.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            line.socket.recv(1)


@pytest.mark.parametrize("followed", [False, True])
def test_what_was_let_in_is_answered_while_the_service_drains(
    own: Application, ways: list[str], protocols: list[Any], followed: bool
) -> None:
    """Who comes then is told to go elsewhere, also behind an answer; the end is told once all are answered."""
    drained = threading.Event()
    with behind_a_door(own) as address, Line(address) as line, Line(address) as late:
        wait_until(lambda: len(protocols) == 2, "the connections")
        protocol = protocols[0]
        _batcher(own).hold(2)
        line.send(_request(name="first"))
        _queued(own, 1)
        _on_loop(protocol, lambda: own.drain(drained.set))
        late.send(_request(name="late"))
        answer_to_late = late.answer()
        assert answer_to_late.startswith(b"HTTP/1.1 503 ")
        assert b"connection: close\r\n" in answer_to_late
        assert late.ends()
        assert not drained.is_set()
        if followed:
            line.send(_request(name="second"))
            wait_until(lambda: protocol._held, "the second")
        _release(own, protocol)
        assert line.names(1) == ["first"]
        assert drained.wait(30)
        if followed:
            told = line.answer()
            assert told.startswith(b"HTTP/1.1 503 ")
            assert (_json(told)["request_id"], _json(told)["error"]["code"]) == ("second", "unavailable")
            assert line.ends()
    assert ways == ["door", "asgi", *(["asgi"] if followed else [])]


@pytest.mark.parametrize("failing", [False, True])
def test_a_connection_that_is_shut_down_is_answered_first(
    server: str, application: Application, protocols: list[Any], failing: bool
) -> None:
    """Whether the answer is right or an error, it says that the connection closes, and it does."""
    _batcher(application).hold(2)
    with Line(server) as line, Line(server) as other:
        wait_until(lambda: len(protocols) == 2, "the connections")
        protocol = protocols[0]
        line.send(_request(more="x-deadline-ms: 0.001\r\n" if failing else "", name="a"))
        _queued(application, 1)
        _on_loop(protocol, protocol.shutdown)
        other.send(_request(name="b"))
        last = line.answer()
        assert last.startswith(b"HTTP/1.1 504 " if failing else OK)
        assert last.count(b"\r\nconnection: close\r\n") == 1
        assert line.ends()
        assert other.names(1) == ["b"]
        other.send(_request(name="c"))
        assert other.names(1) == ["c"]


def test_a_connection_that_is_idle_is_shut_down_at_once(server: str, protocols: list[Any]) -> None:
    """Also when its last answer came from the door."""
    with Line(server) as line:
        line.send(_request())
        assert line.answer().startswith(OK)
        protocol = _protocol(protocols)
        _on_loop(protocol, protocol.shutdown)
        assert line.ends()


def test_a_server_that_stops_answers_whom_it_let_in(own: Application, ways: list[str], protocols: list[Any]) -> None:
    """uvicorn waits for connections that wait for the door's answer."""
    with ThreadPoolExecutor(1) as pool, ExitStack() as served, Line(served.enter_context(behind_a_door(own))) as line:
        protocol = _protocol(protocols)
        _batcher(own).hold(2)
        line.send(_request(name="last"))
        _queued(own, 1)
        stopped = pool.submit(served.pop_all().close)
        wait_until(lambda: protocol._closing or stopped.done(), "the server to stop")
        _release(own, protocol)
        last = line.answer()
        assert last.startswith(OK)
        assert b"\r\nconnection: close\r\n" in last
        assert line.ends()
        stopped.result(30)
    assert ways == ["door"]


def test_an_idle_connection_is_closed(server: str, protocols: list[Any]) -> None:
    """After the time that uvicorn gives it, counted from the door's answer."""
    with Line(server) as line:
        protocol = _protocol(protocols)
        protocol.timeout_keep_alive = 0.05
        line.send(_request())
        assert line.answer().startswith(OK)
        assert line.ends()
    assert protocol.loop.time() - protocol._answered_at >= 0.05


def test_a_connection_that_waits_is_not_idle(
    server: str, application: Application, protocols: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long its answer takes; it is closed when it is idle after it."""
    asked: list[bool] = []
    handler = DoormanProtocol.timeout_keep_alive_handler

    def watched(self: DoormanProtocol) -> None:
        asked.append(self._pending)
        handler(self)

    monkeypatch.setattr(DoormanProtocol, "timeout_keep_alive_handler", watched)
    with Line(server) as line:
        protocol = _protocol(protocols)
        line.send(_request(name="a"))
        assert line.names(1) == ["a"]
        _batcher(application).hold(2)
        line.send(_request(name="b"))
        _queued(application, 1)
        protocol.timeout_keep_alive = 0.01
        _on_loop(protocol, protocol._unset_keepalive_if_required)
        _on_loop(protocol, protocol.timeout_keep_alive_handler)
        wait_until(lambda: len(asked) > 3, "the timer")
        assert all(asked)
        _release(application, protocol)
        assert line.names(1) == ["b"]
        assert line.ends()


class Tracing:
    """Something unknown between uvicorn and an application, that wants to see every request."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write down the path, and hand the request on."""
        if scope["type"] == "http":
            self.seen.append(scope["path"])
        await self.app(scope, receive, send)


def test_what_is_unknown_sees_every_request(own: Application, ways: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain requests pass through it, in the same words; who is refused for load is still refused at the door."""
    tracing = Tracing(CORSMiddleware(own, allow_origins=["https://shop.example"]))
    with behind_a_door(own, tracing) as address:
        door, long = _both_ways(address, _request())
        assert door == long
        assert tracing.seen == ["/predict", "/predict/"]
        with Line(address) as line:
            monkeypatch.setattr(_predictions(own), "_admit", lambda rows: False)
            line.send(_request())
            assert line.answer().startswith(b"HTTP/1.1 503 ")
    assert tracing.seen == ["/predict", "/predict/"]
    assert ways == ["asgi", "asgi"]


def test_browsers_are_answered_behind_the_door(own: Application, ways: list[str]) -> None:
    """With CORS a request with an origin gets its headers, and one without is plain, and lacks but a ``Vary``."""
    with behind_a_door(own, CORSMiddleware(own, allow_origins=["https://shop.example"])) as address:
        with Line(address) as line:
            line.send(_request(more="origin: https://shop.example\r\n", name="a"))
            shop = line.answer()
            line.send(_request(name="a"))
            nobody = line.answer()
        door, long = _both_ways(address, _request())
    assert b"\r\naccess-control-allow-origin: https://shop.example\r\n" in shop
    assert b"access-control" not in nobody
    assert door == long.replace(b"\r\nvary: Origin", b"")
    assert ways == ["asgi", "door", "door", "asgi"]


def test_another_application_is_left_alone(server: str, application: Application, ways: list[str]) -> None:
    """A server of another application in the same process answers its own ``/predict``, under load as well."""

    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, 201, b"other", ())

    before = _counts(application.metrics)
    held = application.metrics.shed.copy()
    for app in (other, Tracing(other)):
        with behind_a_door(application, app) as address, Line(address) as line:
            for start in STARTS:
                line.send(_request(path=start.split(b" ")[1].decode()))
                whole = line.answer()
                assert whole.startswith(b"HTTP/1.1 201 ")
                assert whole.endswith(b"\r\n\r\nother")
    assert ways == []
    assert (_more(application.metrics, before), application.metrics.shed) == ({}, held)


def test_a_client_that_does_not_read_is_left_to_uvicorn(server: str, protocols: list[Any], ways: list[str]) -> None:
    """Which knows how to wait for it; once it reads, the door answers again."""
    with Line(server) as line:
        protocol = _protocol(protocols)
        protocol.flow.write_paused = True
        line.send(_request(name="a"))
        assert line.names(1) == ["a"]
        protocol.flow.write_paused = False
        line.send(_request(name="b"))
        assert line.names(1) == ["b"]
    assert ways == ["asgi", "door"]


def test_a_client_that_does_not_read_fills_no_memory(server: str, protocols: list[Any], ways: list[str]) -> None:
    """What it was not yet sent stays small while it goes on asking, and it gets every answer in the end."""
    with Line(server) as line, Line(server) as other:
        wait_until(lambda: len(protocols) == 2, "the connections")
        protocol = protocols[0]
        sent = 0

        def ask() -> None:
            nonlocal sent
            line.send(_request(name=f"r{sent}"))
            sent += 1
            other.send(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")  # answered after what came before it was read
            while not other.socket.recv(65536).endswith(b"}"):
                continue

        protocol.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        protocol.transport.set_write_buffer_limits(high=4_096)
        while not protocol.flow.write_paused and sent < 20_000:
            ask()
        assert ways.count("door") > 10
        at_door = ways.count("door")
        for _ in range(5):
            ask()
        assert protocol.transport.get_write_buffer_size() < 8_192
        assert ways.count("door") == at_door
        assert line.names(sent) == [f"r{index}" for index in range(sent)]
        line.send(_request(name="last"))
        assert line.names(1) == ["last"]
    assert ways[-1] == "door"
