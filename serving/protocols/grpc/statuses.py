"""From errors to statuses of gRPC: one table, the message with the faults, and the metadata after the answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import grpc

from serving.errors import Detail, RateLimitedError, ServingError

STATUSES: Final[Mapping[int, grpc.StatusCode]] = MappingProxyType(
    {
        400: grpc.StatusCode.INVALID_ARGUMENT,
        401: grpc.StatusCode.UNAUTHENTICATED,
        403: grpc.StatusCode.PERMISSION_DENIED,
        404: grpc.StatusCode.NOT_FOUND,
        408: grpc.StatusCode.DEADLINE_EXCEEDED,
        413: grpc.StatusCode.RESOURCE_EXHAUSTED,
        422: grpc.StatusCode.INVALID_ARGUMENT,
        429: grpc.StatusCode.RESOURCE_EXHAUSTED,
        500: grpc.StatusCode.INTERNAL,
        503: grpc.StatusCode.UNAVAILABLE,
        504: grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
"""The status of gRPC for the status under which the same error is answered over HTTP, and counted; docs/grpc.md has the table."""
REQUEST_ID = "x-request-id"
ERROR_CODE = "x-error-code"
"""The metadata with the code of the error envelope, such as ``overloaded``."""
RETRY_AFTER = "retry-after"
PUSHBACK = "grpc-retry-pushback-ms"
"""The metadata that tells a client of gRPC when to try again, in milliseconds; a negative number: never (gRFC A6)."""
MESSAGE_LIMIT = 4_000
"""The largest number of bytes of a message on the wire. Clients refuse metadata of 8 KiB or more in total."""
_HTTP_ONLY = frozenset((b"connection", b"accept-encoding"))

Metadata = tuple[tuple[str, str], ...]


def status_of(error: ServingError) -> grpc.StatusCode:
    """Return the status of gRPC for an error."""
    return STATUSES.get(error.status, grpc.StatusCode.INTERNAL)


def status_message(error: ServingError) -> str:
    """Return the message of an error with its faults, as many as fit."""
    text = _cut(error.message, MESSAGE_LIMIT)
    for detail in error.details:
        if detail.expected in error.message:  # the message names the first fault
            continue
        longer = f"{text} {_fault(detail)}"
        if _wire_bytes(longer) > MESSAGE_LIMIT:
            break
        text = longer
    return text


def error_metadata(request_id: bytes, error: ServingError) -> Metadata:
    """Return the metadata after an error: the request's id, the error's code, and its headers, such as ``retry-after``."""
    metadata = [(REQUEST_ID, request_id.decode()), (ERROR_CODE, error.code)]
    if isinstance(error, RateLimitedError) and error.retry_after_s is None:
        metadata.append((PUSHBACK, "-1"))
    for name, value in error.headers:
        if name in _HTTP_ONLY:
            continue
        metadata.append((name.decode(), value.decode()))
        if name.decode() == RETRY_AFTER and value.isdigit():
            metadata.append((PUSHBACK, str(int(value) * 1000)))
    return tuple(metadata)


def _fault(detail: Detail) -> str:
    place = ", ".join(
        part
        for part in (
            None if detail.row is None else f"row {detail.row}",
            None if detail.field is None else f"field {detail.field!r}",
        )
        if part
    )
    return f"{place or 'Request'}: expected {detail.expected}, got {detail.got}."


def _wire_bytes(text: str) -> int:
    """Return the length of a message as gRPC sends it: bytes that are not printable ASCII take three."""
    return sum(1 if 0x20 <= byte <= 0x7E and byte != 0x25 else 3 for byte in text.encode("utf-8", "replace"))


def _cut(text: str, limit: int) -> str:
    """Return the beginning of a text that takes at most ``limit`` bytes on the wire."""
    if _wire_bytes(text) <= limit:
        return text
    return text[: limit // 12] + "…"  # a character takes at most twelve bytes
