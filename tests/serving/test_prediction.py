"""Plain requests get the same answers on the fast path as through ASGI, each once and in order."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from starlette.middleware.cors import CORSMiddleware

from runners.admission import Admission
from runners.batcher import MicroBatcher
from serving.application import Application
from serving.fastpath.install import install
from serving.fastpath.plain_request import STARTS
from serving.fastpath.protocol import FastPathProtocol
from serving.http import App, Receive, Scope, Send
from serving.operations.drain import start_draining
from serving.operations.metrics import Metrics
from serving.prediction import CLIENT_GONE_STATUS, Prediction
from serving.settings import ServingSettings
from tabento.bundle.contract import Contract
from tests.bundles import (
    BREAKS,
    NO_CLASS,
    NOT_A_NUMBER,
    TAGGED_TREE,
    TREE,
    linear_answer,
    orchard_contract,
    tagged_contract,
)
from tests.examples import examples
from tests.servers import running, wait_until
from tests.serving import test_application
from tests.serving.codec.strategies import almost_right_bodies
from tests.serving.fastpath.raw_client import RawClient, application_of, on_loop, plain_request, respond, serving

CONTRACT = orchard_contract()
TAGGED = tagged_contract()
OK = b"HTTP/1.1 200 OK"
SETTINGS = ServingSettings(slo_p99_ms=60_000)
ROUTE = ("/predict", 200)


def _body(**changes: Any) -> bytes:
    return json.dumps({**TREE, **changes}).encode()


def _batch(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"instances": rows}).encode()


def _json(answer_bytes: bytes) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(answer_bytes.partition(b"\r\n\r\n")[2])
    return content


def _model(application: Application) -> Any:
    model = application.state.model
    assert model is not None
    return model


def _batcher(application: Application) -> MicroBatcher:
    return application.state.started_model().batcher


def _queued(application: Application, rows: int) -> None:
    wait_until(lambda: _batcher(application).queued_rows == rows, f"{rows} rows in the queue")


@pytest.fixture
def paths_taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way predictions went, in their order: ``fast`` or ``asgi``."""
    went: list[str] = []
    start, call = Prediction.start_plain, Application.__call__

    def on_fast_path(self: Prediction, body: bytes, batch_only: bool) -> bool:
        went.append("fast")  # before it is answered, which it may be when this returns
        is_started = start(self, body, batch_only)
        if not is_started:
            went.pop()
        return is_started

    async def through_asgi(self: Application, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            went.append("asgi")
        await call(self, scope, receive, send)

    monkeypatch.setattr(Prediction, "start_plain", on_fast_path)
    monkeypatch.setattr(Application, "__call__", through_asgi)
    return went


@pytest.fixture
def protocols(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The protocols of the connections that were opened, in their order."""
    protocols_opened: list[Any] = []
    connection_made_before = FastPathProtocol.connection_made

    def connection_made(self: FastPathProtocol, transport: Any) -> None:
        connection_made_before(self, transport)
        protocols_opened.append(self)

    monkeypatch.setattr(FastPathProtocol, "connection_made", connection_made)
    return protocols_opened


def _protocol(protocols: list[Any], count: int = 1) -> Any:
    """Return the protocol of the connection that was opened last, of so many."""
    wait_until(lambda: len(protocols) == count, "the connection")
    return protocols[-1]


@pytest.fixture
def own_application(tmp_path: Path) -> Application:
    """An application for one test, which may stop it."""
    return application_of(tmp_path, SETTINGS)


def _comparable(answer_bytes: bytes) -> bytes:
    """Return an answer without what no two answers share: date, and the id that the service made."""
    head, _, body = answer_bytes.partition(b"\r\n\r\n")
    id_match = re.search(rb"x-request-id: ([^\r]+)", head)
    assert id_match is not None
    name = id_match[1]
    if re.fullmatch(rb"[0-9a-f]{16}-[0-9a-f]+", name):
        head, body = head.replace(name, b"made"), body.replace(name, b"made")
        head = re.sub(rb"content-length: \d+", b"content-length: %d" % len(body), head)
    head, dates = re.subn(rb"\r\ndate: [^\r]+", b"\r\ndate: now", head)
    assert dates == 1
    return head + b"\r\n\r\n" + body


def _long_way(request: bytes) -> bytes:
    """Return the same request by another name of its path, which only ASGI's way knows."""
    return request.replace(b" HTTP/1.1", b"/ HTTP/1.1", 1)


def _both_ways(address: str, request: bytes) -> list[bytes]:
    """Return the answers to the same request on the fast path, if it is plain, and through ASGI."""
    with RawClient(address) as line:
        answers = []
        for item in (request, _long_way(request)):
            line.send(item)
            answers.append(_comparable(line.answer()))
    return answers


def _counts(metrics: Metrics) -> dict[tuple[str, int], int]:
    return dict(metrics.answered)


def _added_counts(metrics: Metrics, before: dict[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    """Return what was answered since."""
    return {key: count - before.get(key, 0) for key, count in metrics.answered.items() if count != before.get(key, 0)}


RIGHT = {
    "one row": plain_request(),
    "one row as a list": plain_request(_batch(TREE)),
    "many rows": plain_request(_batch(*({**TREE, "age": age} for age in (50, 1, 90, 7)))),
    "more rows than a slice": plain_request(_batch(*[TREE] * 200)),
    "rows at the path of many": plain_request(_batch(TREE, TREE), path="/predict/batch"),
    "the path with a version": plain_request(path="/api/v1/predict"),
    "an id": plain_request(name="call-7"),
    "the longest id": plain_request(name="x" * 128),
    "an id with blanks": plain_request(name="a b"),
    "an id that breaks out": plain_request(name='"}\\'),
    "an id in Latin-1": plain_request(name="\xe9"),
    "an id that is too long": plain_request(name="x" * 129),
    "an empty id": plain_request(extra_headers="x-request-id:\r\n"),
    "a deadline": plain_request(extra_headers="X-Deadline-Ms: 60000\r\n"),
    "a kept connection": plain_request(extra_headers="Connection: Keep-Alive\r\n"),
    "another letter case": plain_request().replace(b"content-type: application/json", b"CONTENT-TYPE:Application/JSON"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_both_ways_say_the_same(server: str, paths_taken: list[str], name: str) -> None:
    """Byte for byte but for the date: the answer does not tell by which way it came."""
    fast, long = _both_ways(server, RIGHT[name])
    assert fast == long
    assert fast.startswith(OK)
    assert paths_taken == ["fast", "asgi"]


@pytest.mark.parametrize(
    "request_bytes",
    [*(plain_request(body) for body, *_ in test_application.BAD_BODIES.values()), plain_request(path="/predict/batch")],
    ids=[*test_application.BAD_BODIES, "a single object where rows are expected"],
)
def test_bad_input_is_explained_the_long_way(server: str, paths_taken: list[str], request_bytes: bytes) -> None:
    """The fast path leaves invalid bodies to ASGI, so both paths give the same error."""
    fast, long = _both_ways(server, request_bytes)
    assert fast == long
    assert re.match(rb"HTTP/1.1 4\d\d ", fast)
    assert paths_taken == ["asgi", "asgi"]


def test_the_unusual_but_right_goes_the_long_way(server: str, paths_taken: list[str]) -> None:
    """Values that need a closer look are right, and answered after it."""
    fast, long = _both_ways(server, plain_request(_body(soil='a "quoted" soil')))
    assert fast == long
    assert fast.startswith(OK)
    assert paths_taken == ["asgi", "asgi"]


@settings(max_examples=examples(300), deadline=None)
@given(body=almost_right_bodies())
def test_both_ways_say_the_same_of_any_body(server: str, body: bytes) -> None:
    """Right or wrong: made-up bodies get the same answer by both ways, one after the other on one connection."""
    fast, long = _both_ways(server, plain_request(body, name="a"))
    assert fast == long


@pytest.fixture(scope="module", params=["refuse", "ignore"])
def tagged_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a contract with identifiers, exclusive bounds and missing texts, for each way with unknown fields."""
    settings = ServingSettings(slo_p99_ms=60_000, unknown_fields=request.param)
    with serving(application_of(tmp_path_factory.mktemp("tagged"), settings, TAGGED)) as address:
        yield address


@settings(max_examples=examples(150), deadline=None)
@given(body=almost_right_bodies(TAGGED))
def test_both_ways_say_the_same_of_rows_with_identifiers(tagged_server: str, body: bytes) -> None:
    """Byte for byte, whichever fields are there and whatever they hold."""
    fast, long = _both_ways(tagged_server, plain_request(body, name="a"))
    assert fast == long


@pytest.mark.parametrize(
    ("body", "identifiers"),
    [
        (json.dumps(TAGGED_TREE).encode(), b'{"tag":"T12","100% owner":null}'),
        (_batch(TAGGED_TREE, {**TAGGED_TREE, "tag": "é", "100% owner": 7}),
         '[{"tag":"T12","100% owner":null},{"tag":"é","100% owner":7}]'.encode()),
        (_batch({**TAGGED_TREE, "100% owner": "a/b c"}), b'[{"tag":"T12","100% owner":"a/b c"}]'),
    ],
)  # fmt: skip
def test_identifiers_are_repeated_in_the_answer(
    tagged_server: str, paths_taken: list[str], body: bytes, identifiers: bytes
) -> None:
    """An object for one row, a list in the rows' order for many; the prediction is that of the row without them."""
    fast, long = _both_ways(tagged_server, plain_request(body))
    assert fast == long
    assert fast.startswith(OK)
    assert fast.endswith(b',"request_id":"made","identifiers":' + identifiers + b"}")
    assert paths_taken == ["fast", "asgi"]
    row = json.loads(body).get("instances", [json.loads(body)])[0]
    values = {name: value for name, value in row.items() if name in TREE}
    answer = _json(fast)
    first = answer["prediction"] if "prediction" in answer else answer["predictions"][0]
    assert first == linear_answer(values, CONTRACT)


def test_a_body_that_could_end_earlier_is_waited_for(server: str, paths_taken: list[str]) -> None:
    """What is announced belongs to the request, though what is there of it is right already."""
    request = plain_request(_body() + b" " * 9, name="a")
    with RawClient(server) as line:
        line.send(request[:-9])
        line.send(request[-9:] + plain_request(name="b"))
        assert line.names(2) == ["a", "b"]
        line.send(plain_request(name="c"))
        assert line.names(1) == ["c"]
    assert paths_taken == ["fast"] * 3


OTHER_HEADS = {
    "another kind of body": (plain_request(extra_headers="content-type: text/plain\r\n"), b"415"),
    "a packed body": (plain_request(extra_headers="content-encoding: gzip\r\n"), b"415"),
    "a deadline that is not a number": (plain_request(extra_headers="x-deadline-ms: soon\r\n"), b"400"),
    "a query": (plain_request(path="/predict?a=b"), b"200"),
    "two ids": (plain_request(extra_headers="x-request-id: a\r\nx-request-id: b\r\n"), b"200"),
    "a closing connection": (plain_request(extra_headers="connection: close\r\n"), b"200"),
}


@pytest.mark.parametrize("name", OTHER_HEADS)
def test_heads_that_are_not_plain_go_to_asgi(server: str, paths_taken: list[str], name: str) -> None:
    """What they say is judged there."""
    request, status = OTHER_HEADS[name]
    with RawClient(server) as line:
        line.send(request)
        answer_bytes = line.answer()
    assert answer_bytes.split(b" ")[1] == status
    assert paths_taken == ["asgi"]


PLAIN_HEADS = {
    "an id with a blank behind it": plain_request(extra_headers="x-request-id: a \r\n"),
    "a body that is not packed": plain_request(extra_headers="content-encoding: identity \r\n"),
    "an origin without CORS": plain_request(extra_headers="origin: https://shop.example\r\n"),
    "an upgrade that is not accepted": plain_request(
        extra_headers="connection: keep-alive\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    ),
}


@pytest.mark.parametrize("name", PLAIN_HEADS)
def test_heads_that_change_nothing_are_plain(server: str, paths_taken: list[str], name: str) -> None:
    """They are answered on the fast path as through ASGI."""
    fast, long = _both_ways(server, PLAIN_HEADS[name])
    assert fast == long
    assert fast.startswith(OK)
    assert paths_taken == ["fast", "asgi"]


def test_a_body_that_comes_later_is_waited_for(server: str, paths_taken: list[str]) -> None:
    """A request in pieces is answered on the fast path once it is whole, and takes turns with whole ones."""
    with RawClient(server) as line:
        for cut in (1, 40, len(plain_request()) - 5):
            request = plain_request(name=f"cut-{cut}")
            line.send(request[:cut])
            line.send(request[cut:])
            assert line.names(1) == [f"cut-{cut}"]
            line.send(plain_request(name="whole"))
            assert line.names(1) == ["whole"]
    assert paths_taken == ["fast"] * 6


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory, harvest: Contract) -> Iterator[tuple[str, Application]]:
    """A classifier that some rows break: its address, and its application."""
    application = application_of(tmp_path_factory.mktemp("fragile"), SETTINGS, harvest)
    with serving(application) as address:
        yield address, application


@pytest.mark.parametrize(
    ("slope", "reason"),
    [(BREAKS, b'"row":%d,'), (NOT_A_NUMBER, b"answered nan as a probability"), (NO_CLASS, b"there are 0 to 2")],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_both_ways_say_the_same_of_a_model_that_fails(
    fragile: tuple[str, Application],
    paths_taken: list[str],
    caplog: pytest.LogCaptureFixture,
    slope: float,
    reason: bytes,
    rows: int,
) -> None:
    """A graph that fails, NaN, or a class that there is not: 500 with the reason, in the log under the request's id."""
    address, application = fragile
    wrong = {**TREE, "slope": slope}
    before, timed = _counts(application.metrics), sum(application.metrics.latency_s().counts)
    request = plain_request(json.dumps(wrong).encode() if rows == 1 else _batch(TREE, TREE, wrong), name="broken-7")
    fast, long = _both_ways(address, request)
    assert fast == long
    assert fast.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert (reason.replace(b"%d", b"%d" % (rows - 1))) in fast
    assert paths_taken == ["fast", "asgi"]
    wait_until(lambda: _added_counts(application.metrics, before) == {("/predict", 500): 2}, "both to be counted")
    assert (application.metrics.in_flight, sum(application.metrics.latency_s().counts)) == (0, timed)
    assert len([message for message in caplog.messages if message.startswith("request broken-7: ")]) == 2
    assert {getattr(record, "request_id", None) for record in caplog.records} == {"broken-7"}


def test_both_ways_say_the_same_of_classes(fragile: tuple[str, Application], paths_taken: list[str]) -> None:
    """Both paths give the same labels and probabilities, for one row and for many."""
    for body in (_body(), _batch(TREE, {**TREE, "age": 3})):
        fast, long = _both_ways(fragile[0], plain_request(body))
        assert fast == long
        assert b'"probabilities":' in fast
    assert paths_taken == ["fast", "asgi"] * 2


def test_a_row_that_breaks_the_model_breaks_its_own_request_only(
    fragile: tuple[str, Application], paths_taken: list[str]
) -> None:
    """A failing row affects its own plain request only: the others of the batch get their answers."""
    address, application = fragile
    _batcher(application).hold(3)
    with RawClient(address) as first, RawClient(address) as second, RawClient(address) as third:
        for index, (line, slope) in enumerate(((first, 1.0), (second, BREAKS), (third, 2.0)), start=1):
            line.send(plain_request(_body(slope=slope)))
            if index < 3:
                _queued(application, index)
        assert [line.answer().split(b" ")[1] for line in (first, second, third)] == [b"200", b"500", b"200"]
    assert paths_taken == ["fast"] * 3


def test_both_ways_say_the_same_of_a_deadline_that_passed(
    server: str, application: Application, paths_taken: list[str]
) -> None:
    """A deadline that passed is the same 504 on both paths and is counted as such."""
    request = plain_request(extra_headers="x-deadline-ms: 0.001\r\n", name="late")
    before = _counts(application.metrics)
    answers = []
    for item in (request, _long_way(request)):
        _batcher(application).hold(2)
        with RawClient(server) as late, RawClient(server) as other_line:
            late.send(item)
            _queued(application, 1)
            other_line.send(plain_request())
            answers.append(_comparable(late.answer()))
            assert other_line.answer().startswith(OK)
    assert answers[0] == answers[1]
    assert answers[0].startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")
    assert b'"deadline_exceeded"' in answers[0]
    assert paths_taken == ["fast", "fast", "asgi", "fast"]
    wait_until(
        lambda: _added_counts(application.metrics, before) == {("/predict", 504): 2, ROUTE: 2}, "all to be counted"
    )


def test_both_ways_say_the_same_of_a_promise_that_was_broken(
    server: str, application: Application, paths_taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that waited too long are refused for load, with Retry-After, and counted as shed."""
    monkeypatch.setattr(_model(application), "slo_s", 0.0)
    shed = application.metrics.shed.get("expired", 0)
    fast, long = _both_ways(server, plain_request(name="a"))
    assert fast == long
    assert fast.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 1\r\n" in fast
    assert application.metrics.shed["expired"] == shed + 2
    assert paths_taken == ["fast", "asgi"]


def test_both_ways_say_the_same_of_a_full_queue(tmp_path: Path, paths_taken: list[str]) -> None:
    """A request that finds no room is answered at once, while it is being begun; its connection goes on."""
    application = application_of(tmp_path, ServingSettings(slo_p99_ms=60_000, max_queue_rows=2))
    with serving(application) as address, RawClient(address) as waits, RawClient(address) as line:
        _batcher(application).hold(2)
        waits.send(plain_request(name="waits"))
        _queued(application, 1)
        request = plain_request(_batch(TREE, TREE), name="refused")
        fast, long = _both_ways(address, request)
        assert fast == long
        assert fast.startswith(b"HTTP/1.1 503 ")
        line.send(request)
        assert _comparable(line.answer()) == fast
        line.send(plain_request(name="fills"))
        assert (line.names(1), waits.names(1)) == (["fills"], ["waits"])
        assert paths_taken == ["fast", "fast", "asgi", "fast", "fast"]
        assert application.metrics.shed["queue_full"] == 3
        wait_until(lambda: application.metrics.in_flight == 0, "all to be counted")


def test_both_ways_say_the_same_of_a_runner_that_stops(
    own_application: Application, paths_taken: list[str], protocols: list[Any]
) -> None:
    """A runner that stops gives a 503 that closes the connection, on both paths."""
    answers = []
    with serving(own_application) as address:
        _batcher(own_application).drain(lambda: None)
        for request in (plain_request(name="a"), _long_way(plain_request(name="a"))):
            with RawClient(address) as line:
                line.send(request)
                answers.append(_comparable(line.answer()))
                assert line.ends()
    assert answers[0] == answers[1]
    assert answers[0].startswith(b"HTTP/1.1 503 ")
    assert answers[0].count(b"connection: close\r\n") == 1
    assert paths_taken == ["fast", "asgi"]


def test_a_body_over_the_limit_is_refused(tmp_path: Path, paths_taken: list[str]) -> None:
    """413 that closes the connection, under the caller's id, before anything is run."""
    application = application_of(tmp_path, ServingSettings(slo_p99_ms=60_000, max_body_bytes=1_024))
    with serving(application) as address, RawClient(address) as line:
        line.send(plain_request(_body().ljust(1_024)))
        assert line.answer().startswith(OK)
        line.send(plain_request(_body().ljust(1_025), name="big-7"))
        answer_bytes = line.answer()
        assert answer_bytes.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nconnection: close\r\n" in answer_bytes
        assert _json(answer_bytes)["request_id"] == "big-7"
        assert line.ends()
    assert paths_taken == ["fast"]
    assert application.metrics.protocol_errors == {"body_too_large": 1}


def test_an_answer_is_counted(server: str, application: Application, paths_taken: list[str]) -> None:
    """An answer is counted by route and status with its time; until then the request is in flight."""
    metrics = application.metrics
    before, timed, late = _counts(metrics), sum(metrics.latency_s().counts), metrics.over_slo
    _batcher(application).hold(4)
    with RawClient(server) as first, RawClient(server) as second:
        first.send(plain_request())
        _queued(application, 1)
        assert (metrics.in_flight, _added_counts(metrics, before)) == (1, {})
        second.send(plain_request(_batch(TREE, TREE, TREE), path="/predict/batch"))
        assert first.answer().startswith(OK)
        assert second.answer().startswith(OK)
    wait_until(lambda: _added_counts(metrics, before) == {ROUTE: 1, ("/predict/batch", 200): 1}, "both to be counted")
    assert (metrics.in_flight, sum(metrics.latency_s().counts), metrics.over_slo) == (0, timed + 2, late)
    assert paths_taken == ["fast", "fast"]


def test_an_answer_later_than_promised_is_counted(
    server: str, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that began in time and ended after the latency target are answered and counted as late."""
    model = _model(application)
    encode, late = model.encode, application.metrics.over_slo

    def encode_late(*args: Any) -> Any:
        model.slo_s = 0.0  # the SLO is exceeded while the answer is written
        return encode(*args)

    monkeypatch.setattr(model, "slo_s", model.slo_s)
    monkeypatch.setattr(model, "encode", encode_late)
    with RawClient(server) as line:
        line.send(plain_request())
        assert line.answer().startswith(OK)
    assert application.metrics.over_slo == late + 1


def test_an_answer_is_in_the_access_log(
    tmp_path: Path, paths_taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is one line with method, path, status, time, id and client, on both paths."""
    application = application_of(tmp_path, ServingSettings(slo_p99_ms=60_000, access_log=True))
    log_entries: list[tuple[Any, ...]] = []
    log = application.accounting.access_log
    assert log is not None
    monkeypatch.setattr(log, "write", lambda *line: log_entries.append(line))
    with serving(application) as address:
        _both_ways(address, plain_request(name="call-7"))
        with RawClient(address) as line:
            line.send(plain_request(path="/predict/batch", body=_batch(TREE)))
            connection_made_before = line.names(1)[0]
        wait_until(lambda: len(log_entries) == 3, "the lines")
    assert [(method, path, status, *rest) for method, path, status, _, *rest in log_entries] == [
        ("POST", "/predict", 200, b"call-7", "127.0.0.1"),
        ("POST", "/predict", 200, b"call-7", "127.0.0.1"),
        ("POST", "/predict/batch", 200, connection_made_before.encode(), "127.0.0.1"),
    ]
    assert all(0 < seconds < 30 for *_, seconds, _, _ in log_entries)
    assert paths_taken == ["fast", "asgi", "fast"]


def _release(application: Application, protocol: Any) -> None:
    """Let a batch go that is held; on its loop, since its queue is not empty."""
    protocol._loop.call_soon_threadsafe(_batcher(application).hold, 0)


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_the_next_request_waits_for_its_turn(
    server: str, application: Application, paths_taken: list[str], protocols: list[Any], pieces: int
) -> None:
    """Sent before the first is answered, whole or in pieces: answered after it, and both once."""
    before = _counts(application.metrics)
    following = plain_request(_body(age=3), name="second")
    cuts = [len(following) * index // pieces for index in range(pieces + 1)]
    _batcher(application).hold(2)
    with RawClient(server) as line:
        protocol = _protocol(protocols)
        line.send(plain_request(name="first"))
        _queued(application, 1)
        for start, end in pairwise(cuts):
            line.send(following[start:end])
            # From the first piece on nothing more is read.
            wait_until(lambda: protocol._waiting, "the first piece")
        assert protocol._reading_paused
        assert following.startswith(protocol._waiting)
        assert (_batcher(application).queued_rows, application.metrics.in_flight) == (1, 1)
        _release(application, protocol)
        assert line.names(1) == ["first"]
        second = _json(line.answer())
        line.send(plain_request(name="third"))
        assert line.names(1) == ["third"]
        assert not protocol._reading_paused
    assert (second["request_id"], second["prediction"]) == ("second", linear_answer({**TREE, "age": 3}, CONTRACT))
    wait_until(lambda: _added_counts(application.metrics, before) == {ROUTE: 3}, "all to be counted")
    assert application.metrics.in_flight == 0
    assert paths_taken[0] == paths_taken[-1] == "fast"
    if pieces == 1:
        assert paths_taken == ["fast"] * 3


@pytest.mark.parametrize("extra_headers", ["", "connection: keep-alive, x\r\n"])
def test_several_requests_wait_for_their_turn(
    server: str, application: Application, protocols: list[Any], extra_headers: str
) -> None:
    """Plain or not, and with half a request at the end, they are answered in order, each once."""
    before = _counts(application.metrics)
    _batcher(application).hold(2)
    with RawClient(server) as line:
        protocol = _protocol(protocols)
        line.send(plain_request(name="r0"))
        _queued(application, 1)
        last = plain_request(name="r5")
        line.send(
            b"".join(plain_request(extra_headers=extra_headers, name=f"r{index}") for index in range(1, 5)) + last[:50]
        )
        wait_until(lambda: protocol._waiting, "them to come")
        _release(application, protocol)
        assert line.names(5) == [f"r{index}" for index in range(5)]
        line.send(last[50:])
        assert line.names(1) == ["r5"]
    wait_until(lambda: _added_counts(application.metrics, before) == {ROUTE: 6}, "all to be counted")


def test_what_waits_may_be_anything(server: str, application: Application, protocols: list[Any]) -> None:
    """Another path, a wrong body and a broken request behind a plain one get what they would get alone."""
    _batcher(application).hold(2)
    with RawClient(server) as line:
        protocol = _protocol(protocols)
        line.send(plain_request(name="plain"))
        _queued(application, 1)
        line.send(
            plain_request(b"{", name="wrong") + b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n" + plain_request(name="plain")
        )
        wait_until(lambda: protocol._waiting, "them to come")
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
    with RawClient(server) as line:
        protocol = _protocol(protocols)
        line.send(plain_request(name="plain"))
        _queued(application, 1)
        line.send(b"\0\r\n\r\n")
        wait_until(lambda: protocol._waiting, "it to come")
        _release(application, protocol)
        assert line.names(1) == ["plain"]
        assert line.answer().startswith(b"HTTP/1.1 400 Bad Request")
        assert line.ends()


def test_a_refusal_waits_for_its_turn(
    server: str, application: Application, protocols: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is refused for load behind a request that is held is told so after that one's answer."""
    _batcher(application).hold(2)
    with RawClient(server) as line:
        protocol = _protocol(protocols)
        line.send(plain_request(name="first"))
        _queued(application, 1)
        monkeypatch.setattr(Admission, "admit", lambda admission, rows: False)
        line.send(plain_request(name="second"))
        wait_until(lambda: protocol._waiting, "the second")
        _release(application, protocol)
        assert line.names(1) == ["first"]
        refusal = line.answer()
        assert refusal.startswith(b"HTTP/1.1 503 ")
        assert _json(refusal)["request_id"] == "second"


def test_many_lines_at_once_get_their_own_answers(
    server: str, application: Application, paths_taken: list[str]
) -> None:
    """Whatever is batched with whatever, and however many wait on a line: each answer is that of its own row."""
    before = _counts(application.metrics)

    def talk(number: int) -> bool:
        with RawClient(server) as line:
            for turn in range(20):
                ages = [(number * 20 + turn + index) % 90 + 1 for index in range(1 + turn % 3)]
                for age in ages:
                    line.send(plain_request(_body(age=age), name=f"{number}-{turn}-{age}"))
                for age in ages:
                    content = _json(line.answer())
                    if content["request_id"] != f"{number}-{turn}-{age}":
                        return False
                    if content["prediction"] != linear_answer({**TREE, "age": age}, CONTRACT):
                        return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(talk, range(8)))
    sent = 8 * sum(1 + turn % 3 for turn in range(20))
    wait_until(lambda: _added_counts(application.metrics, before) == {ROUTE: sent}, "all to be counted")
    assert application.metrics.in_flight == 0
    assert len(paths_taken) == sent
    assert "fast" in paths_taken


def test_a_client_that_leaves_takes_nobody_along(server: str, application: Application, protocols: list[Any]) -> None:
    """Its rows are not run, it is counted as gone, and the others of the batch get their answers."""
    before = _counts(application.metrics)
    dropped = _batcher(application).stats.dropped.get("gone", 0)
    _batcher(application).hold(4)
    with RawClient(server) as first, RawClient(server) as leaver, RawClient(server) as last:
        for count, line in enumerate((first, leaver), start=1):
            line.send(plain_request(_body(age=count), name=f"c{count}"))
            _queued(application, count)
        wait_until(lambda: len(protocols) == 3, "the connections")
        protocol = protocols[1]
        leaver.reset()
        wait_until(lambda: protocol.is_gone, "the server to notice")
        last.send(plain_request(_batch(TREE, {**TREE, "age": 4}), name="c3"))
        assert _json(first.answer())["prediction"] == linear_answer({**TREE, "age": 1}, CONTRACT)
        assert len(_json(last.answer())["predictions"]) == 2
    client_gone = ("/predict", CLIENT_GONE_STATUS)
    wait_until(lambda: _added_counts(application.metrics, before) == {ROUTE: 2, client_gone: 1}, "all to be counted")
    assert application.metrics.in_flight == 0
    assert _batcher(application).stats.dropped["gone"] == dropped + 1


@pytest.mark.parametrize("extra_headers", ["", "connection: keep-alive, x\r\n"], ids=["fast", "asgi"])
def test_a_client_that_closes_its_sending_side_is_answered(
    server: str, application: Application, protocols: list[Any], extra_headers: str
) -> None:
    """Whichever way its request goes, and however many it sent: then the connection ends."""
    _batcher(application).hold(4)
    with RawClient(server) as line, RawClient(server) as other_line:
        line.send(b"".join(plain_request(extra_headers=extra_headers, name=f"r{index}") for index in range(3)))
        line.socket.shutdown(socket.SHUT_WR)
        _queued(application, 1)
        wait_until(lambda: len(protocols) == 2, "the connections")
        protocol = protocols[0]
        other_line.send(plain_request(_batch(TREE, TREE, TREE)))
        assert other_line.answer().startswith(OK)
        answers = [line.answer() for _ in range(3)]
        assert [_json(item)["request_id"] for item in answers] == ["r0", "r1", "r2"]
        assert [b"\r\nconnection: close\r\n" in item for item in answers][:2] == [False, False]
        assert line.ends()
        wait_until(lambda: protocol.is_gone, "the connection to end")
    wait_until(lambda: application.metrics.in_flight == 0, "all to be counted")


def _on_loop(protocol: Any, function: Callable[[], Any]) -> Any:
    """Run a function on a connection's event loop, and return what it returns."""
    return on_loop(protocol._loop, function)


def test_a_client_that_leaves_while_its_rows_run_is_answered_into_the_void(
    server: str, application: Application, protocols: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written to a connection that is gone, and the service goes on."""
    model = _model(application)
    encode = model.encode

    def encode_after(*args: Any) -> Any:
        protocols[0].is_gone = True
        return encode(*args)

    before = _counts(application.metrics)
    monkeypatch.setattr(model, "encode", encode_after)
    with RawClient(server) as line, RawClient(server) as other_line:
        wait_until(lambda: len(protocols) == 2, "the connections")
        line.send(plain_request())
        wait_until(lambda: _added_counts(application.metrics, before) == {ROUTE: 1}, "it to be counted")
        assert application.metrics.in_flight == 0
        monkeypatch.undo()
        other_line.send(plain_request())
        assert other_line.answer().startswith(OK)
        line.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            line.socket.recv(1)


@pytest.mark.parametrize("followed", [False, True])
def test_what_was_taken_in_is_answered_while_the_service_drains(
    own_application: Application, paths_taken: list[str], protocols: list[Any], followed: bool
) -> None:
    """New requests get 503; an answer closes its connection, so that what follows it is sent again elsewhere."""
    drained = threading.Event()
    with serving(own_application) as address, RawClient(address) as line, RawClient(address) as late:
        wait_until(lambda: len(protocols) == 2, "the connections")
        protocol = protocols[0]
        _batcher(own_application).hold(2)
        line.send(plain_request(name="first"))
        _queued(own_application, 1)
        _on_loop(protocol, lambda: start_draining(own_application.state, own_application.accounting, drained.set))
        late.send(plain_request(name="late"))
        answer_to_late = late.answer()
        assert answer_to_late.startswith(b"HTTP/1.1 503 ")
        assert b"connection: close\r\n" in answer_to_late
        assert late.ends()
        assert not drained.is_set()
        if followed:
            line.send(plain_request(name="second"))
            wait_until(lambda: protocol._waiting, "the second")
        _release(own_application, protocol)
        first = line.answer()
        assert first.startswith(OK)
        assert b"\r\nconnection: close\r\n" in first
        assert line.ends()
        assert drained.wait(30)
    assert paths_taken == ["fast", "asgi"]


def test_a_request_that_began_before_the_drain_is_answered(own_application: Application, protocols: list[Any]) -> None:
    """Its body may still be arriving when the service begins to stop, in one length or in chunks."""
    drained = threading.Event()
    answer_bytes, chunked = (
        plain_request(name="length"),
        plain_request(extra_headers="transfer-encoding: chunked\r\n", name="chunks"),
    )
    chunked = chunked.replace(b"content-length: %d\r\n" % len(_body()), b"")
    chunked = chunked.replace(_body(), b"%x\r\n%b\r\n0\r\n\r\n" % (len(_body()), _body()))
    with serving(own_application) as address, RawClient(address) as first, RawClient(address) as second:
        for line, request in ((first, answer_bytes), (second, chunked)):
            line.send(request[:-9])
        wait_until(lambda: own_application.metrics.in_flight == 2, "both to begin")
        _on_loop(protocols[0], lambda: start_draining(own_application.state, own_application.accounting, drained.set))
        for line, request, name in ((first, answer_bytes, "length"), (second, chunked, "chunks")):
            assert not drained.is_set()
            line.send(request[-9:])
            assert line.names(1) == [name]
            assert line.ends()
        assert drained.wait(30)
    assert own_application.metrics.in_flight == 0


@pytest.mark.parametrize("failing", [False, True])
def test_a_connection_that_is_shut_down_is_answered_first(
    server: str, application: Application, protocols: list[Any], failing: bool
) -> None:
    """Whether the answer is right or an error, it says that the connection closes, and it does."""
    _batcher(application).hold(2)
    with RawClient(server) as line, RawClient(server) as other_line:
        wait_until(lambda: len(protocols) == 2, "the connections")
        protocol = protocols[0]
        line.send(plain_request(extra_headers="x-deadline-ms: 0.001\r\n" if failing else "", name="a"))
        _queued(application, 1)
        _on_loop(protocol, protocol.shutdown)
        other_line.send(plain_request(name="b"))
        last = line.answer()
        assert last.startswith(b"HTTP/1.1 504 " if failing else OK)
        assert last.count(b"\r\nconnection: close\r\n") == 1
        assert line.ends()
        assert other_line.names(1) == ["b"]
        other_line.send(plain_request(name="c"))
        assert other_line.names(1) == ["c"]


def test_a_connection_that_is_idle_is_shut_down_at_once(server: str, protocols: list[Any]) -> None:
    """Also when its last answer came from the fast path."""
    with RawClient(server) as line:
        line.send(plain_request())
        assert line.answer().startswith(OK)
        protocol = _protocol(protocols)
        _on_loop(protocol, protocol.shutdown)
        assert line.ends()


def test_a_server_that_stops_answers_whom_it_let_in(
    own_application: Application, paths_taken: list[str], protocols: list[Any]
) -> None:
    """uvicorn waits for connections that wait for an answer on the fast path."""
    with (
        ThreadPoolExecutor(1) as pool,
        ExitStack() as served,
        RawClient(served.enter_context(serving(own_application))) as line,
    ):
        protocol = _protocol(protocols)
        _batcher(own_application).hold(2)
        line.send(plain_request(name="last"))
        _queued(own_application, 1)
        stopped = pool.submit(served.pop_all().close)
        wait_until(lambda: protocol._closing or stopped.done(), "the server to stop")
        _release(own_application, protocol)
        last = line.answer()
        assert last.startswith(OK)
        assert b"\r\nconnection: close\r\n" in last
        assert line.ends()
        stopped.result(30)
    assert paths_taken == ["fast"]


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


def test_what_is_unknown_sees_every_request(
    own_application: Application, paths_taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request passes it by, and each is answered in the same words."""
    tracing = Tracing(CORSMiddleware(own_application, allow_origins=["https://shop.example"]))
    with serving(own_application, tracing) as address:
        fast, long = _both_ways(address, plain_request())
        assert fast == long
        assert tracing.seen == ["/predict", "/predict/"]
        with RawClient(address) as line:
            monkeypatch.setattr(Admission, "admit", lambda admission, rows: False)
            line.send(plain_request())
            assert line.answer().startswith(b"HTTP/1.1 503 ")
    assert tracing.seen == ["/predict", "/predict/", "/predict"]
    assert paths_taken == ["asgi", "asgi", "asgi"]


def test_browsers_are_answered_through_asgi(own_application: Application, paths_taken: list[str]) -> None:
    """With CORS a request with an origin gets its headers, and one without is plain, and lacks but a ``Vary``."""
    with serving(own_application, CORSMiddleware(own_application, allow_origins=["https://shop.example"])) as address:
        with RawClient(address) as line:
            line.send(plain_request(extra_headers="origin: https://shop.example\r\n", name="a"))
            shop = line.answer()
            line.send(plain_request(name="a"))
            no_origin = line.answer()
        fast, long = _both_ways(address, plain_request())
    assert b"\r\naccess-control-allow-origin: https://shop.example\r\n" in shop
    assert b"access-control" not in no_origin
    assert fast == long.replace(b"\r\nvary: Origin", b"")
    assert paths_taken == ["asgi", "fast", "fast", "asgi"]


def test_another_application_is_left_to_uvicorn(paths_taken: list[str]) -> None:
    """A server of another application in the same process answers its own ``/predict``, under load as well."""

    async def other_line(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await respond(send, 201, b"other")

    for app in (other_line, Tracing(other_line)):
        install()
        with running(app) as address, RawClient(address) as line:
            for start in STARTS:
                line.send(plain_request(path=start.split(b" ")[1].decode()))
                answer_bytes = line.answer()
                assert answer_bytes.startswith(b"HTTP/1.1 201 ")
                assert answer_bytes.endswith(b"\r\n\r\nother")
    assert paths_taken == []


def test_a_client_that_does_not_read_fills_no_memory(server: str, protocols: list[Any], paths_taken: list[str]) -> None:
    """The service buffers little for a client that sends without reading, and the client gets every answer in the end."""
    with RawClient(server, receive_buffer=4_096) as line, RawClient(server) as other_line:
        wait_until(lambda: len(protocols) == 2, "the connections")
        protocol = protocols[0]
        sent = 0

        def send_more() -> None:
            nonlocal sent
            line.send(plain_request(name=f"r{sent}"))
            sent += 1
            # This is answered after the server has read the prediction.
            other_line.send(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            while not other_line.socket.recv(65536).endswith(b"}"):
                continue

        protocol._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        protocol._transport.set_write_buffer_limits(high=4_096)
        while not protocol._write_paused and sent < 20_000:
            send_more()
        n_answered = len(paths_taken)
        assert n_answered > 10
        for _ in range(5):
            send_more()
        assert protocol._transport.get_write_buffer_size() < 8_192
        assert len(paths_taken) == n_answered
        assert line.names(sent) == [f"r{index}" for index in range(sent)]
        line.send(plain_request(name="last"))
        assert line.names(1) == ["last"]
    assert set(paths_taken) == {"fast"}
