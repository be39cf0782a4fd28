"""The OpenAPI document, built from the contract: real field names, ranges, units, labels and examples."""

from __future__ import annotations

import html
from typing import Any

from serving import errors
from serving.codec.input_policies import policies_for
from serving.errors import ServingError
from serving.guards.key_source import has_keys
from serving.protocols.openapi_paths import protocol_paths, protocol_schemas
from serving.routes import log_level
from serving.routes.openapi_monitoring import monitoring_paths
from serving.routes.openapi_rollout import rollout_paths
from serving.routes.schemas import answer_schemas, row_schema
from serving.settings import ServingSettings
from tabento.bundle.contract import RESERVED_NAME
from tabento.bundle.store import Bundle

_COMMON_ERRORS: tuple[type[ServingError], ...] = (errors.InternalError, errors.UnavailableError)
_PREDICT_ERRORS: tuple[type[ServingError], ...] = (
    errors.MalformedError,
    errors.RequestTimeoutError,
    errors.TooLargeError,
    errors.MediaTypeError,
    errors.InvalidError,
    *_COMMON_ERRORS,
)


_HEALTH_STATUS = {"enum": ["healthy", "degraded", "unhealthy"]}
_HEALTH_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": _HEALTH_STATUS,
        "model": {
            "type": ["object", "null"],
            "properties": {"name": {"type": "string"}, "version": {"type": "string"}},
        },
        "components": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "status": _HEALTH_STATUS,
                    "critical": {"type": "boolean"},
                    "message": {"type": "string"},
                    "age_s": {"type": "number", "description": "The seconds since the last check."},
                    "unchanged_s": {"type": "number", "description": "The seconds since the status changed."},
                    "duration_ms": {"type": "number", "description": "The duration of the check."},
                },
                "required": ["status", "critical", "message", "age_s"],
            },
        },
    },
    "required": ["status", "components"],
}
_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "row": {"type": ["integer", "null"]},
                            "field": {"type": ["string", "null"]},
                            "expected": {"type": "string"},
                            "got": {"type": "string"},
                        },
                        "required": ["row", "field", "expected", "got"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["code", "message", "details"],
            "additionalProperties": False,
        },
        "request_id": {"type": "string"},
    },
    "required": ["error", "request_id"],
    "additionalProperties": False,
}


def _responses(
    schema: dict[str, Any], kinds: tuple[type[ServingError], ...], media: str = "application/json"
) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": {media: {"schema": schema}}}}
    for kind in kinds:
        assert kind.__doc__ is not None
        responses[str(kind.status)] = {
            "description": kind.__doc__.splitlines()[0],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    return responses


def _post(
    summary: str, operation: str, request: dict[str, Any], response: dict[str, Any], examples: dict[str, Any]
) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "operationId": operation,
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": request, "examples": examples}},
            },
            "responses": _responses(response, _PREDICT_ERRORS),
        }
    }


def _get(
    summary: str, operation: str, kinds: tuple[type[ServingError], ...], media: str = "application/json"
) -> dict[str, Any]:
    schema = {"type": "object"} if media == "application/json" else {"type": "string"}
    return {"get": {"summary": summary, "operationId": operation, "responses": _responses(schema, kinds, media)}}


def _admin_paths(settings: ServingSettings) -> dict[str, Any]:
    """Return the operations of administrators; without keys they are closed to everybody and not listed."""
    if not has_keys(settings):
        return {}
    read = _get("The level of the service log.", "log_level", _COMMON_ERRORS)["get"]
    write = _post(
        "Change the level of the service log in all processes for a time.",
        "change_log_level",
        log_level.SCHEMA,
        log_level.ANSWER_SCHEMA,
        {"debug for five minutes": {"value": {"level": "debug", "minutes": 5}}},
    )["post"]
    read["responses"]["200"]["content"]["application/json"]["schema"] = log_level.ANSWER_SCHEMA
    return {log_level.PATH: {"get": read, "put": write}, **rollout_paths()}


def build_openapi(bundle: Bundle, settings: ServingSettings, max_rows: int | None = None) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the service that serves this bundle.

    Args:
        bundle: the bundle that is served.
        settings: of the service.
        max_rows: the largest number of rows of a request, if it differs from the settings.
    """
    max_rows = max_rows or settings.max_rows
    policies = policies_for(bundle.contract, settings)
    contract = policies.contract
    row = {"$ref": "#/components/schemas/Row"}
    batch = {"$ref": "#/components/schemas/Batch"}
    single_answer = {"$ref": "#/components/schemas/Prediction"}
    batch_answer = {"$ref": "#/components/schemas/Predictions"}
    row_example = {"one object": {"value": bundle.examples[0]}}
    batch_example = {"many rows": {"value": {RESERVED_NAME: list(bundle.examples[:2])}}}
    either = {"anyOf": [row, batch]}
    either_answer = {"anyOf": [single_answer, batch_answer]}
    health = _get("Which components work.", "health", _COMMON_ERRORS)
    deep_health = _get(
        "Which components work after a check of each, and whether an example is predicted.",
        "deep_health",
        _COMMON_ERRORS,
    )
    health_report, error = {"$ref": "#/components/schemas/Health"}, {"$ref": "#/components/schemas/Error"}
    for operation in (health, deep_health):
        responses = operation["get"]["responses"]
        responses["200"]["content"]["application/json"]["schema"] = health_report
        responses["503"]["content"]["application/json"]["schema"] = {"anyOf": [health_report, error]}
    provenance = bundle.manifest.provenance
    warning = " **This model has seen synthetic data only.**" if provenance.data == "synthetic" else ""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": contract.title,
            "version": bundle.version,
            "description": f"{contract.description}{warning}\n\nModel `{bundle.tag}`, trained {provenance.trained_at}.",
        },
        "paths": {
            "/predict": _post(
                "Predict one row or many.", "predict", either, either_answer, row_example | batch_example
            ),
            "/api/v1/predict": _post(
                "The same as /predict.", "predict_v1", either, either_answer, row_example | batch_example
            ),
            "/predict/batch": _post("Predict many rows.", "predict_batch", batch, batch_answer, batch_example),
            "/livez": _get("Whether the process is alive.", "livez", (errors.InternalError,)),
            "/readyz": _get("Whether the model is loaded and warm.", "readyz", _COMMON_ERRORS),
            "/health": health,
            "/health/deep": deep_health,
            "/model": _get("Name, version, metrics, provenance, contract and card.", "model", _COMMON_ERRORS),
            "/metrics": _get("Metrics for Prometheus.", "metrics", (errors.InternalError,), "text/plain"),
            **_admin_paths(settings),
            **monitoring_paths(settings),
            **protocol_paths(bundle, settings),
        },
        "components": {
            "schemas": {
                "Row": row_schema(contract, ignore_unknown=settings.unknown_fields == "ignore"),
                "Batch": {
                    "type": "object",
                    "properties": {RESERVED_NAME: {"type": "array", "items": row, "minItems": 1, "maxItems": max_rows}},
                    "required": [RESERVED_NAME],
                    "additionalProperties": False,
                },
                **answer_schemas(contract, may_clip=policies.clipper is not None),
                "Error": _ERROR_SCHEMA,
                **protocol_schemas(bundle, settings),
                "Health": _HEALTH_SCHEMA,
            }
        },
    }


def with_server(document: dict[str, Any], prefix: str | None, depth: int = 0) -> dict[str, Any]:
    """Return an OpenAPI document that names the address of its service.

    Args:
        document: the document from `build_openapi`.
        prefix: the path prefix that clients see. If None, the address is relative to the document's own, which is right
            behind any proxy (OpenAPI 3.1, section 4.8.5).
        depth: the number of folders in the path of the document.
    """
    relative = "../" * depth or "./"
    return document | {"servers": [{"url": relative if prefix is None else f"{prefix}/"}]}


def docs_page(title: str, prefix: str | None, path: str, document: str = "docs.json") -> tuple[bytes, str]:
    """Return the page that shows the OpenAPI document, and its script. The page loads nothing from other hosts.

    Args:
        title: the title of the page.
        prefix: the path prefix that clients see. If None, links are relative to the page.
        path: the path of the page, which relative links depend on.
        document: the path of the document, without a slash at its beginning; it is a part of the script.
    """
    relative = "../" if path.endswith("/") and path.strip("/") else ""
    base = relative if prefix is None else f"{prefix}/"
    # Swagger UI asks validator.swagger.io about every document unless `validatorUrl` is null.
    script = f"""
SwaggerUIBundle({{
  url: new URL("{base}{document}", document.baseURI).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
}});
"""
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{html.escape(title)}</title>
<link rel="icon" href="{base}static_content/favicon-light-32x32.png">
<link rel="stylesheet" href="{base}static_content/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{base}static_content/swagger-ui-bundle.js"></script>
<script>{script}</script>
</body>
</html>
"""
    return page.encode(), script
