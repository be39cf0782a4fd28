"""API keys in the OpenAPI document: how a key is sent, which operations need one, and the answers to a request without one."""

from __future__ import annotations

from typing import Any

from serving.errors import ForbiddenError, RateLimitedError, ServingError, UnauthorizedError
from serving.guards.key_source import has_keys
from serving.guards.route_scopes import needed_scope, open_paths
from serving.settings import ServingSettings

_SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}
_REFUSALS: tuple[type[ServingError], ...] = (UnauthorizedError, ForbiddenError, RateLimitedError)


def add_security(document: dict[str, Any], settings: ServingSettings) -> dict[str, Any]:
    """Return an OpenAPI document in which each operation that needs an API key says so.

    Args:
        document: the document from ``serving.routes.openapi.build_openapi``.
        settings: the serving settings; without keys the document stays as it is.
    """
    if not has_keys(settings):
        return document
    free_paths = open_paths(settings)
    paths: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        paths[path] = {}
        for method, operation in operations.items():
            if method == "parameters":  # of all operations of the path
                paths[path][method] = operation
                continue
            scope = needed_scope(method.upper(), path, free_paths)
            paths[path][method] = operation if scope is None else _with_key(operation, scope)
    components = document["components"] | {"securitySchemes": _SCHEMES}
    return document | {"paths": paths, "components": components}


def _with_key(operation: dict[str, Any], scope: str) -> dict[str, Any]:
    refusals = {
        str(kind.status): {
            "description": (kind.__doc__ or "").splitlines()[0],
            "content": {"application/json": {"schema": {"type": "object", "required": ["error", "request_id"]}}},
        }
        for kind in _REFUSALS
    }
    return operation | {
        "description": f"Needs an API key with the scope `{scope}`.",
        "security": [{name: []} for name in _SCHEMES],
        "responses": refusals | operation["responses"],
    }
