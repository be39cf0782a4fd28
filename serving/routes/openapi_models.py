"""Named models in the OpenAPI documents: the document of one model, and the paths of several models in the service's document.

The service's document has the schemas of at most ``SHOWN_MODELS`` models, so that a thousand models do not make it megabytes long.
Each model has a document of its own below its path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serving import errors
from serving.errors import ServingError
from serving.routes.openapi import build_openapi
from serving.routes.paths import (
    MODEL_BATCH_ROUTE,
    MODEL_DOCUMENT_ROUTE,
    MODEL_PREDICT_ROUTE,
    MODEL_ROUTE,
    MODELS_PATH,
    model_paths,
)
from serving.settings import ServingSettings
from tabento.bundle.store import Bundle

SHOWN_MODELS = 20
"""The largest number of models with paths and schemas of their own in the service's document."""
NAME_PATTERN = "^[a-z][a-z0-9_]*$"
_REFERENCE = "#/components/schemas/"
_COMMON_SCHEMAS = frozenset(("Error", "Health", "InferRequest", "InferAnswer", "InferError"))
"""The schemas that are not of one model's predictions."""
_V2_MODELS = "/v2/models/"
_ERRORS: tuple[type[ServingError], ...] = (errors.NoRouteError, errors.InternalError, errors.UnavailableError)
_QUERY_ERRORS: tuple[type[ServingError], ...] = (errors.InvalidError, *_ERRORS)
_TEXT = {"type": "string"}
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_ENTRY: dict[str, Any] = {
    "name": _TEXT,
    "state": {"enum": ["live", "cold", "loading", "failed"]},
    "default": {"type": "boolean"},
    "tag": _OPTIONAL_TEXT,
    "versions": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"version": _TEXT, "variant": {"enum": ["champion", "challenger"]}},
            "required": ["version", "variant"],
        },
    },
    "reason": _OPTIONAL_TEXT,
    "predict": _TEXT,
    "predict_batch": _TEXT,
}
_SCHEMAS: dict[str, Any] = {
    "ModelEntry": {"type": "object", "properties": _ENTRY | {"title": _TEXT}, "required": [*_ENTRY]},
    "ModelPage": {
        "type": "object",
        "properties": {
            "models": {"type": "array", "items": {"$ref": f"{_REFERENCE}ModelEntry"}},
            "total": {"type": "integer"},
            "next": _OPTIONAL_TEXT | {"description": "The value of `after` for the next page; null at the end."},
        },
        "required": ["models", "total", "next"],
    },
    "Model": {
        "type": "object",
        "properties": _ENTRY | {"version": _TEXT, "title": _TEXT, "rollout": {"type": ["object", "null"]}},
        "required": [*_ENTRY, "version", "rollout"],
    },
}


def model_document(bundle: Bundle, settings: ServingSettings, max_rows: int | None = None) -> dict[str, Any]:
    """Return the OpenAPI document of one model: its predictions and its metadata, with its own schemas.

    Args:
        bundle: the bundle of the model.
        settings: the serving settings.
        max_rows: the largest number of rows of a request, if it differs from the settings.
    """
    document = build_openapi(bundle, settings, max_rows)
    predict, batch = model_paths(bundle.name)
    paths = document["paths"]
    own_paths = {predict: paths["/predict"], batch: paths["/predict/batch"]}
    own_paths |= {path: paths[path] for path in paths if path.startswith(_V2_MODELS)}
    schemas = {name: schema for name, schema in document["components"]["schemas"].items() if name != "Health"}
    return document | {"paths": own_paths, "components": {"schemas": schemas}}


def model_part(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the predictions of one model for the document of the service: its schemas have its name as a prefix.

    Args:
        name: the model.
        document: its own document, see ``model_document``.
    """
    own = document["components"]["schemas"]
    renamed = {key: f"{name}.{key}" for key in own if key not in _COMMON_SCHEMAS}
    paths: dict[str, Any] = {}
    for number, path in enumerate(model_paths(name)):
        operation = _with_references(document["paths"][path]["post"], renamed)
        operation["operationId"] = f"predict{'_batch' if number else ''}_{name}"
        operation["summary"] = f"{document['info']['title']}: {operation['summary']}"
        paths[path] = {"post": operation}
    schemas = {renamed[key]: _with_references(own[key], renamed) for key in renamed}
    return {"paths": paths, "components": {"schemas": schemas}}


def common_part(names: Sequence[str], is_complete: bool) -> dict[str, Any]:
    """Return the paths of all models together, for the document of the service.

    Args:
        names: the names of all models.
        is_complete: whether the document has the predictions of each model.
    """
    paths = _listing_paths(names) | ({} if is_complete else _further_paths(names))
    return {"paths": paths, "components": {"schemas": _SCHEMAS}}


def default_paths(name: str, paths: dict[str, Any]) -> dict[str, Any]:
    """Return the paths of the default model with its name: the operations of the paths without it, with the same schemas.

    Args:
        name: the name of the model.
        paths: the paths of the service's document.
    """
    return {
        path: {"post": paths[source]["post"] | {"operationId": f"{operation}_{name}"}}
        for path, source, operation in zip(
            model_paths(name), ("/predict", "/predict/batch"), ("predict", "predict_batch"), strict=True
        )
    }


def add_names(paths: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the paths of a service's document, with the names of all models in the parameters of the Open Inference Protocol."""
    if len(names) < 2:
        return paths
    changed = {}
    for path, operations in paths.items():
        if path.startswith(_V2_MODELS):
            parameters = [_name_parameter(names)]
            if "{version}" in path:
                parameters.append({"name": "version", "in": "path", "required": True, "schema": _TEXT})
            changed[path] = operations | {"parameters": parameters}
    return paths | changed


def _listing_paths(names: Sequence[str]) -> dict[str, Any]:
    """Return the paths that list and describe models."""
    name = _name_parameter(names)
    page = [
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 1_000}, "The number of models of the page."),
        _query("after", _TEXT, "The name after which the page begins."),
        _query("state", _ENTRY["state"], "Models in this state only."),
    ]
    version = _query("version", _TEXT, "The version to describe; by default the champion.")
    return {
        MODELS_PATH: {"get": _get("The models of the service.", "models", "ModelPage", _QUERY_ERRORS, page)},
        MODEL_ROUTE: {
            "get": _get(
                "A model, its versions, and their rollout.", "named_model", "Model", _QUERY_ERRORS, [name, version]
            )
        },
        MODEL_DOCUMENT_ROUTE: {
            "get": _get("The OpenAPI document of one model.", "named_model_document", None, _ERRORS, [name])
        },
    }


def _further_paths(names: Sequence[str]) -> dict[str, Any]:
    """Return the prediction paths of models whose schemas are not in this document."""
    paths = {}
    for path, operation in ((MODEL_PREDICT_ROUTE, "predict_named"), (MODEL_BATCH_ROUTE, "predict_batch_named")):
        post = _get("Predict with a model; its own document has its schemas.", operation, None, _QUERY_ERRORS)
        post["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
        paths[path] = {"parameters": [_name_parameter(names)], "post": post}
    return paths


def _get(
    summary: str,
    operation: str,
    schema: str | None,
    kinds: tuple[type[ServingError], ...],
    parameters: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    answer = {"type": "object"} if schema is None else {"$ref": _REFERENCE + schema}
    responses: dict[str, Any] = {
        "200": {"description": "The answer.", "content": {"application/json": {"schema": answer}}}
    }
    for kind in kinds:
        assert kind.__doc__ is not None
        responses[str(kind.status)] = {
            "description": kind.__doc__.splitlines()[0],
            "content": {"application/json": {"schema": {"$ref": f"{_REFERENCE}Error"}}},
        }
    content: dict[str, Any] = {"summary": summary, "operationId": operation, "responses": responses}
    return content | ({"parameters": list(parameters)} if parameters else {})


def _name_parameter(names: Sequence[str]) -> dict[str, Any]:
    is_short = len(names) <= SHOWN_MODELS
    schema: dict[str, Any] = {"enum": list(names)} if is_short else {"type": "string", "pattern": NAME_PATTERN}
    return {"name": "name", "in": "path", "required": True, "schema": schema}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _with_references(content: Any, renamed: Mapping[str, str]) -> Any:
    """Return a part of a document with other names of schemas in its references."""

    if isinstance(content, dict):
        return {
            key: _renamed_reference(value, renamed) if key == "$ref" else _with_references(value, renamed)
            for key, value in content.items()
        }
    return [_with_references(item, renamed) for item in content] if isinstance(content, list) else content


def _renamed_reference(reference: Any, renamed: Mapping[str, str]) -> Any:
    """Return a reference with the new name of its schema; a field of a row may have the name ``$ref`` as well."""
    if not isinstance(reference, str):
        return _with_references(reference, renamed)
    name = reference.removeprefix(_REFERENCE)
    return _REFERENCE + renamed[name] if name in renamed else reference
