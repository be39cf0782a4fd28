"""The guard refuses and limits calls of gRPC as it does requests over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from serving.guards.guard import Guard
from serving.settings import ServingSettings
from tests.serving.guards.test_guard import Addresses, Keys, TwoRows
from tests.serving.protocols.grpc.grpc_service import GrpcService, raw_method, serve_both, typed_request

MESSAGE = typed_request().SerializeToString()
REFUSALS = {
    "no key": ((), grpc.StatusCode.UNAUTHENTICATED, 401),
    "unknown key": ((("x-api-key", "bad"),), grpc.StatusCode.UNAUTHENTICATED, 401),
    "no permission": ((("authorization", "Bearer reader"),), grpc.StatusCode.PERMISSION_DENIED, 403),
    "two keys": ((("x-api-key", "good"), ("authorization", "Bearer reader")), grpc.StatusCode.INVALID_ARGUMENT, 400),
}


@pytest.fixture(scope="module")
def guarded_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrpcService]:
    """A service with keys and a limit."""
    with serve_both(tmp_path_factory.mktemp("guarded"), ServingSettings(slo_p99_ms=60_000)) as service:
        service.application.guard = Guard(Keys(TwoRows()), Addresses())
        yield service


@pytest.mark.parametrize("metadata", [(("x-api-key", "good"),), (("authorization", "Bearer good"),)])
def test_a_valid_key_is_let_through(guarded_service: GrpcService, metadata: tuple[tuple[str, str], ...]) -> None:
    """A key in either metadata is accepted."""
    with raw_method(guarded_service) as call, guarded_service.counted(200):
        assert call(MESSAGE, metadata=metadata)


@pytest.mark.parametrize("case", REFUSALS)
def test_other_callers_are_refused_before_they_send_a_message(guarded_service: GrpcService, case: str) -> None:
    """A call without a valid key is refused by its metadata; its message is not waited for."""
    metadata, code, status = REFUSALS[case]
    with grpc.insecure_channel(guarded_service.target) as channel, guarded_service.counted(status):
        call = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as failure:
            call(iter(()), metadata=metadata)
    assert failure.value.code() == code


def test_probes_need_no_key_and_descriptions_do(guarded_service: GrpcService) -> None:
    """Orchestrators ask the probes without a key; names of features need one."""
    for name in ("ServerLive", "ServerReady"):
        with raw_method(guarded_service, name) as call:
            assert call(b"") == b"\x08\x01"
    for name in ("ModelReady", "ServerMetadata", "ModelMetadata"):
        with raw_method(guarded_service, name) as call, pytest.raises(grpc.RpcError) as failure:
            call(b"")
        assert failure.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_caller_over_its_limit_is_told_when_to_try_again(guarded_service: GrpcService) -> None:
    """The answer carries the headers of the rate as metadata; the refusal is RESOURCE_EXHAUSTED with the pushback."""
    key = (("x-api-key", "limited"),)
    request = typed_request()
    for tensor in request.inputs:
        tensor.shape[0] = 3
        for field, values in tensor.contents.ListFields():
            values.extend(list(values) * 2)
            assert field.name
    with raw_method(guarded_service) as call:
        _, state = call.with_call(MESSAGE, metadata=key)
        assert ("ratelimit", '"requests";r=1;t=60') in state.trailing_metadata()
        with guarded_service.counted(429), pytest.raises(grpc.RpcError) as failure:
            call(request.SerializeToString(), metadata=key)
    assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    metadata = dict(failure.value.trailing_metadata())
    assert (metadata["x-error-code"], metadata["grpc-retry-pushback-ms"]) == ("rate_limited", "7000")
