"""The paths of other protocols in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from serving import errors
from serving.errors import ServingError
from serving.protocols.answer_tensors import AnswerTensors
from serving.protocols.infer_request import CLIPPED
from serving.protocols.paths import INFER_ROUTE, INFER_VERSION_ROUTE, INVOCATIONS_PATH, PING_PATH
from serving.protocols.tensor_rows import input_metadata
from serving.protocols.tensors import DATATYPES
from serving.settings import ServingSettings
from tabento.bundle.store import Bundle

_READ_ERRORS: tuple[type[ServingError], ...] = (errors.InternalError, errors.UnavailableError)
_MODEL_ERRORS: tuple[type[ServingError], ...] = (errors.NoRouteError, *_READ_ERRORS)
_POST_ERRORS: tuple[type[ServingError], ...] = (
    errors.MalformedError,
    errors.RequestTimeoutError,
    errors.TooLargeError,
    errors.MediaTypeError,
    errors.InvalidError,
    errors.DeadlineError,
)
_TEXT = {"type": "string"}
_SHAPE = {"type": "array", "items": {"type": "integer"}}
_PARAMETERS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_ERROR = "#/components/schemas/Error"
_INFER_ERROR = "#/components/schemas/InferError"


def protocol_paths(bundle: Bundle, settings: ServingSettings) -> dict[str, Any]:
    """Return the paths of the protocols that are switched on.

    Args:
        bundle: the bundle that is served.
        settings: of the service.
    """
    paths: dict[str, Any] = {}
    if settings.open_inference:
        paths |= _open_inference_paths(bundle)
    if settings.invocations:
        paths |= _invocations_paths(bundle)
    return paths


def protocol_schemas(bundle: Bundle, settings: ServingSettings) -> dict[str, Any]:
    """Return the schemas that ``protocol_paths`` refers to.

    Args:
        bundle: the bundle that is served.
        settings: of the service.
    """
    if not settings.open_inference:
        return {}
    inputs = [tensor.name for tensor in input_metadata(bundle.contract)]
    outputs = [tensor.name for tensor in AnswerTensors(bundle.contract).metadata]
    tensor = {"name": _TEXT, "datatype": {"enum": list(DATATYPES)}, "shape": _SHAPE, "parameters": _PARAMETERS}
    return {
        "InferRequest": _object(
            {
                "id": _TEXT,
                "parameters": _PARAMETERS,
                "inputs": {
                    "type": "array",
                    "minItems": 1,
                    "description": f"One tensor of shape [N] or [N, 1] for each of {', '.join(inputs)}; or one of shape"
                    f" [N, {len(bundle.contract.features)}] with the features in this order.",
                    "items": _object(tensor | {"data": {"type": "array"}}, ("name", "datatype", "shape")),
                },
                "outputs": {"type": "array", "items": _object({"name": {"enum": outputs}}, ("name",))},
            },
            ("inputs",),
        ),
        "InferAnswer": _object(
            {
                "model_name": _TEXT,
                "model_version": _TEXT,
                "id": _TEXT,
                "parameters": _object({CLIPPED: _TEXT}, ()),
                "outputs": {
                    "type": "array",
                    "items": _object(tensor | {"data": {"type": "array"}}, ("name", "datatype", "shape")),
                },
            },
            ("model_name", "model_version", "outputs"),
        ),
        "InferError": _object({"error": _TEXT}, ("error",)),
    }


def _open_inference_paths(bundle: Bundle) -> dict[str, Any]:
    answer = {"$ref": "#/components/schemas/InferAnswer"}
    row = bundle.examples[0]
    tensors = [
        {"name": tensor.name, "datatype": tensor.datatype, "shape": [1, 1], "data": [row.get(tensor.name)]}
        for tensor in input_metadata(bundle.contract)
        if tensor.name in row
    ]
    infer: dict[str, Any] = {
        "summary": "Predict rows of tensors (Open Inference Protocol).",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/InferRequest"},
                    "examples": {"one row": {"value": {"inputs": tensors}}},
                }
            },
        },
        "responses": _responses(
            {"application/json": {"schema": answer}, "application/octet-stream": {}},
            (*_POST_ERRORS, *_MODEL_ERRORS),
            _INFER_ERROR,
        ),
    }
    model = [_parameter("name", bundle.name)]
    version = [*model, _parameter("version", bundle.version)]
    paths = {
        "/v2": _get("Name and extensions of the server.", "server_metadata", _READ_ERRORS),
        "/v2/health/live": _get("Whether the process is alive.", "server_live", _READ_ERRORS),
        "/v2/health/ready": _get("Whether the service accepts predictions.", "server_ready", (errors.InternalError,)),
        "/v2/repository/index": {
            "post": {
                "summary": "The models of the service.",
                "operationId": "repository_index",
                "responses": _responses(
                    {"application/json": {"schema": {"type": "array"}}}, _READ_ERRORS, _INFER_ERROR
                ),
            }
        },
        "/v2/models/{name}": _get("Inputs and outputs of the model.", "model_metadata", _MODEL_ERRORS, model),
        "/v2/models/{name}/ready": _get("Whether the model is ready.", "model_ready", _MODEL_ERRORS, model),
        "/v2/models/{name}/versions/{version}": _get(
            "Inputs and outputs of the model.", "model_version_metadata", _MODEL_ERRORS, version
        ),
        "/v2/models/{name}/versions/{version}/ready": _get(
            "Whether the model is ready.", "model_version_ready", _MODEL_ERRORS, version
        ),
        INFER_ROUTE: {"parameters": model, "post": infer | {"operationId": "infer"}},
        INFER_VERSION_ROUTE: {"parameters": version, "post": infer | {"operationId": "infer_version"}},
    }
    unready = {"description": "The service does not accept predictions.", "content": {"application/json": {}}}
    paths["/v2/health/ready"]["get"]["responses"]["503"] = unready
    return paths


def _invocations_paths(bundle: Bundle) -> dict[str, Any]:
    answer = {"$ref": "#/components/schemas/Predictions"}
    example = {"dataframe_records": [bundle.examples[0]]}
    return {
        PING_PATH: _get("Whether the service accepts predictions.", "ping", _READ_ERRORS, error=_ERROR),
        INVOCATIONS_PATH: {
            "post": {
                "summary": "Predict rows as MLflow's scoring server and containers on SageMaker do.",
                "operationId": "invocations",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {}, "examples": {"records": {"value": example}}},
                        "text/csv": {"schema": _TEXT},
                    },
                },
                "responses": _responses(
                    {"application/json": {"schema": answer}}, (*_POST_ERRORS, *_READ_ERRORS), _ERROR
                ),
            }
        },
    }


def _get(
    summary: str,
    operation: str,
    kinds: tuple[type[ServingError], ...],
    parameters: list[dict[str, Any]] | None = None,
    error: str = _INFER_ERROR,
) -> dict[str, Any]:
    responses = _responses({"application/json": {"schema": {"type": "object"}}}, kinds, error)
    path: dict[str, Any] = {"get": {"summary": summary, "operationId": operation, "responses": responses}}
    return path | ({"parameters": parameters} if parameters else {})


def _parameter(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"enum": [value]}}


def _responses(content: dict[str, Any], kinds: tuple[type[ServingError], ...], error: str) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": content}}
    for kind in kinds:
        assert kind.__doc__ is not None
        responses[str(kind.status)] = {
            "description": kind.__doc__.splitlines()[0],
            "content": {"application/json": {"schema": {"$ref": error}}},
        }
    return responses


def _object(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}
