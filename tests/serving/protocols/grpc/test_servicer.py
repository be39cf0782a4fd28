"""Unmodified clients of the protocol get the answers of the service, and errors as statuses."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from monitoring.service_log.formats import JsonFormat
from serving.operations.access_log import AccessLog
from serving.settings import ServingSettings
from tests.bundles import LABELS, TREE, classifier_answer, classifier_contract, linear_answer, orchard_contract
from tests.servers import wait_until
from tests.serving.protocols.grpc.grpc_service import GrpcService, inputs_of, raw_method, serve_both, typed_request

ANSWER = linear_answer(TREE, orchard_contract())
STEEP_TREE = {**TREE, "slope": 3.5}


def _failure(
    client: triton.InferenceServerClient, inputs: list[triton.InferInput], name: str = "orchard", **options: Any
) -> tuple[str, str]:
    """Return status and message of a call that fails."""
    with pytest.raises(InferenceServerException) as failure:
        client.infer(name, inputs, **options)
    return failure.value.status(), failure.value.message()


def test_server_and_model_are_ready(client: triton.InferenceServerClient, service: GrpcService) -> None:
    """The probes of server and model answer true, and are counted."""
    with service.counted(200, "ServerLive"), service.counted(200, "ServerReady"), service.counted(200, "ModelReady"):
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("orchard")


def test_metadata_describes_the_tensors(client: triton.InferenceServerClient) -> None:
    """The metadata names the server, the version, one input for each feature, and the output."""
    assert client.get_server_metadata().name == "tabento"
    metadata = client.get_model_metadata("orchard", as_json=True)
    assert metadata["versions"] == ["v1"]
    assert metadata["inputs"][0] == {"name": "age", "datatype": "INT64", "shape": ["-1", "1"]}
    assert metadata["outputs"] == [{"name": "apples", "datatype": "FP64", "shape": ["-1"]}]


def test_raw_contents_get_the_answers_of_http(client: triton.InferenceServerClient, service: GrpcService) -> None:
    """Tensors in the binary layout get the same predictions as JSON, in the binary layout, under the same id."""
    rows = [TREE, STEEP_TREE] * 20
    with service.counted(200):
        result = client.infer("orchard", inputs_of(rows), model_version="v1", request_id="my-7")
    http = httpx.post(f"{service.http}/predict", json={"instances": rows}).json()
    assert result.as_numpy("apples").tolist() == http["predictions"]
    response = result.get_response()
    assert (response.id, response.model_name, response.model_version) == ("my-7", "orchard", "v1")
    assert len(response.raw_output_contents) == 1


def test_typed_contents_get_typed_contents(service: GrpcService) -> None:
    """A request with typed contents is answered with typed contents, under the id of the service."""
    with raw_method(service) as call:
        answer, state = call.with_call(typed_request().SerializeToString(), metadata=(("x-request-id", "typed-1"),))
    response = service_pb2.ModelInferResponse.FromString(answer)
    assert list(response.outputs[0].contents.fp64_contents) == [ANSWER]
    assert not response.raw_output_contents
    assert response.id == "typed-1"
    assert ("x-request-id", "typed-1") in state.trailing_metadata()


def test_a_classifier_answers_labels_and_probabilities(tmp_path: Path) -> None:
    """Labels are texts, probabilities a tensor of all classes; requested outputs are answered alone."""
    contract = classifier_contract()
    label, shares = classifier_answer(TREE, contract)
    with (
        serve_both(tmp_path, ServingSettings(slo_p99_ms=60_000), contract) as service,
        triton.InferenceServerClient(service.target) as client,
    ):
        result = client.infer("harvest", inputs_of([TREE]))
        assert result.as_numpy("harvest").tolist() == [str(label).encode()]
        np.testing.assert_allclose(result.as_numpy("probabilities"), [[shares[name] for name in LABELS]])
        labels = client.infer("harvest", inputs_of([TREE]), outputs=[triton.InferRequestedOutput("harvest")])
        assert [output.name for output in labels.get_response().outputs] == ["harvest"]
        with raw_method(service) as call:
            request = typed_request()
            request.model_name = "harvest"
            typed = service_pb2.ModelInferResponse.FromString(call(request.SerializeToString()))
        assert list(typed.outputs[0].contents.bytes_contents) == [str(label).encode()]
        status, message = _failure(client, inputs_of([TREE]), "harvest", outputs=[triton.InferRequestedOutput("size")])
        assert status == "StatusCode.INVALID_ARGUMENT"
        assert "no output 'size'" in message


@pytest.mark.parametrize(("name", "version"), [("pear", ""), ("orchard", "v2")])
def test_another_model_is_not_found(
    client: triton.InferenceServerClient, service: GrpcService, name: str, version: str
) -> None:
    """A name or version that is not served is NOT_FOUND, for predictions, readiness and metadata."""
    with service.counted(404):
        assert _failure(client, inputs_of([TREE]), name, model_version=version)[0] == "StatusCode.NOT_FOUND"
    for call in (client.is_model_ready, client.get_model_metadata):
        with pytest.raises(InferenceServerException, match="There is no"):
            call(name, version)


def test_invalid_values_are_named(client: triton.InferenceServerClient, service: GrpcService) -> None:
    """Values outside the contract are INVALID_ARGUMENT, with rows, fields, and the expected values."""
    with service.counted(422):
        status, message = _failure(client, inputs_of([TREE, {**TREE, "sort": "plum"}, {**TREE, "age": 10**6}]))
    assert status == "StatusCode.INVALID_ARGUMENT"
    assert "'sort'" in message
    assert "row 2, field 'age': expected an integer" in message


def _missing(request: service_pb2.ModelInferRequest) -> None:
    del request.inputs[0]


def _too_few_raw(request: service_pb2.ModelInferRequest) -> None:
    request.raw_input_contents.append(b"x")


def _raw_and_typed(request: service_pb2.ModelInferRequest) -> None:
    request.raw_input_contents.extend([b"x"] * len(request.inputs))


def _other_field(request: service_pb2.ModelInferRequest) -> None:
    request.inputs[0].contents.fp64_contents.append(1.0)


def _half(request: service_pb2.ModelInferRequest) -> None:
    request.inputs[1].datatype = "FP16"


def _unknown_datatype(request: service_pb2.ModelInferRequest) -> None:
    request.inputs[1].ClearField("contents")
    request.inputs[1].datatype = "TEXT"


def _no_inputs(request: service_pb2.ModelInferRequest) -> None:
    request.ClearField("inputs")


def _huge_shape(request: service_pb2.ModelInferRequest) -> None:
    request.inputs[0].shape[:] = [2**62, 2**62]


def _negative_shape(request: service_pb2.ModelInferRequest) -> None:
    request.inputs[0].shape[:] = [-5]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_missing, "'age': expected"),
        (_too_few_raw, "raw_input_contents with one entry for each of the 7 inputs, got 1 entries"),
        (_raw_and_typed, "no contents, as the request has raw_input_contents, got both"),
        (_other_field, "expected contents.int64_contents for INT64, got contents.fp64_contents"),
        (_half, "raw_input_contents for FP16"),
        (_unknown_datatype, "one of the datatypes"),
        (_no_inputs, "a tensor for each feature, got no tensor"),
        (_huge_shape, "shape"),
        (_negative_shape, "1 to 500 rows"),
    ],
)
def test_a_wrong_request_is_explained(service: GrpcService, change: Any, text: str) -> None:
    """Each fault of a request is INVALID_ARGUMENT, with a message that names it."""
    request = typed_request()
    change(request)
    with raw_method(service) as call, service.counted(422), pytest.raises(grpc.RpcError) as failure:
        call(request.SerializeToString())
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert text in failure.value.details()


@pytest.mark.parametrize("method", ["ModelInfer", "ModelReady", "ModelMetadata"])
def test_bytes_that_are_not_a_message_are_refused(service: GrpcService, method: str) -> None:
    """Bytes that are not a message are INVALID_ARGUMENT, and the connection stays open."""
    with raw_method(service, method) as call:
        for garbage in (b"\xff" * 40, b"\x0a\x05abc", b"\x0a\x02\xc3\x28"):
            with service.counted(400, method), pytest.raises(grpc.RpcError) as failure:
                call(garbage)
            assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert dict(failure.value.trailing_metadata())["x-error-code"] == "malformed"


def test_a_message_over_the_limit_is_refused(service: GrpcService) -> None:
    """A message of more bytes than ``max_body_bytes`` is RESOURCE_EXHAUSTED, and nothing stays in flight."""
    with raw_method(service) as call, service.counted(400), pytest.raises(grpc.RpcError) as failure:
        call(b"\x00" * 50_001)
    assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_compressed_message_is_refused(service: GrpcService) -> None:
    """A compressed message is refused: a small one could need much memory."""
    with raw_method(service) as call, pytest.raises(grpc.RpcError) as failure:
        call(typed_request().SerializeToString(), compression=grpc.Compression.Gzip)
    assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_an_unknown_method_is_unimplemented(service: GrpcService) -> None:
    """A method outside the protocol is UNIMPLEMENTED."""
    with raw_method(service, "ModelStreamInfer") as call, pytest.raises(grpc.RpcError) as failure:
        call(b"")
    assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_slow_message_is_given_up(service: GrpcService) -> None:
    """A client that does not send its message in time is refused, and holds nothing."""
    release = threading.Event()

    def silence() -> Any:
        release.wait(60)
        yield b""

    with grpc.insecure_channel(service.target) as channel, service.counted(408):
        call = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as failure:
            call(silence())
        release.set()
    assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "did not arrive within 0.3 seconds" in failure.value.details()


def test_a_call_without_a_message_is_refused(service: GrpcService) -> None:
    """A stream that ends before its message is INVALID_ARGUMENT."""
    with grpc.insecure_channel(service.target) as channel, service.counted(400):
        call = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as failure:
            call(iter(()))
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert failure.value.details() == "Expected one message, got none."


def test_the_deadline_of_a_call_is_the_deadline_of_its_rows(
    client: triton.InferenceServerClient, service: GrpcService
) -> None:
    """Rows that wait until the deadline of their call are given up, and the call is counted as 504."""
    with service.hold_rows(), service.counted(504):
        status, _ = _failure(client, inputs_of([TREE]), client_timeout=0.2)
    assert status == "StatusCode.DEADLINE_EXCEEDED"


def test_a_cancelled_call_is_counted_as_such(service: GrpcService) -> None:
    """If the client cancels its call, the rows are not run, and the call is counted as 499."""
    with raw_method(service) as call:
        with service.hold_rows(), service.counted(499):
            future = call.future(typed_request().SerializeToString())
            wait_until(lambda: service.model.batcher.queued_rows == 1, "the row to wait")
            future.cancel()
        dropped_count = service.model.batcher.stats.dropped.get("gone", 0)
        assert dropped_count >= 1
        call(typed_request().SerializeToString())


def test_a_full_queue_is_refused_with_the_time_to_try_again(tmp_path: Path) -> None:
    """A call that finds the queue full is UNAVAILABLE, with the pushback of gRPC; the call before it is answered."""
    settings = ServingSettings(slo_p99_ms=60_000, max_queue_rows=1)
    with serve_both(tmp_path, settings) as service, raw_method(service) as call:
        message = typed_request().SerializeToString()
        with service.hold_rows():
            waiting = call.future(message)
            wait_until(lambda: service.model.batcher.queued_rows == 1, "the row to wait")
            _assert_overloaded(call, message)
        assert service_pb2.ModelInferResponse.FromString(waiting.result(60)).outputs
        assert service.application.metrics.shed == {"queue_full": 1}


def test_the_number_of_calls_is_bounded(tmp_path: Path) -> None:
    """A call above the largest number of calls is UNAVAILABLE."""
    settings = ServingSettings(slo_p99_ms=60_000, grpc_max_calls=1)
    with serve_both(tmp_path, settings) as service, raw_method(service) as call:
        message = typed_request().SerializeToString()
        with service.hold_rows():
            waiting = call.future(message)
            wait_until(lambda: service.model.batcher.queued_rows == 1, "the row to wait")
            _assert_overloaded(call, message)
        assert waiting.result(60)
        assert service.application.metrics.shed == {"grpc_calls": 1}


def test_a_call_without_an_answer_is_ended_by_the_watchdog(tmp_path: Path) -> None:
    """A call that is not answered is INTERNAL after the limit, and counted as a defect."""
    settings = ServingSettings(slo_p99_ms=60_000, answer_timeout_s=0.1)
    with serve_both(tmp_path, settings) as service, raw_method(service) as call:
        with service.hold_rows(), service.counted(500), pytest.raises(grpc.RpcError) as failure:
            call(typed_request().SerializeToString())
        assert service.application.metrics.watchdog == 1
    assert failure.value.code() == grpc.StatusCode.INTERNAL


def _assert_overloaded(call: grpc.UnaryUnaryMultiCallable, message: bytes) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        call(message)
    assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
    metadata = dict(failure.value.trailing_metadata())
    assert metadata["x-error-code"] == "overloaded"
    assert metadata["grpc-retry-pushback-ms"] == "1000"


def test_calls_are_in_the_metrics_and_in_the_access_log(
    client: triton.InferenceServerClient, service: GrpcService
) -> None:
    """The metrics have the method as route, with the latency of predictions; the access log has one line for a call."""
    client.infer("orchard", inputs_of([TREE]))
    metrics = httpx.get(f"{service.http}/metrics").text
    assert 'tabento_requests_total{route="grpc ModelInfer",status="200"}' in metrics
    service.application.accounting.access_log = AccessLog()
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(JsonFormat("worker").format(record))  # type: ignore[method-assign]
    logging.getLogger("tabento.access").addHandler(handler)
    try:
        client.infer("orchard", inputs_of([TREE]), headers={"x-request-id": "logged-1"})
        wait_until(lambda: bool(lines), "the line")
    finally:
        service.application.accounting.access_log = None
        logging.getLogger("tabento.access").removeHandler(handler)
    line = json.loads(lines[0])
    assert (line["path"], line["status"], line["request_id"]) == ("grpc ModelInfer", 200, "logged-1")
