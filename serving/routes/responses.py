"""Responses through ASGI: every one carries the request's id, and every error is in the same envelope."""

from __future__ import annotations

from starlette.responses import Response

from serving.errors import ServingError
from serving.http import JSON_HEADER, Headers
from serving.request_ids import HEADER as REQUEST_ID_HEADER

REQUEST_ID = "tabento.request_id"
"""The key of an ASGI scope that holds the request's id."""


def response(
    request_id: bytes, body: bytes, status: int = 200, headers: Headers = (), content_type: bytes = JSON_HEADER[1]
) -> Response:
    """Return a response with the request's id."""
    pairs = ((b"content-type", content_type), (REQUEST_ID_HEADER, request_id), *headers)
    return Response(body, status, {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs})


def error_response(request_id: bytes, error: ServingError) -> Response:
    """Return the response for an error."""
    return response(request_id, error.body(request_id.decode()), error.status, error.headers)
