"""Each scenario puts its question to a real server and gives an answer that JSON can hold."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from benchmarks import scenarios
from benchmarks.loadgen.build import compiler
from benchmarks.loadgen.requests import http_requests
from benchmarks.scenarios import Target, memory_growth, worker_of
from tests.benchmarks.row_requests import many_rows, single_rows
from tests.benchmarks.tiny_server import answering, prediction, reply

pytestmark = pytest.mark.skipif(compiler() is None, reason="the load generator is C, and this machine has no compiler")

ROWS = [{"x": x} for x in range(7)]
SLO_S = 60.0
"""Long enough that every answer is in time on any machine, because these tests are not about time."""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """A server that answers rightly."""
    with answering(lambda request: [prediction(request)]) as address:
        requests = single_rows(ROWS, [float(row["x"]) for row in ROWS])
        yield Target(address, requests, SLO_S, connections=8, core=None, drain_s=60.0)


def test_capacity(target: Target) -> None:
    """The search runs over HTTP and gives its rate with all runs."""
    answer = scenarios.capacity(target, 20_000, 0.05, tolerance=1000.0, most_per_s=20_000)
    assert (answer["qps"], answer["limited_by"], answer["slo_ms"]) == (20_000, "search", 60_000)
    assert [run["outcome"] for run in answer["runs"]] == ["passed", "passed"]
    assert answer["rows_per_s"] == 20_000
    json.dumps(answer, allow_nan=False)


def test_capacity_in_rows() -> None:
    """Requests of many rows count as many rows."""
    with answering(lambda request: [reply('{"predictions":[1.0]}')]) as address:
        batch_target = Target(
            address, many_rows(ROWS, [1.0] * 7, rows_each=10, count=5), SLO_S, core=None, drain_s=60.0
        )
        answer = scenarios.capacity(batch_target, 20_000, 0.05, tolerance=1000.0, most_per_s=20_000)
    assert (answer["rows_each"], answer["rows_per_s"]) == (10, 200_000)


def test_shares_and_bursts(target: Target) -> None:
    """Half load, bursts and a cold start run at a share of capacity and count every answer."""
    for answer in (
        scenarios.at_share(target, 1000, 0.1),
        scenarios.bursts(target, 1000, 0.1),
        scenarios.cold_start(target, 1000, seconds=0.1),
    ):
        assert answer["share"] == 0.5
        assert answer["within_slo"] == answer["scheduled"] > 0
        json.dumps(answer, allow_nan=False)


def test_overload(target: Target) -> None:
    """Good answers are a share of capacity, by the second, with the requested number of connections."""
    answer = scenarios.overload(target, 200, 0.5, factor=3.0, connections=20)
    assert (answer["factor"], answer["connections"]) == (3.0, 20)
    assert answer["goodput_share"] == pytest.approx(answer["within_slo"] / 0.5 / 200, abs=1e-3)
    assert sum(part["scheduled"] for part in answer["timeline"]) == answer["scheduled"]


def test_soak(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are added up, clients disconnect, memory is watched, and nothing hangs."""
    monkeypatch.setattr(scenarios, "SOAK_PART_S", 0.3)
    monkeypatch.setattr(scenarios, "RSS_EVERY_S", 0.01)
    answer = scenarios.soak(target, 1000, os.getpid(), minutes=0.01, disconnect_share=0.2)
    assert len(answer["parts"]) == 2
    assert answer["scheduled"] == sum(part["scheduled"] for part in answer["parts"])
    assert answer["abandoned"] > 0
    assert (answer["hung"], answer["wrong"], answer["failed"], answer["other_5xx"]) == (0, 0, 0, 0)
    assert answer["rss_growth"] is not None
    json.dumps(answer, allow_nan=False)


def test_soak_counts_faults() -> None:
    """A 500 is a fault, a 503 is not, and no answer is a hung request."""
    answers = {0: [reply("{}", 500)], 1: [reply("{}", 503)], 2: None}
    with answering(lambda request: answers.get(request.number, [prediction(request)])) as address:
        faulty = Target(address, http_requests(ROWS), SLO_S, connections=8, core=None, drain_s=0.3)
        answer = scenarios.soak(faulty, 1000, os.getpid(), minutes=0.002, disconnect_share=0.0)
    assert (answer["other_5xx"], answer["hung"]) == (1, 1)


def test_no_run_inherits_a_backlog(target: Target) -> None:
    """After unanswered requests the server is waited for until it answers in time again, or until a deadline."""
    assert target.wait_until_idle()
    with answering(lambda request: [prediction(request)] if request.number > 2 else []) as address:
        assert replace(target, address=address).wait_until_idle()
    with answering(lambda request: None) as address:
        assert not replace(target, address=address).wait_until_idle(deadline_s=0.05)


def test_warm_up_ends(target: Target) -> None:
    """A warm-up is a short run without an answer."""
    scenarios.warm_up(target, 500, 0.05)


def test_growth_counts_after_memory_has_settled() -> None:
    """The start, when caches fill, is left out; too few samples give none."""
    assert memory_growth([50.0, 90.0, *[100.0] * 6, 102.0, 102.0]) == pytest.approx(0.02)
    assert memory_growth([100.0, 200.0]) is None


def test_the_busiest_process_is_the_worker() -> None:
    """Of a family the one that has worked most is watched."""
    family = [os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))]
    assert worker_of(os.getpid()) in family
