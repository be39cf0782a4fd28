"""Metrics show the counts, and cost a request next to nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from monitoring.snapshots import Buckets, Snapshot
from runners.costs import BatchCosts
from runners.runner import Runner, RunnerOptions
from runners.stats import Tally
from serving.codec.input_policies import InputPolicies
from serving.operations.exposition import OMITTED, SnapshotCollector
from serving.operations.input_values import InputValues
from serving.operations.metrics import FAMILIES, CountedModel, Metrics, exposition
from serving.operations.worker_link import WorkerLink
from tabento.bundle.store import read_bundle
from tests.bundles import write_bundle
from tests.runners.bench import HandOffload
from tests.runners.echo import EchoModel, Ticket
from tests.runners.manual_loop import ManualLoop


@pytest.fixture
def disconnected() -> Iterator[Metrics]:
    """Metrics whose supervisor has gone."""
    worker_end, supervisor_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor_end.close()
    metrics = Metrics()
    metrics.link = WorkerLink(worker_end)
    yield metrics
    worker_end.close()


def test_one_process_shows_its_own_counts() -> None:
    """Without a supervisor the process shows its own counts, each once however often it is scraped."""
    metrics = Metrics()
    metrics.answered[("/predict", 200)] = 1
    metrics.shed["budget"] = 4
    metrics.sync()
    for _ in range(2):
        text = asyncio.run(metrics.collect())
        assert b'tabento_requests_total{route="/predict",status="200"} 1.0' in text
        assert b'tabento_shed_total{reason="budget"} 4.0' in text
        assert b"tabento_in_flight_requests 0.0" in text
    assert metrics.fault is None


def _runner_of_seven_rows() -> Runner:
    """Return a runner on a loop that is turned by hand, in whose queue seven rows wait."""
    loop, options = ManualLoop(), RunnerOptions(slo_s=1.0)
    runner = Runner(EchoModel(), loop, HandOffload(), options, BatchCosts(options.max_batch_rows))
    runner.batcher.submit(Ticket(1, 7).work())
    return runner


def _model_of(runner: Runner, folder: Path, metrics: Metrics) -> CountedModel:
    """Return the orchard's model with another runner."""
    bundle = read_bundle(write_bundle(folder), "orchard:v1")
    policies = InputPolicies(bundle.contract)
    inputs = InputValues(policies, len(bundle.contract.features), metrics.input_values)
    return SimpleNamespace(
        bundle=bundle, runner=runner, inputs=inputs, variant="champion", numbers=metrics.models.other
    )


def test_the_runners_counts_are_shown(tmp_path: Path) -> None:
    """Queue wait, batch rows, batch seconds, release, drop and retry come from the runner's own numbers."""
    metrics, runner = Metrics(), _runner_of_seven_rows()
    stats = runner.batcher.stats
    runner.admission.request_s, runner.budget.refusal_s = 0.00005, 0.00001
    metrics.add_model(_model_of(runner, tmp_path, metrics))
    stats.wait_s.add(0.0002)
    stats.batch_rows.add(3)
    stats.batch_s.add(0.004)
    stats.predicted_ratio.add(1.2)
    stats.count(stats.released, "pass")
    stats.count(stats.dropped, "expired")
    stats.retried = 2
    stats.callback_errors = 1
    text = exposition(metrics.snapshot()).decode()
    for line in (
        'tabento_queue_wait_seconds_bucket{le="0.00025"} 1.0',
        'tabento_batch_rows_bucket{le="4.0"} 1.0',
        'tabento_batch_seconds_bucket{le="0.005"} 1.0',
        'tabento_batch_predicted_ratio_bucket{le="1.25"} 1.0',
        'tabento_batches_total{reason="pass"} 1.0',
        'tabento_dropped_total{reason="expired"} 1.0',
        "tabento_batch_retries_total 2.0",
        "tabento_callback_errors_total 1.0",
        "tabento_queue_rows 7.0",
        "tabento_request_cost_seconds 5e-05",
        "tabento_refusal_cost_seconds 1e-05",
        'tabento_model_info{data="synthetic",model="orchard",version="v1"} 1.0',
    ):
        assert line in text


def test_every_number_belongs_to_a_family() -> None:
    """A snapshot has exactly the families, so that nothing is counted in vain."""
    snapshot = Metrics().snapshot()
    names = {*snapshot.values, *snapshot.histograms, *snapshot.histogram_series}
    assert names == {family.name for family in FAMILIES}


def test_the_text_is_the_one_that_prometheus_client_would_write() -> None:
    """The numbers give the lines that Prometheus' own counters, gauges and histograms give."""
    registry = CollectorRegistry()
    counter = Counter("tabento_requests", "Requests answered.", ["route", "status"], registry=registry)
    counter.labels('/a"b\\', "200").inc(3)
    gauge = Gauge("tabento_queue_rows", "Rows that wait for the model.", registry=registry)
    gauge.set(2)
    family = next(family for family in FAMILIES if family.name == "tabento_batch_predicted_ratio")
    histogram = Histogram(family.name, family.text, buckets=family.bounds, registry=registry)
    tally = Tally(family.bounds)
    for value in (0.1, 0.25, 1.0, 1.05, 99.0):
        histogram.observe(value)
        tally.add(value)
    snapshot = Snapshot(
        {"tabento_requests": {('/a"b\\', "200"): 3}, "tabento_queue_rows": {(): 2}},
        {family.name: Buckets(tally.counts, tally.total)},
    )
    worker_end = {metric.name: metric for metric in text_string_to_metric_families(exposition(snapshot).decode())}
    for supervisor_end in text_string_to_metric_families(generate_latest(registry).decode()):
        if not supervisor_end.name.endswith("_created"):
            assert worker_end[supervisor_end.name] == supervisor_end


def test_every_family_is_shown_before_anything_was_counted() -> None:
    """A scrape of a fresh worker names all families; those without labels are 0."""
    text_lines = {metric.name: metric for metric in SnapshotCollector(Snapshot(), FAMILIES).collect()}
    assert set(text_lines) == {family.name for family in (*FAMILIES, OMITTED)}
    assert [sample.value for sample in text_lines["tabento_slo_missed"].samples] == [0]


def test_without_its_supervisor_a_worker_shows_itself_and_says_so_once(
    disconnected: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    """If the sum is not available, the worker's own numbers are shown, one line is logged, and health reports it."""
    disconnected.over_slo = 5
    with caplog.at_level(logging.WARNING, logger="tabento.serving"):
        for _ in range(3):
            disconnected.sync()
            assert b"tabento_slo_missed_total 5.0" in asyncio.run(disconnected.collect())
        disconnected.close()
    assert len(caplog.records) == 1
    assert "metrics show this worker only" in caplog.text
    assert disconnected.fault is not None
