"""The measurement: its requests, its histogram, its search on a busy machine, and a real service."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.capacity import measure
from benchmarks.capacity.demand import Slo
from benchmarks.capacity.measure import (
    ServiceCounts,
    answer_beginnings,
    bucket_quantile,
    memory_mib,
    mixed_rows,
    pick_cores,
    request_bodies,
    search_rate,
    service_environment,
)
from benchmarks.loadgen.build import compiler
from benchmarks.loadgen.requests import http_requests
from benchmarks.process import BenchmarkError, serve_as_image
from benchmarks.scenarios import Target
from tabento.bundle.store import load_bundle
from tests.benchmarks.known_server import KnownServer
from tests.benchmarks.tiny_server import answering, prediction, reply

EXAMPLES = ({"x": 1, "y": "a"}, {"x": 2, "y": "b"}, {"x": 3})


def test_rows_are_mixed_from_examples() -> None:
    """Each value is from its own column, more combinations than examples occur, and a field without a value stays away."""
    rows = mixed_rows(EXAMPLES, 200)
    assert rows == mixed_rows(EXAMPLES, 200)
    assert {row["x"] for row in rows} == {1, 2, 3}
    assert {row.get("y") for row in rows} == {"a", "b", None}
    assert {tuple(row.items()) for row in rows} > {tuple(row.items()) for row in EXAMPLES}


def test_bodies_have_their_rows() -> None:
    """One row is an object, several rows are instances."""
    assert len(request_bodies(EXAMPLES, 1)) == measure.BODIES
    bodies = request_bodies(EXAMPLES, 100)
    assert len(bodies) == 8
    assert all(len(body["instances"]) == 100 for body in bodies)


def test_expected_answers_are_those_without_load() -> None:
    """The beginning of an answer ends before the model's name; a refused request is an error with the request."""
    with answering(lambda request: [reply(f'{{"prediction":{request.content["x"]},"model":"m"}}')]) as address:
        assert answer_beginnings(address, "/predict", [{"x": 7}]) == [b'{"prediction":7']
    with answering(lambda request: [reply("{}", 422)]) as address, pytest.raises(BenchmarkError, match='"x": 7'):
        answer_beginnings(address, "/predict", [{"x": 7}])


def test_a_quantile_of_a_histogram() -> None:
    """The quantile is interpolated in its bucket; beyond the last finite bound it is this bound."""
    counts = np.array([[0.1, 50.0], [0.2, 100.0], [np.inf, 100.0]])
    assert bucket_quantile(counts, 0.75) == pytest.approx(0.15)
    assert bucket_quantile(counts, 0.25) == pytest.approx(0.05)
    assert bucket_quantile(np.array([[0.1, 1.0], [np.inf, 100.0]]), 0.99) == pytest.approx(0.1)
    assert bucket_quantile(counts[:0], 0.99) == 0


METRICS = b"""
tabento_queue_wait_seconds_bucket{le="0.001"} 5
tabento_queue_wait_seconds_bucket{le="+Inf"} 8
tabento_batch_rows_bucket{le="1"} 2
tabento_batch_rows_sum 40
tabento_batch_rows_count 10
tabento_batch_seconds_sum 0.002
tabento_batch_seconds_count 10
"""


def test_counts_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches, rows and the model's time are read from the service's metrics, and an earlier reading is subtracted."""
    monkeypatch.setattr(measure, "get", lambda url: METRICS)
    counts = measure.read_counts("http://127.0.0.1:1")
    assert (counts.batches, counts.rows, counts.model_s) == (10, 40, 0.002)
    assert counts.waits.tolist() == [[0.001, 5], [np.inf, 8]]
    earlier = ServiceCounts(np.array([[0.001, 1.0], [np.inf, 2.0]]), 4.0, 8.0, 0.001)
    since = counts.since(earlier)
    assert (since.batches, since.rows, since.model_s) == (6, 32, 0.001)
    assert since.waits[:, 1].tolist() == [4, 6]
    assert counts.since(ServiceCounts(np.zeros((0, 2)), 0, 0, 0)).waits[:, 1].tolist() == [5, 8]


def known_target(monkeypatch: pytest.MonkeyPatch, server: KnownServer) -> Target:
    """Return a target whose runs are those of a known server."""
    monkeypatch.setattr(Target, "poisson", lambda self, rate, seconds, seed: server(rate, seconds, seed))
    return Target("http://127.0.0.1:1", http_requests([{}]), 0.01)


def test_the_search_finds_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that holds 3,000 a second is found to within the tolerance."""
    target = known_target(monkeypatch, KnownServer(lambda rate, _: rate <= 3_000))
    rate, limit = search_rate(target, Slo(0.01), say=lambda line: None)
    assert 3_000 / (1 + measure.TOLERANCE) <= rate <= 3_000
    assert limit == "server"


def test_a_busy_machine_gives_a_low_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no longer run passes near a rate that passed once, the search is repeated at half of it."""
    server = KnownServer(lambda rate, run: rate <= (3_000 if run < 10 else 1_000))
    rate, _ = search_rate(known_target(monkeypatch, server), Slo(0.01), say=lambda line: None)
    assert 500 < rate <= 1_000


def test_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is always late is an error with the promise."""
    target = known_target(monkeypatch, KnownServer(lambda rate, _: False))
    with pytest.raises(BenchmarkError, match="p99 <= 10 ms"):
        search_rate(target, Slo(0.01), say=lambda line: None)


def test_one_core_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load generator needs a core of its own; the message has the remedy."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    with pytest.raises(BenchmarkError, match="--measured FILE"):
        pick_cores()


def test_memory_of_a_process() -> None:
    """A process with numpy uses some MiB."""
    assert 5 < memory_mib(psutil.Process()) < 100_000


@pytest.mark.skipif(compiler() is None, reason="the load generator is C, and this machine has no compiler")
def test_a_server_without_a_histogram(monkeypatch: pytest.MonkeyPatch) -> None:
    """A point of a server without Tabento's metrics has latencies and no waiting time."""
    empty = ServiceCounts(np.zeros((0, 2)), 0.0, 0.0, 0.0)
    monkeypatch.setattr(measure, "read_counts", lambda address: empty)
    with answering(lambda request: [prediction(request)]) as address:
        target = Target(address, http_requests([{"x": 1}]), 60.0, connections=4, core=None, drain_s=60.0)
        point = measure.measure_point(target, [psutil.Process()], 0.5, 200.0, 0.2, seed=1)
    assert (point.good_share, point.wait_p99_ms, point.batch_rows, point.row_us) == (1, 0, 0, 0)
    assert 0 < point.p50_ms <= point.p99_ms
    assert 0 <= point.cpu_share <= 1


@pytest.mark.slow
@pytest.mark.skipif(compiler() is None, reason="the load generator is C, and this machine has no compiler")
@pytest.mark.parametrize("rows_each", [1, 20])
def test_a_real_service(tmp_path: Path, linear_bundle: str, monkeypatch: pytest.MonkeyPatch, rows_each: int) -> None:
    """All figures of a real service are measured: processor time, queue wait from its histogram, memory and the start."""
    monkeypatch.setattr(measure, "search_rate", lambda *_, **__: (200.0, "server"))
    monkeypatch.setattr(measure, "POINT_S", 0.5)
    monkeypatch.setattr(measure, "SHARES", (0.5, 1.0))
    slo, bundle = Slo(60.0), load_bundle(linear_bundle)
    environment = service_environment(tmp_path, slo)
    with serve_as_image(bundle.tag, environment=environment) as server:
        requests = measure.prepare_requests(server.address, bundle.examples, rows_each)
        target = Target(server.address, requests, slo.latency_s, core=None, drain_s=60.0)
        figures = measure.measure_target(server, target, bundle.tag, slo, say=lambda line: None)
    assert figures.model == linear_bundle
    assert figures.rows_each == rows_each
    assert [point.good_share for point in (*figures.points, figures.overload)] == [1, 1, 1]
    assert all(point.wait_p99_ms > 0 and point.cpu_share > 0 for point in figures.points)
    assert all(point.batch_rows >= rows_each and point.row_us > 0 for point in figures.points)
    assert figures.memory_mib > 50
    assert figures.ready_s > 0


def test_a_point_waits_for_an_idle_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that still works on the load before is waited for; one that never rests is named."""
    used_s = iter([0.0, 0.2, 0.2, 0.2])
    monkeypatch.setattr(measure, "cpu_s", lambda family: next(used_s))
    monkeypatch.setattr(measure, "IDLE_WINDOW_S", 0.01)
    lines: list[str] = []
    measure.wait_until_idle([], lines.append)
    assert (next(used_s, None), lines) == (None, [])
    monkeypatch.setattr(measure, "IDLE_LIMIT_S", 0.0)
    measure.wait_until_idle([], lines.append)
    assert lines == ["the service was not idle within 0 s: its processor time has a part of the load before"]
