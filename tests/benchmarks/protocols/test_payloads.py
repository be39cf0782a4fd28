"""The requests of all protocols hold the same rows."""

from __future__ import annotations

import json

import pytest

from benchmarks.protocols.payloads import GRPC, JSON, OIP_BINARY, OIP_JSON, payload
from serving.protocols.grpc.open_inference_pb2 import ModelInferRequest
from tests.bundles import ORCHARD_EXAMPLES, orchard_contract

CONTRACT = orchard_contract()


def _body(content: bytes) -> tuple[str, bytes]:
    """Return head and body of a request, and check its length."""
    head, _, body = content.partition(b"\r\n\r\n")
    assert head.endswith(b"content-length: %d" % len(body))
    return head.decode(), body


def test_json_has_an_object_or_a_list() -> None:
    """One row is an object, several rows are a list."""
    assert json.loads(_body(payload(JSON, ORCHARD_EXAMPLES[:1], CONTRACT))[1]) == ORCHARD_EXAMPLES[0]
    assert json.loads(_body(payload(JSON, ORCHARD_EXAMPLES, CONTRACT))[1]) == {"instances": list(ORCHARD_EXAMPLES)}


def test_oip_json_has_a_tensor_for_each_feature() -> None:
    """Each feature is a tensor with its elements; a missing number is null."""
    head, body = _body(payload(OIP_JSON, ORCHARD_EXAMPLES, CONTRACT))
    assert head.startswith("POST /v2/models/orchard/infer ")
    inputs = {tensor["name"]: tensor for tensor in json.loads(body)["inputs"]}
    assert inputs["slope"] == {"name": "slope", "datatype": "FP64", "shape": [2, 1], "data": [None, 3.5]}
    assert list(inputs) == list(CONTRACT.feature_names)


@pytest.mark.parametrize("count", [1, 2])
def test_binary_contents_are_equal(count: int) -> None:
    """The binary tensors of HTTP are the raw contents of gRPC, in the same order."""
    rows = ORCHARD_EXAMPLES[:count]
    head, body = _body(payload(OIP_BINARY, rows, CONTRACT))
    length = int(head.partition("inference-header-content-length: ")[2].partition("\r")[0])
    sizes = [tensor["parameters"]["binary_data_size"] for tensor in json.loads(body[:length])["inputs"]]
    request = ModelInferRequest.FromString(payload(GRPC, rows, CONTRACT))
    assert body[length:] == b"".join(request.raw_input_contents)
    assert sizes == [len(content) for content in request.raw_input_contents]
