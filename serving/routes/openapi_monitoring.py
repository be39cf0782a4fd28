"""The OpenAPI paths of the routes that the monitor process answers."""

from __future__ import annotations

from typing import Any

from serving.settings import ServingSettings

_ERROR_STATUSES = {
    "400": "The body is not JSON.",
    "404": "The part of the monitor is switched off, or there is no such model.",
    "413": "The body is too large, or has too many truths.",
    "422": "A parameter or a value of the body is not valid.",
    "503": "The monitor process cannot answer now.",
}
_VALUE = {"type": ["number", "string", "boolean"]}
_TRUTH = {
    "type": "object",
    "properties": {
        "request_id": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        "truth": {"anyOf": [_VALUE, {"type": "object", "additionalProperties": _VALUE, "minProperties": 1}]},
        "row": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
        "time": {"type": ["string", "number", "null"], "description": "ISO 8601 or Unix seconds; by default now."},
    },
    "required": ["request_id", "truth"],
    "additionalProperties": False,
}
_TEXT: dict[str, Any] = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_PARAMETERS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "/drift": {
        "model": ("Only this model.", _TEXT),
        "version": ("Only this version.", _TEXT),
        "window_s": ("The seconds of the window by time; at most `drift_window_s`.", {"type": "number", "minimum": 1}),
        "rows": ("The rows of the window by rows.", {"type": "integer", "minimum": 1, "maximum": 10**15}),
        "raw": ("`1` adds the histograms.", {"enum": ["0", "1"]}),
    },
    "/quality": {
        "model": ("Only this model.", _TEXT),
        "version": ("Only this version.", _TEXT),
        "window": (
            "A length such as `30m`, `12h` or `7d`, up to `36500d`, or `all`; not together with `since` or `until`.",
            {"type": "string", "pattern": "^(all|[1-9][0-9]{0,3}[mhd])$"},
        ),
        "since": ("The start of the window.", _TIME),
        "until": ("The end of the window.", _TIME),
        "by": ("The time that decides: of the truth, or of the prediction.", {"enum": ["truth", "prediction"]}),
        "slices": ("`false` omits the slices.", {"enum": ["true", "false"]}),
        "confidence": ("The confidence of the intervals.", {"type": "number", "minimum": 0.5, "maximum": 0.9999}),
    },
    "/alerts": {"severity": ("Only alerts of this severity.", {"enum": ["critical", "warning"]})},
}
_SUMMARIES = {
    "/drift": "Drift of features and answers against the training data.",
    "/quality": "Live quality, by the truths that arrived.",
    "/alerts": "Alerts that fire or are pending, and the last 24 hours.",
}


def monitoring_paths(settings: ServingSettings) -> dict[str, Any]:
    """Return the paths of the parts that are switched on."""
    if not settings.monitoring:
        return {}
    paths: dict[str, Any] = {}
    switches = {"/drift": settings.drift, "/quality": settings.feedback, "/alerts": settings.alerts}
    for path, summary in _SUMMARIES.items():
        if switches[path]:
            parameters = [
                {"name": name, "in": "query", "description": text, "schema": schema}
                for name, (text, schema) in _PARAMETERS[path].items()
            ]
            paths[path] = {
                "get": {
                    "summary": summary,
                    "operationId": path[1:],
                    "parameters": parameters,
                    "responses": _responses("The report."),
                }
            }
    if settings.feedback:
        schema = {"anyOf": [_TRUTH, {"type": "array", "items": _TRUTH, "maxItems": settings.feedback_max_truths}]}
        paths["/feedback"] = {
            "post": {
                "summary": "Take the true values of earlier predictions.",
                "operationId": "feedback",
                "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
                "responses": _responses("The number of truths that are stored."),
            }
        }
    return paths


def _responses(answer: str) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    errors = {status: {"description": text, "content": error} for status, text in _ERROR_STATUSES.items()}
    return {"200": {"description": answer, "content": {"application/json": {"schema": {"type": "object"}}}}, **errors}
