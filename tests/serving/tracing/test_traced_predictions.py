"""Sampled predictions become spans on every protocol; their answers, and predictions without a trace, stay the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import httpx
import pytest

from serving.prediction import Prediction
from serving.settings import ServingSettings
from serving.tracing.tracer import Tracer
from tests.bundles import TREE
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import RawClient, application_of, on_loop, plain_request, serving
from tests.serving.protocols.grpc.grpc_service import raw_method, serve_both, typed_request
from tests.serving.tracing.collector import Collector, attributes_of, collecting

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
PARTS = ["decode", "queue", "batch", "encode"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A running collector."""
    with collecting() as collector:
        yield collector


def _settings(collector: Collector, rate: float = 1.0, **changes: object) -> ServingSettings:
    settings = ServingSettings(slo_p99_ms=60_000, tracing_sample_rate=rate, tracing_endpoint=collector.endpoint)
    return settings.model_copy(update=changes)


def _wait_for(collector: Collector, n_batches: int) -> None:
    wait_until(lambda: len(collector.named("model batch")) >= n_batches, "the spans to arrive")


def test_the_fast_path_and_asgi_make_the_same_spans(tmp_path: Path, collector: Collector) -> None:
    """A request has the same parts on both ways, within its own time, one after the other, and continues the caller's trace."""
    application = application_of(tmp_path, _settings(collector))
    with serving(application) as address, RawClient(address) as line:
        for path_end in ("", "/"):
            request = plain_request(extra_headers=f"traceparent: {TRACEPARENT}\r\n", name="a")
            line.send(request.replace(b" HTTP/1.1", f"{path_end} HTTP/1.1".encode(), 1))
            assert line.answer().startswith(b"HTTP/1.1 200 ")
        _wait_for(collector, 2)
        wait_until(lambda: len(collector.named("POST /predict")) == 2, "the spans of the requests")
    for span in collector.named("POST /predict"):
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
        attributes = attributes_of(span)
        assert attributes["tabento.request_id"] == "a"
        assert (attributes["http.response.status_code"], attributes["tabento.rows"]) == (200, 1)
        parts = collector.children(span)
        assert [part.name for part in parts] == PARTS
        times = [time for part in parts for time in (part.start_time_unix_nano, part.end_time_unix_nano)]
        assert times == sorted(times)
        assert span.start_time_unix_nano <= times[0]
        assert times[-1] <= span.end_time_unix_nano


def test_a_batch_is_linked_with_its_requests(tmp_path: Path, collector: Collector) -> None:
    """Requests that ran together share one span of the batch: it links to them, and each of them to it."""
    application = application_of(tmp_path, _settings(collector))
    with serving(application) as address, ExitStack() as stack:
        model = application.state.started_model()
        loop = model.new_future().get_loop()
        on_loop(loop, lambda: model.batcher.hold(3))
        lines = [stack.enter_context(RawClient(address)) for _ in range(3)]
        for line in lines:
            line.send(plain_request())
        for line in lines:
            assert line.answer().startswith(b"HTTP/1.1 200 ")
        _wait_for(collector, 1)
        wait_until(lambda: len(collector.named("POST /predict")) == 3, "the spans of the requests")
    (batch,) = collector.named("model batch")
    requests = collector.named("POST /predict")
    assert {link.span_id for link in batch.links} == {span.span_id for span in requests}
    assert attributes_of(batch) == {
        "tabento.batch.rows": 3,
        "tabento.batch.requests": 3,
        "tabento.batch.sampled_requests": 3,
    }
    for part in collector.named("batch"):
        assert [link.span_id for link in part.links] == [batch.span_id]
    assert len({span.trace_id for span in [batch, *requests]}) == 4


def test_a_sliced_request_has_each_of_its_batches(tmp_path: Path, collector: Collector) -> None:
    """A request of several slices has a part for each batch."""
    application = application_of(tmp_path, _settings(collector, slice_rows=2, max_batch_rows=2))
    with serving(application) as address:
        answer = httpx.post(f"{address}/predict", json={"instances": [TREE] * 6}, timeout=30)
        assert answer.status_code == 200
        _wait_for(collector, 3)
        wait_until(lambda: len(collector.named("POST /predict")) == 1, "the span of the request")
    (span,) = collector.named("POST /predict")
    assert [part.name for part in collector.children(span)] == ["decode", "queue", "batch", "batch", "batch", "encode"]
    assert attributes_of(span)["tabento.batches"] == 3


def test_errors_and_cached_answers_have_the_parts_that_happened(tmp_path: Path, collector: Collector) -> None:
    """A refused body was only decoded; a cached answer had neither queue nor batch. The span has the error's code, no value."""
    application = application_of(tmp_path, _settings(collector, cache_bytes=1 << 20))
    with serving(application) as address:
        bad = httpx.post(f"{address}/predict", json={**TREE, "age": "planted-value"}, timeout=30)
        assert bad.status_code == 422
        for _ in range(2):
            assert httpx.post(f"{address}/predict", json=TREE, timeout=30).status_code == 200
        wait_until(lambda: len(collector.named("POST /predict")) == 3, "the spans of the requests")
    refused_span, unknown_span, known_span = sorted(
        collector.named("POST /predict"), key=lambda span: span.start_time_unix_nano
    )
    assert [[part.name for part in collector.children(span)] for span in (refused_span, unknown_span, known_span)] == [
        ["decode"],
        PARTS,
        ["decode", "encode"],
    ]
    assert attributes_of(refused_span)["error.type"] == json.loads(bad.content)["error"]["code"]
    assert "planted-value" not in str(collector.received)


def test_other_protocols_are_traced(tmp_path: Path, collector: Collector) -> None:
    """Open Inference over REST and gRPC, and invocations, continue the caller's trace from their headers and metadata."""
    with serve_both(tmp_path, _settings(collector)) as service:
        headers = {"traceparent": TRACEPARENT}
        instances = {"instances": [TREE]}
        assert httpx.post(f"{service.http}/invocations", json=instances, headers=headers, timeout=30).is_success
        with raw_method(service) as method:
            method(typed_request().SerializeToString(), metadata=(("traceparent", TRACEPARENT),), timeout=30)
            with pytest.raises(grpc.RpcError):
                method(b"\xff", timeout=30)
        names = ["POST /invocations", "inference.GRPCInferenceService/ModelInfer"]
        wait_until(lambda: len(collector.named(names[1])) == 2 and bool(collector.named(names[0])), "the spans")
    for name in names:
        (span,) = (span for span in collector.named(name) if span.trace_id.hex() == TRACE_ID)
        assert span.parent_span_id.hex() == PARENT_ID
        assert [part.name for part in collector.children(span)] == PARTS


def test_a_caller_that_does_not_trace_decides_for_its_request(tmp_path: Path, collector: Collector) -> None:
    """Its requests have no span at a rate of 1, and a caller that traces has spans at a rate of nearly 0."""
    for rate, flags in ((1.0, "00"), (1e-18, "01")):
        application = application_of(tmp_path / flags, _settings(collector, rate))
        with serving(application) as address, RawClient(address) as line:
            header = f"traceparent: 00-{TRACE_ID}-{PARENT_ID}-{flags}\r\n"
            line.send(plain_request(extra_headers=header, name=f"flags-{flags}"))
            assert line.answer().startswith(b"HTTP/1.1 200 ")
            if flags == "01":
                wait_until(lambda: bool(collector.named("POST /predict")), "the span")
    assert [attributes_of(span)["tabento.request_id"] for span in collector.named("POST /predict")] == ["flags-01"]


def test_spans_that_nobody_takes_are_counted(tmp_path: Path) -> None:
    """Without a collector predictions are answered, and the metrics count the spans that were dropped."""
    with collecting() as collector:
        pass
    application = application_of(tmp_path, _settings(collector))
    with serving(application) as address:
        assert httpx.post(f"{address}/predict", json=TREE, timeout=30).status_code == 200
        assert application.tracer is not None
        assert application.tracer.sender is not None
        application.tracer.sender.close()
    assert application.metrics.snapshot().values["tabento_spans"] == {("sent",): 0, ("dropped",): 2}


def test_a_prediction_without_a_trace_is_a_plain_prediction(tmp_path: Path, collector: Collector) -> None:
    """A request that is not sampled runs no line of tracing: it is of the same class as without tracing."""
    application = application_of(tmp_path, _settings(collector, 1e-18))
    with serving(application):
        model = application.state.started_model()
        tracer = application.tracer
        assert tracer is not None

        class Connection:
            client_address = "192.0.2.1"
            is_gone = False

        arguments = (model, Connection(), "/predict", b"a", None)
        plain, traced = (tracer.new_prediction(Prediction, value, *arguments) for value in (None, TRACEPARENT.encode()))
    assert type(plain) is Prediction
    assert (plain.trace_id, traced.trace_id) == (None, TRACE_ID)


def test_the_rate_is_the_share_of_traces() -> None:
    """Of many requests about the share of the rate is sampled, and each has an id of its own."""
    tracer = Tracer(0.25, lambda item: None)
    traces = [trace for trace in (tracer.begin(None) for _ in range(8_000)) if trace is not None]
    assert 1_800 < len(traces) < 2_200
    assert len({trace.trace_id for trace in traces}) == len(traces)


def test_a_traced_prediction_is_the_exemplar_of_its_latency(tmp_path: Path, collector: Collector) -> None:
    """A scrape in OpenMetrics shows the trace of an answered request, and none of a refused one."""
    application = application_of(tmp_path, _settings(collector))
    headers = {"traceparent": TRACEPARENT}
    with serving(application) as address, httpx.Client(base_url=address, timeout=30) as client:
        other_id = TRACE_ID[::-1]
        client.post("/predict", json={}, headers={"traceparent": f"00-{other_id}-{PARENT_ID}-01"})
        client.post("/predict", json=TREE, headers=headers)
        text = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}).text
    assert f'trace_id="{TRACE_ID}"' in text
    assert other_id not in text
