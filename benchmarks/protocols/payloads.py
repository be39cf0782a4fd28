"""The requests of each protocol for the same rows, as bytes on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.protocols.grpc.infer_messages import CONTENTS_FIELDS
from serving.protocols.grpc.open_inference_pb2 import ModelInferRequest
from serving.protocols.tensor_rows import feature_datatype
from serving.protocols.tensors import BYTES, OutputTensor
from tabento.bundle.contract import Contract

JSON, OIP_JSON, OIP_BINARY, GRPC = "JSON", "OIP JSON", "OIP binary", "gRPC"
PROTOCOLS = (JSON, OIP_JSON, OIP_BINARY, GRPC)

Row = Mapping[str, Any]


def payload(protocol: str, rows: Sequence[Row], contract: Contract) -> bytes:
    """Return a request of a protocol: of HTTP with its head, of gRPC the message.

    Args:
        protocol: one of ``PROTOCOLS``.
        rows: rows as JSON has them.
        contract: the contract of the model.
    """
    if protocol == JSON:
        body = rows[0] if len(rows) == 1 else {"instances": list(rows)}
        return _http("/predict", json.dumps(body).encode())
    tensors = input_tensors(rows, contract)
    if protocol == GRPC:
        return _grpc(tensors, contract.name)
    path = f"/v2/models/{contract.name}/infer"
    if protocol == OIP_JSON:
        inputs = [_describe(tensor) | {"data": [_json_element(value) for value in tensor.values]} for tensor in tensors]
        return _http(path, json.dumps({"inputs": inputs}).encode())
    contents = [tensor.binary() for tensor in tensors]
    inputs = [
        _describe(tensor) | {"parameters": {"binary_data_size": len(content)}}
        for tensor, content in zip(tensors, contents, strict=True)
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    return _http(path, b"".join((head, *contents)), f"inference-header-content-length: {len(head)}\r\n")


def input_tensors(rows: Sequence[Row], contract: Contract) -> list[OutputTensor]:
    """Return one tensor of shape [N, 1] for each feature."""
    tensors = []
    for feature in contract.features:
        datatype = feature_datatype(feature)
        missing: Any = "" if datatype == BYTES else float("nan")
        values = [missing if row.get(feature.name) is None else row[feature.name] for row in rows]
        tensors.append(OutputTensor(feature.name, datatype, (len(rows), 1), values))
    return tensors


def _describe(tensor: OutputTensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _json_element(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _http(path: str, body: bytes, extra_headers: str = "") -> bytes:
    kind = "application/octet-stream" if extra_headers else "application/json"
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: {kind}\r\n{extra_headers}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _grpc(tensors: Sequence[OutputTensor], model: str) -> bytes:
    request = ModelInferRequest(model_name=model)
    for tensor in tensors:
        assert tensor.datatype in CONTENTS_FIELDS
        request.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        request.raw_input_contents.append(tensor.binary())
    return request.SerializeToString()
