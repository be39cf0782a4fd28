"""The cold routes of the Open Inference Protocol: probes, metadata, and the index of the model repository."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.errors import ServingError
from serving.http import App
from serving.live_model import LiveModel
from serving.protocols.open_inference import check_model
from serving.protocols.paths import INFER_ROUTE, INFER_VERSION_ROUTE
from serving.protocols.tensor_rows import input_metadata
from serving.protocols.tensors import TensorMetadata
from serving.routes.responses import REQUEST_ID, response
from serving.state import ServiceState

SERVER_NAME = "tabento"
PROTOCOL_VERSION = "2"
"""The version in the server's metadata: the protocol's, since the version of the software helps attackers only."""
EXTENSIONS = ("binary_tensor_data", "model_repository")
PLATFORM = "onnx_onnxv1"
"""The platform of models in ONNX, as the protocol names it."""


class OpenInferenceRoutes:
    """The routes of the protocol below ``/v2``.

    Args:
        state: knows the model and whether the service is ready.
        infer: answers inferences. The application calls it directly; in these routes other methods get their 405.
    """

    def __init__(self, state: ServiceState, infer: App) -> None:
        self._state = state
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

    def _model(self, request: Request) -> LiveModel:
        """Return the model that a path names.

        Raises:
            UnavailableError: the service is not ready.
            NoRouteError: the service has no such model or version.
        """
        model = self._state.ready_model()
        check_model(model, request.path_params["name"], request.path_params.get("version"))
        return model

    async def server(self, request: Request) -> Response:
        """Return the metadata of the server."""
        return _json(request, {"name": SERVER_NAME, "version": PROTOCOL_VERSION, "extensions": EXTENSIONS})

    async def live(self, request: Request) -> Response:
        """Return that the process is alive."""
        return _json(request, {"live": True})

    async def ready(self, request: Request) -> Response:
        """Return whether the service accepts predictions: by the status, and in the body."""
        try:
            self._state.ready_model()
        except ServingError as error:
            return _json(request, {"ready": False, "error": error.message}, error.status)
        return _json(request, {"ready": True})

    async def model(self, request: Request) -> Response:
        """Return the metadata of the model: its inputs and outputs."""
        model = self._model(request)
        bundle = model.bundle
        return _json(
            request,
            {
                "name": bundle.name,
                "versions": [bundle.version],
                "platform": PLATFORM,
                "inputs": list(map(_metadata, input_metadata(bundle.contract))),
                "outputs": list(map(_metadata, model.served.answer_tensors.metadata)),
            },
        )

    async def model_ready(self, request: Request) -> Response:
        """Return that the model accepts predictions."""
        return _json(request, {"name": self._model(request).bundle.name, "ready": True})

    async def repository_index(self, request: Request) -> Response:
        """Return the models of the service."""
        bundle = self._state.ready_model().bundle
        return _json(request, [{"name": bundle.name, "version": bundle.version, "state": "READY", "reason": ""}])


def _metadata(tensor: TensorMetadata) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    return metadata | ({"parameters": tensor.parameters} if tensor.parameters else {})


def _json(request: Request, content: object, status: int = 200) -> Response:
    return response(request.scope[REQUEST_ID], msgspec.json.encode(content), status)
