"""A real service with both protocols, and the requests that its clients send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2

from serving.application import Application
from serving.live_model import LiveModel
from serving.protocols.grpc.servicer import SERVICE
from serving.settings import ServingSettings
from tabento.bundle.contract import Contract
from tests.bundles import TREE
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import application_of, on_loop, serving
from tools.ports import free_port

NUMPY_TYPES: Mapping[str, Any] = {"BOOL": np.bool_, "INT64": np.int64, "FP64": np.float64, "FP32": np.float32}
DATATYPES = {
    "age": "INT64",
    "crown width": "FP64",
    "height": "FP64",
    "slope": "FP64",
    "pruned": "BOOL",
    "sort": "BYTES",
    "soil": "BYTES",
}
"""The datatype in which the tests send each feature of the orchard."""


@dataclass(frozen=True)
class GrpcService:
    """A running service."""

    http: str
    """The address of HTTP."""
    target: str
    """Host and port of gRPC."""
    application: Application

    @property
    def model(self) -> LiveModel:
        """The model that answers."""
        model = self.application.state.model
        assert model is not None
        return model

    def on_loop(self, function: Any) -> Any:
        """Run a function on the event loop of the service."""
        return on_loop(self.model.new_future().get_loop(), function)

    def count(self, status: int, method: str = "ModelInfer") -> int:
        """Return how many calls of a method were counted under a status."""
        return self.application.metrics.answered.get((f"grpc {method}", status), 0)

    @contextmanager
    def counted(self, status: int, method: str = "ModelInfer") -> Iterator[None]:
        """Check that one call is counted under a status, and that no call is in flight after it."""
        before = self.count(status, method)
        yield
        wait_until(lambda: self.count(status, method) == before + 1, f"a call counted as {status}")
        wait_until(lambda: self.application.metrics.in_flight == 0, "no call in flight")

    @contextmanager
    def hold_rows(self) -> Iterator[None]:
        """Hold all rows in the queue."""
        batcher = self.model.batcher
        self.on_loop(lambda: batcher.hold(10_000))
        yield
        self.on_loop(lambda: batcher.hold(0))


@contextmanager
def serve_both(folder: Path, settings: ServingSettings, contract: Contract | None = None) -> Iterator[GrpcService]:
    """Serve a bundle, by default the orchard's, over HTTP and gRPC."""
    port = free_port()
    application = application_of(folder, settings.model_copy(update={"grpc_port": port}), contract)
    with serving(application) as address:
        yield GrpcService(address, f"127.0.0.1:{port}", application)


def inputs_of(rows: Sequence[dict[str, Any]], **datatypes: str) -> list[triton.InferInput]:
    """Return one tensor for each feature of the orchard, as Triton's client sends them: with raw contents."""
    inputs = []
    for name, datatype in (DATATYPES | datatypes).items():
        values = [row[name] for row in rows]
        if datatype == "BYTES":
            array = np.array([text.encode() for text in values], np.object_)
        else:
            array = np.array([np.nan if value is None else value for value in values], NUMPY_TYPES[datatype])
        tensor = triton.InferInput(name, [len(rows)], datatype)
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    return inputs


def typed_request(row: dict[str, Any] = TREE, **fields: Any) -> service_pb2.ModelInferRequest:
    """Return a request of one row with typed contents, in the messages of Triton's client."""
    request = service_pb2.ModelInferRequest(model_name="orchard", **fields)
    names = {"BOOL": "bool_contents", "INT64": "int64_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents"}
    for name, datatype in DATATYPES.items():
        value = float("nan") if row[name] is None else row[name]
        value = value.encode() if isinstance(value, str) else value
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[1, 1])
        getattr(tensor.contents, names[datatype]).append(value)
    return request


@contextmanager
def raw_method(
    service: GrpcService, name: str = "ModelInfer", **options: int
) -> Iterator[grpc.UnaryUnaryMultiCallable]:
    """Yield a method that takes and answers bytes, on a connection of its own."""
    channel_options = (
        ("grpc.use_local_subchannel_pool", 1),
        *((f"grpc.{key}", value) for key, value in options.items()),
    )
    with grpc.insecure_channel(service.target, options=channel_options) as channel:
        yield channel.unary_unary(f"/{SERVICE}/{name}")
