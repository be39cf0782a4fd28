"""The metrics as text: Prometheus' plain format, and OpenMetrics with exemplars."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_plain

from monitoring.snapshots import Exemplar, Family, Series, Snapshot, merge, retire
from serving.operations.exposition import (
    OPENMETRICS_TEXT,
    PLAIN_TEXT,
    SERIES_LIMIT,
    TextFormat,
    choose_format,
)
from serving.operations.metrics import FAMILIES, Metrics
from serving.settings import ServingSettings
from tests.serving.fastpath.raw_client import application_of, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("accept", "text_format"),
    [
        ("", PLAIN_TEXT),
        ("*/*", PLAIN_TEXT),
        ("text/plain", PLAIN_TEXT),
        ("application/openmetrics-text", OPENMETRICS_TEXT),
        ("application/openmetrics-text;q=0", PLAIN_TEXT),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.5", PLAIN_TEXT),
        ("application/openmetrics-text;q=nan", PLAIN_TEXT),
        ("application/openmetrics-text;q=;;,,;", PLAIN_TEXT),
        # Prometheus 2.42 and 3.x.
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPENMETRICS_TEXT,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
            "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
            "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            OPENMETRICS_TEXT,
        ),
    ],
)
def test_the_accept_header_chooses_the_format(accept: str, text_format: TextFormat) -> None:
    """A client that prefers OpenMetrics gets it; every other one gets plain text."""
    assert choose_format(accept) is text_format


def test_openmetrics_has_the_trace_of_a_request_in_each_bucket() -> None:
    """The newest traced request of a bucket is its exemplar, and the strict parser accepts the whole text."""
    metrics = Metrics()
    for latency_s, trace in ((0.0042, "0" * 32), (0.0041, TRACE), (0.3, "1" * 32)):
        metrics.models.other.latency_s.add(latency_s)
        metrics.add_exemplar(latency_s, trace)
    metrics.models.other.latency_s.add(0.02)
    text = asyncio.run(metrics.collect(OPENMETRICS_TEXT)).decode()
    families = {family.name: family for family in read_openmetrics(text)}  # type: ignore[no-untyped-call]
    for name in ("tabento_request_seconds", "ml_prediction_latency"):
        exemplars = {
            sample.labels["le"]: (sample.exemplar.labels["trace_id"], sample.exemplar.value)
            for sample in families[name].samples
            if sample.exemplar is not None
        }
        assert exemplars == {"0.005": (TRACE, 0.0041), "0.5": ("1" * 32, 0.3)}


def test_plain_text_has_no_exemplars() -> None:
    """The plain format cannot have exemplars; Prometheus would refuse the scrape."""
    metrics = Metrics()
    metrics.models.other.latency_s.add(0.001)
    metrics.add_exemplar(0.001, TRACE)
    text = asyncio.run(metrics.collect()).decode()
    assert TRACE not in text
    assert "# EOF" not in text
    assert {family.name for family in read_plain(text)} >= {"tabento_request_seconds", "ml_prediction_latency"}


def test_both_formats_have_the_same_values() -> None:
    """Every sample of the plain text has the same value in OpenMetrics."""
    metrics = Metrics()
    metrics.answered[('/predict"\\\n', 200)] = 3
    metrics.models.other.latency_s.add(0.004)
    plain, openmetrics = (
        {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }
        for families in (
            read_plain(asyncio.run(metrics.collect(PLAIN_TEXT)).decode()),
            read_openmetrics(asyncio.run(metrics.collect(OPENMETRICS_TEXT)).decode()),  # type: ignore[no-untyped-call]
        )
    )
    assert plain == openmetrics


def test_exemplars_are_bounded() -> None:
    """A bucket keeps one exemplar, however many requests are traced."""
    metrics = Metrics()
    for number in range(10_000):
        metrics.add_exemplar(number / 1_000, f"{number:032x}")
    assert len(metrics.exemplars) <= len(metrics.latency_s().counts)
    assert max(exemplar.value for exemplar in metrics.exemplars.values()) == pytest.approx(9.999)


def test_the_number_of_series_is_bounded() -> None:
    """A metric shows a bounded number of series, always the same ones, and says how many it omits."""
    family = Family("tabento_values", "max", "Values.", ("feature",))
    series: Series = {(f"f{index:05}",): float(index) for index in range(SERIES_LIMIT + 7)}
    texts = [
        PLAIN_TEXT.exposition(Snapshot({family.name: values}), (family,)).decode()
        for values in (series, dict(reversed(series.items())))
    ]
    for text in texts:
        assert text.count("\ntabento_values{") == SERIES_LIMIT
        assert 'tabento_metric_series_omitted{metric="tabento_values"} 7.0' in text
        assert 'feature="f00000"' in text
        assert f'feature="f{SERIES_LIMIT:05}"' not in text


def test_the_newest_exemplar_of_all_workers_is_shown() -> None:
    """Over the connection to the supervisor, each bucket keeps the newest trace of all workers, also of ended ones."""
    snapshots = []
    for time_s, trace in ((10.0, "a"), (30.0, "b"), (20.0, "c")):
        metrics = Metrics()
        metrics.models.other.latency_s.add(0.004)
        metrics.exemplars[5] = Exemplar(trace * 32, 0.004, time_s)
        snapshots.append(metrics.snapshot())
    retired = retire(FAMILIES, snapshots[1], Snapshot())
    merged = merge(FAMILIES, [snapshots[0], snapshots[2]], retired)
    buckets = merged.histograms["tabento_request_seconds"]
    assert sum(buckets.counts) == 3
    assert buckets.exemplars == {5: Exemplar("b" * 32, 0.004, 30.0)}


def test_the_route_answers_in_the_format_of_the_accept_header(tmp_path: Path) -> None:
    """The route has the type that the client prefers, and caches are told that the answer depends on it."""
    with serving(application_of(tmp_path, ServingSettings())) as address:
        for accept, text_format in (("text/plain", PLAIN_TEXT), ("application/openmetrics-text", OPENMETRICS_TEXT)):
            request = urllib.request.Request(f"{address}/metrics", headers={"Accept": accept})
            with urllib.request.urlopen(request, timeout=30) as answer:
                body = answer.read()
                assert answer.headers["content-type"].encode() == text_format.content_type
                assert "accept" in answer.headers["vary"]
            assert body.endswith(b"# EOF\n") == (text_format is OPENMETRICS_TEXT)
