"""The load generator against real servers that answer rightly, wrongly, late or never."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import Any

import numpy as np
import pytest

from benchmarks.loadgen.build import build_loadgen, compiler
from benchmarks.loadgen.requests import Requests, http_requests
from benchmarks.loadgen.result import PROMPT, WRONG, LoadResult
from benchmarks.loadgen.run import HALF, LEAVE, STAY, VANISH, choices, disconnects, loopback, run_load
from benchmarks.loadgen.schedule import Schedule, poisson
from benchmarks.process import BenchmarkError
from tests.benchmarks.row_requests import single_rows
from tests.benchmarks.tiny_server import Answer, ReceivedRequest, answering, prediction, reply
from tools.ports import free_port

pytestmark = pytest.mark.skipif(compiler() is None, reason="the load generator is C, and this machine has no compiler")

ROWS = [{"x": x} for x in range(7)]
LONG_S = 60.0
"""An SLO that every machine keeps, for tests of other things than time."""


def asking(**options: Any) -> Requests:
    """Return seven distinct requests, each with its own expected answer."""
    return single_rows(ROWS, [float(row["x"]) for row in ROWS], **options)


def load(answer: Answer, requests: Requests | None = None, count: int = 40, **options: Any) -> LoadResult:
    """Send requests, one every two milliseconds, to a server with these answers."""
    schedule = Schedule(np.arange(count, dtype=np.int64) * 2_000_000, count * 0.002)
    with answering(answer) as address:
        options = {"connections": 4, "core": None, "settle_s": 0.0, "drain_s": 30.0, **options}
        return run_load(address, schedule, requests or asking(), **options)


def test_each_request_gets_its_answer() -> None:
    """All arrivals are sent and answered, after they were due, and the summary counts them."""
    result = load(lambda request: [prediction(request)])
    assert result.accepted.all()
    assert (result.sent_ns >= result.scheduled_ns).all()
    assert (result.done_ns > result.sent_ns).all()
    summary = result.summary(LONG_S)
    assert summary["answered"] == {"200": 40}
    assert (summary["sent"], summary["within_slo"], summary["within_slo_share"]) == (40, 40, 1.0)
    assert (summary["wrong"], summary["failed"], summary["unanswered"], summary["abandoned"]) == (0, 0, 0, 0)
    assert result.valid(LONG_S)


def test_refusals_keep_their_status_and_count_as_late() -> None:
    """A 503 is an answer, but no prediction: its latency is infinite."""
    result = load(lambda request: [reply("{}", 503) if request.number % 4 == 0 else prediction(request)])
    summary = result.summary(LONG_S)
    assert summary["answered"] == {"200": 30, "503": 10}
    assert np.count_nonzero(np.isinf(result.latencies_s())) == 10
    assert summary["refused_ms"]["max"] > 0
    assert summary["within_slo"] == 30


@pytest.mark.parametrize("strange", ['{"prediction":9.5}', '{"pre'])
def test_an_answer_to_somebody_else_is_noticed(strange: str) -> None:
    """Another row's prediction is wrong however good its status, and so is one that is cut short."""
    result = load(lambda request: [reply(strange) if request.number < 3 else prediction(request)])
    assert np.count_nonzero(result.flags & WRONG) == 3
    assert result.summary(LONG_S)["within_slo"] == 37


def test_a_request_id_of_somebody_else_is_noticed() -> None:
    """With ids on, each arrival sends its own, and an answer with another or with none is wrong."""
    received = []

    def answer(request: ReceivedRequest) -> list[bytes]:
        received.append(request.headers["x-request-id"])
        body = f'{{"prediction":{float(request.content["x"])!r}}}'
        return [
            [reply(body), reply(body, x_request_id="lg-00000000000000ff"), prediction(request)][min(request.number, 2)]
        ]

    result = load(answer, asking(ids=True))
    assert sorted(received) == [f"lg-{number:016x}" for number in range(40)]
    assert np.count_nonzero(result.flags & WRONG) == 2


def test_what_is_never_answered_is_counted() -> None:
    """The run ends although the server is silent; requests without a connection are counted too."""
    result = load(lambda request: [prediction(request)] if request.number < 10 else None, drain_s=0.2)
    assert np.count_nonzero(result.is_answered) == 10
    assert result.summary(LONG_S)["unanswered"] == 30
    assert result.summary(LONG_S)["sent"] == 14
    # At the end 26 arrivals wait; on a busy machine more of them wait for the first answers.
    assert 26 <= result.counts["waiting_most"] <= 36


def test_a_lost_connection_is_a_failed_request_and_is_reopened() -> None:
    """Connections that the server drops are opened again; their requests are not sent twice."""
    result = load(lambda request: [] if request.number % 10 == 0 else [prediction(request)])
    assert result.summary(LONG_S)["failed"] == 4
    assert result.summary(LONG_S)["answered"] == {"200": 36}
    assert result.counts["reopened"] >= 4


def test_a_server_that_closes_after_each_answer_is_followed() -> None:
    """``Connection: close`` is respected: no request is sent on a connection that closes."""
    result = load(lambda request: [reply(f'{{"prediction":{float(request.content["x"])!r}}}', connection="close")])
    assert result.accepted.all()
    assert result.counts["reopened"] == 40


def test_answers_in_pieces_and_in_chunks_are_put_together() -> None:
    """Head and body may arrive byte by byte, after a 100, chunked, with extensions and trailers, or until the end."""

    def answer(request: ReceivedRequest) -> list[bytes]:
        body = f'{{"prediction":{float(request.content["x"])!r}}}'.encode()
        chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4;a=b\r\n" + body[:4]
        chunked += b"\r\n%X\r\n%b\r\n0\r\ntrailer: x\r\n\r\n" % (len(body) - 4, body[4:])
        full_answer = b"HTTP/1.1 100 Continue\r\n\r\n" + prediction(request)
        ways = [
            [full_answer],
            [full_answer[:9], full_answer[9:40], full_answer[40:60], full_answer[60:]],
            [chunked],
            [chunked[:60], chunked[60:70], chunked[70:]],
        ]
        return ways[request.number % 4]

    result = load(answer)
    assert result.accepted.all()
    assert result.counts["reopened"] == 0


def test_no_http_is_a_failure() -> None:
    """Bytes that are not an answer, and bytes after an answer, end the connection."""
    result = load(
        lambda request: [[b"220 hello, this is some other protocol\r\n\r\n"], [prediction(request) + b"more"]][
            request.number % 2
        ]
    )
    assert result.summary(LONG_S)["failed"] == 40


def test_latency_counts_from_the_schedule() -> None:
    """With one connection, arrivals of one moment are sent one after another, in order, and the wait is latency."""
    schedule = Schedule(np.zeros(5, dtype=np.int64), 1.0)
    with answering(lambda request: [prediction(request)]) as address:
        result = run_load(address, schedule, asking(), connections=1, core=None, drain_s=30.0)
    assert (result.sent_ns[1:] >= result.done_ns[:-1]).all()
    assert result.latencies_s().tolist() == pytest.approx((result.done_ns / 1e9).tolist())
    assert (result.flags & PROMPT).tolist() == [PROMPT, 0, 0, 0, 0]
    # The server causes the wait for a connection, so it is not a lag of the generator.
    assert result.lag_s().tolist() == pytest.approx([result.sent_ns[0] / 1e9, *(result.taken_ns[1:] / 1e9)])


def test_clients_that_go_away_are_neither_failed_nor_late() -> None:
    """A silent server and impatient clients: every client leaves, and no request counts against the server."""
    result = load(lambda request: None, disconnect_share=1.0, vanish_s=0.001)
    summary = result.summary(LONG_S)
    assert (summary["abandoned"], summary["failed"], summary["unanswered"]) == (40, 0, 0)
    assert result.latencies_s().size == 0
    assert summary["within_slo_share"] is None


def test_same_seed_same_load() -> None:
    """The seed determines the requests and the disconnecting clients; each request is sent equally often."""
    assert (choices(70, 7, seed=3) == choices(70, 7, seed=3)).all()
    assert (choices(70, 7, seed=3) != choices(70, 7, seed=4)).any()
    assert np.bincount(choices(70, 7, seed=3)).tolist() == [10] * 7
    assert (disconnects(900, 0.5, seed=3) == disconnects(900, 0.5, seed=3)).all()
    assert set(disconnects(900, 0.5, seed=3)) == {STAY, LEAVE, VANISH, HALF}
    assert not disconnects(900, 0.0, seed=3).any()


@pytest.mark.parametrize(
    "address",
    ["http://192.0.2.1:80", "https://127.0.0.1:80", "http://127.0.0.1", "http://example.org:80", "127.0.0.1:80"],
)
def test_only_this_machine_is_loaded(address: str) -> None:
    """Any address that is not of the loopback interface is refused before anything is sent."""
    with pytest.raises(ValueError, match="expected an address of this machine's loopback interface"):
        run_load(address, poisson(10, 0.1, 1), asking())


def test_localhost_is_this_machine() -> None:
    """The name and all of 127.0.0.0/8 are taken."""
    assert loopback("http://localhost:8000") == ("127.0.0.1", 8000)
    assert loopback("http://127.1.2.3:8000/") == ("127.1.2.3", 8000)


def test_the_program_refuses_other_machines_by_itself() -> None:
    """Called by hand, the C program holds the same line."""
    process = subprocess.run([str(build_loadgen()), "host=192.0.2.1", "port=80"], capture_output=True, text=True)
    assert process.returncode == 1
    assert "expected an address of this machine's loopback interface (127.0.0.0/8), got 192.0.2.1" in process.stderr


def test_nobody_there_is_an_error() -> None:
    """A server that is not running is an error."""
    with pytest.raises(BenchmarkError, match="nobody accepts connections on port"):
        run_load(f"http://127.0.0.1:{free_port()}", poisson(10, 0.1, 1), asking(), core=None)


def test_impossible_figures_are_refused() -> None:
    """Too many connections, a core that does not exist, and a share above one are errors that name the allowed values."""
    address, schedule = "http://127.0.0.1:1", poisson(10, 0.1, 1)
    with pytest.raises(BenchmarkError, match="expected connections from 1 to 4000, got '4001'"):
        run_load(address, schedule, asking(), core=None, connections=4001)
    with pytest.raises(BenchmarkError, match=r"expected a core that this process may use, one of .*, got 4096"):
        run_load(address, schedule, asking(), core=4096)
    with pytest.raises(ValueError, match=r"expected disconnect_share from 0 to 1, got 1\.5"):
        run_load(address, schedule, asking(), core=None, disconnect_share=1.5)


def test_it_stays_on_its_core() -> None:
    """A run on a core of this process's own works like any other."""
    result = load(lambda request: [prediction(request)], core=min(os.sched_getaffinity(0)))
    assert result.accepted.all()


def test_large_requests_are_sent_whole() -> None:
    """A body that does not fit into the socket's buffer is sent in parts and arrives unchanged."""
    numbers = list(range(300_000))
    requests = http_requests([{"x": 1, "numbers": numbers}], [b'{"prediction":1.0'], ids=True)
    result = load(
        lambda request: [prediction(request)] if request.content["numbers"] == numbers else [], requests, count=3
    )
    assert result.accepted.all()


def test_a_run_can_end_before_its_schedule() -> None:
    """An event ends the arrivals: the result has the arrivals until then, all answered; the generator may sleep meanwhile."""
    end = threading.Event()

    def answer(request: ReceivedRequest) -> list[bytes]:
        if request.number == 20:
            end.set()
        return [prediction(request)]

    result = load(answer, count=60_000, end=end, sleep_s=0.001)
    assert 20 < len(result.scheduled_ns) < 60_000
    assert result.accepted.all()
    assert result.seconds < 120.0
