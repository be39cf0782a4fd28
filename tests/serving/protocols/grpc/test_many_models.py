"""Several models over gRPC: the message names the model, which may have to be loaded first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2

from serving.errors import MalformedError
from serving.protocols.grpc.infer_messages import ArrivedMessage
from serving.protocols.grpc.message_parts import NAMES_FIELDS, SCANNED_BYTES, model_names
from serving.protocols.grpc.servicer import SERVICE
from tests.bundles import TREE, classifier_answer, classifier_contract, linear_answer, orchard_contract
from tests.serving.many_models import GENEROUS, serving_models, shelf_of
from tests.serving.protocols.grpc.grpc_service import typed_request
from tools.ports import free_port

ORCHARD = orchard_contract()
HARVEST = classifier_contract()
FROST = classifier_contract((False, True), name="frost", probabilities=False)
BROKEN = classifier_contract((False, True), name="broken", probabilities=False)


class Caller:
    """Calls the methods of a service.

    Args:
        channel: a connection.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def __call__(self, method: str, request: Any, answer: Any) -> Any:
        """Return the answer of a method."""
        method_of_bytes = self._channel.unary_unary(f"/{SERVICE}/{method}")
        return answer.FromString(method_of_bytes(request.SerializeToString(), timeout=30))

    def infer(self, **fields: str) -> Any:
        """Return the answer to the row ``TREE``."""
        request = typed_request()
        for name, value in fields.items():
            setattr(request, name, value)
        return self("ModelInfer", request, service_pb2.ModelInferResponse)


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A caller of a service of two loaded models, the default one with a challenger, and of two that are not loaded."""
    port = free_port()
    settings = GENEROUS.model_copy(update={"grpc_port": port})
    folder = tmp_path_factory.mktemp("grpc")
    with (
        serving_models(folder, [ORCHARD, HARVEST], [FROST, BROKEN], settings, challengers=[ORCHARD]) as (
            _,
            application,
        ),
        grpc.insecure_channel(f"127.0.0.1:{port}", (("grpc.use_local_subchannel_pool", 1),)) as channel,
    ):
        shelf_of(application).faults["broken"] = "its graph is damaged"
        yield Caller(channel)


def test_the_message_names_the_model_and_its_version(call: Caller) -> None:
    """A name reaches the champion, a version the challenger as well; a model that is not loaded is loaded."""
    for fields, version in (({}, "v1"), ({"model_version": "v1"}, "v1"), ({"model_version": "v2"}, "v2")):
        answer = call.infer(**fields)
        assert (answer.model_name, answer.model_version) == ("orchard", version)
        assert list(answer.outputs[0].contents.fp64_contents) == [linear_answer(TREE, ORCHARD)]
    answer = call.infer(model_name="harvest")
    assert answer.outputs[0].contents.bytes_contents[0].decode() == classifier_answer(TREE, HARVEST)[0]
    assert call.infer(model_name="frost").model_name == "frost"


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"model_name": "nobody"}, grpc.StatusCode.NOT_FOUND, "'orchard'"),
        ({"model_version": "v3"}, grpc.StatusCode.NOT_FOUND, "'v2'"),
        ({"model_name": "broken"}, grpc.StatusCode.UNAVAILABLE, "its graph is damaged"),
    ],
)
def test_a_model_that_cannot_answer_is_named(call: Caller, fields: dict[str, str], code: Any, text: str) -> None:
    """Unknown models and versions, and a failed load, have their own status; the message names the known ones or the reason."""
    with pytest.raises(grpc.RpcError) as raised:
        call.infer(**fields)
    assert raised.value.code() is code
    assert text in raised.value.details()


def test_metadata_and_readiness_of_each_model(call: Caller) -> None:
    """The metadata lists all versions; a model whose load failed is not ready."""
    metadata = call(
        "ModelMetadata", service_pb2.ModelMetadataRequest(name="orchard"), service_pb2.ModelMetadataResponse
    )
    assert list(metadata.versions) == ["v1", "v2"]
    for name, is_ready in (("orchard", True), ("harvest", True), ("broken", False)):
        request = service_pb2.ModelReadyRequest(name=name)
        assert call("ModelReady", request, service_pb2.ModelReadyResponse).ready is is_ready


def test_names_are_read_before_a_long_message_is_parsed() -> None:
    """Of a long message only the first fields are read for its names, by the client's order of fields."""
    request = service_pb2.ModelInferRequest(
        model_name="orchard", model_version="v1", raw_input_contents=[b"x" * SCANNED_BYTES]
    )
    message = request.SerializeToString()
    assert model_names(message) == ("orchard", "v1")
    arrived = ArrivedMessage(message)
    assert (arrived.name, arrived.version, arrived.request(8)) == ("orchard", "v1", arrived.request(8))


@pytest.mark.parametrize(
    "start", [b"", b"\x3a\x01x", b"\x22\x00" * NAMES_FIELDS], ids=["no name", "inputs first", "many parameters first"]
)
def test_names_behind_the_inputs_of_a_long_message_are_refused(start: bytes) -> None:
    """A long message may not change its names behind the part that was read; nothing is answered by another model."""
    long_field = service_pb2.ModelInferRequest(raw_input_contents=[b"x" * SCANNED_BYTES]).SerializeToString()
    message = start + long_field + service_pb2.ModelInferRequest(model_name="orchard").SerializeToString()
    arrived = ArrivedMessage(message)
    assert arrived.name == ""
    with pytest.raises(MalformedError):
        arrived.request(8)


def test_cut_names_are_malformed() -> None:
    """A name that is longer than the message, is not UTF-8, or an unknown kind of field is malformed."""
    too_long = b"\x0a\xff\xff\xff\x7f"
    for start in (too_long, b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0b", b"\x0a\x01\xff"):
        with pytest.raises(MalformedError):
            ArrivedMessage(start + b"\x3a" * SCANNED_BYTES)
