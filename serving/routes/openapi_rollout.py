"""The OpenAPI paths of the rollout's routes."""

from __future__ import annotations

from typing import Any

from rollout.schemas import document_schema, request_schema
from serving.routes.rollout_paths import HISTORY_PATH, MAX_CHANGES, PATH, REPORT_PATH

_TEXT = {"type": "string"}
_MODEL = {"name": "model", "in": "query", "description": "Only this model.", "schema": _TEXT}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the document from which the change starts.",
    "schema": _TEXT,
}
_ERRORS = {
    "404": "The service has no such model.",
    "409": "The change does not fit the present document, or the document cannot be written.",
    "412": "The document has another revision than If-Match.",
    "413": "The body is too large.",
    "422": "The body or a parameter is not valid.",
    "503": "The service cannot answer now.",
}
_ANSWER = {
    "type": "object",
    "properties": {
        "document": document_schema(),
        "models": {"type": "object", "description": "The wanted and the live versions, and the reason if they differ."},
        "overrides": {
            "type": "object",
            "description": "Models whose entry this replica could not write, with the time.",
        },
        "faults": {"type": "array", "items": _TEXT},
    },
    "required": ["document", "models", "overrides", "faults"],
}
_EXAMPLE = {"action": "start", "tag": "house:20261128_a1b2c3", "mode": "canary", "who": "anna", "why": "new data"}


def rollout_paths() -> dict[str, Any]:
    """Return the paths of the rollout document, its history and the report."""
    limit = {
        "name": "limit",
        "in": "query",
        "description": "The largest number of changes.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_CHANGES},
    }
    report_format = {
        "name": "format",
        "in": "query",
        "description": "`html` for a page.",
        "schema": {"enum": ["json", "html"]},
    }
    changes = {"type": "object", "properties": {"changes": {"type": "array"}}, "required": ["changes"]}
    reports = {"type": "object", "properties": {"reports": {"type": "array"}}, "required": ["reports"]}
    return {
        PATH: {
            "get": _operation("The rollout document and the state of its models.", "rollout", _ANSWER, [_MODEL]),
            "post": _operation("Change the rollout of one model.", "change_rollout", _ANSWER, [_IF_MATCH])
            | _body(request_schema(), _EXAMPLE),
            "put": _operation("Replace the rollout document.", "replace_rollout", _ANSWER, [_IF_MATCH])
            | _body(document_schema(), {"format": 1, "revision": 0, "models": {}}),
        },
        HISTORY_PATH: {
            "get": _operation(
                "The changes of the rollout, the newest first.", "rollout_history", changes, [_MODEL, limit]
            )
        },
        REPORT_PATH: {
            "get": _operation("The report on the running trials.", "rollout_report", reports, [_MODEL, report_format])
        },
    }


def _operation(
    summary: str, operation_id: str, schema: dict[str, Any], parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    answers = {status: {"description": text} for status, text in _ERRORS.items()}
    success = {"description": "The answer.", "content": {"application/json": {"schema": schema}}}
    return {
        "summary": summary,
        "operationId": operation_id,
        "parameters": parameters,
        "responses": {"200": success, **answers},
    }


def _body(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}
