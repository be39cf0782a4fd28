"""The cold routes of the Open Inference Protocol: probes, metadata, and the index of the model repository."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.errors import InvalidError, MalformedError, ServingError
from serving.http import App, read_body
from serving.prediction_headers import PredictionHeaders
from serving.protocols.model_metadata import check_ready, index_state, model_metadata
from serving.protocols.paths import INFER_ROUTE, INFER_VERSION_ROUTE
from serving.protocols.tensors import TensorMetadata
from serving.routes.model_entries import ModelEntries
from serving.routes.responses import REQUEST_ID, response
from serving.state import ServiceState

SERVER_NAME = "tabento"
PROTOCOL_VERSION = "2"
"""The version in the server's metadata: the protocol's, since the version of the software helps attackers only."""
EXTENSIONS = ("binary_tensor_data", "model_repository")
MAX_FILTER_BYTES = 1_024
FILTER_TIMEOUT_S = 10.0
PLATFORM = "onnx_onnxv1"
"""The platform of models in ONNX, as the protocol names it."""


class IndexFilter(msgspec.Struct):
    """The body of a request for the index of the repository. Its other fields are ignored, as in Triton."""

    ready: bool = False


_decode_filter = msgspec.json.Decoder(IndexFilter).decode


class OpenInferenceRoutes:
    """The routes of the protocol below ``/v2``.

    Args:
        state: knows the models and whether the service is ready.
        infer: answers inferences. The application calls it directly; in these routes other methods get their 405.
    """

    def __init__(self, state: ServiceState, infer: App) -> None:
        self._state = state
        self._entries = ModelEntries(state)
        self.routes = [
            Route("/v2", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            Route("/v2/repository/index", self.repository_index, methods=["POST"]),
            Route("/v2/models/{name}", self.model),
            Route("/v2/models/{name}/versions/{version}", self.model),
            Route("/v2/models/{name}/ready", self.model_ready),
            Route("/v2/models/{name}/versions/{version}/ready", self.model_ready),
            Route(INFER_ROUTE, infer, methods=["POST"]),
            Route(INFER_VERSION_ROUTE, infer, methods=["POST"]),
        ]

    async def server(self, request: Request) -> Response:
        """Return the metadata of the server."""
        return _json(request, {"name": SERVER_NAME, "version": PROTOCOL_VERSION, "extensions": EXTENSIONS})

    async def live(self, request: Request) -> Response:
        """Return that the process is alive."""
        return _json(request, {"live": True})

    async def ready(self, request: Request) -> Response:
        """Return whether the service accepts predictions: by the status, and in the body."""
        try:
            self._state.check_ready()
        except ServingError as error:
            return _json(request, {"ready": False, "error": error.message}, error.status)
        return _json(request, {"ready": True})

    async def model(self, request: Request) -> Response:
        """Return the metadata of a model: its inputs and outputs.

        Raises:
            ServingError: the service is not ready, has no such model or version, or cannot read its bundle.
        """
        name, version = _target(request)
        metadata = await model_metadata(self._entries, name, version)
        return _json(
            request,
            {
                "name": metadata.name,
                "versions": metadata.versions,
                "platform": PLATFORM,
                "inputs": list(map(_metadata, metadata.inputs)),
                "outputs": list(map(_metadata, metadata.outputs)),
            },
        )

    async def model_ready(self, request: Request) -> Response:
        """Return that a model accepts predictions.

        Raises:
            ServingError: it does not, or the service has no such model or version.
        """
        name, version = _target(request)
        await check_ready(self._entries, name, version)
        return _json(request, {"name": name, "ready": True})

    async def repository_index(self, request: Request) -> Response:
        """Return the versions of all models; of a model that is not loaded, the version that its next request loads.

        Raises:
            InvalidError: the body is not a filter.
            UnavailableError: the service is not ready.
        """
        self._state.ready_model()
        only_ready = await _read_filter(request)
        rows = []
        for name in self._entries.names():
            entry = self._entries.entry(name)
            state, reason = index_state(entry)
            if only_ready and state != "READY":
                continue
            versions = [live.version for live in entry.versions] or [(entry.tag or "").partition(":")[2]]
            rows += [{"name": name, "version": version, "state": state, "reason": reason} for version in versions]
        return _json(request, rows)


async def _read_filter(request: Request) -> bool:
    """Return whether the body asks for models that are ready only: ``{"ready": true}``; an empty body asks for all.

    Raises:
        ServingError: the body is not a filter.
    """
    headers = PredictionHeaders(request.scope["headers"])
    if headers.fault is not None:
        raise headers.take_fault()
    body = await read_body(headers, request.receive, MAX_FILTER_BYTES, FILTER_TIMEOUT_S)
    if not body.strip():
        return False
    try:
        return _decode_filter(body).ready
    except msgspec.ValidationError as error:
        raise InvalidError(f'Expected an empty body or {{"ready": true}}: {error}.') from None
    except msgspec.DecodeError as error:
        raise MalformedError(f"The body is not JSON: {error}.") from None


def _target(request: Request) -> tuple[str, str | None]:
    return request.path_params["name"], request.path_params.get("version")


def _metadata(tensor: TensorMetadata) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    return metadata | ({"parameters": tensor.parameters} if tensor.parameters else {})


def _json(request: Request, content: object, status: int = 200) -> Response:
    return response(request.scope[REQUEST_ID], msgspec.json.encode(content), status)
