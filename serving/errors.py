"""Every error that a client can meet. Each class owns its status and its code; all leave in one envelope.

The way of a request and where it can end: connection → route (404, 405) → guard (415, 413, 503) → bytes (400) → rows
(422) → runner (503, 504, 500) → answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec

DETAILS_LIMIT = 100
"""How many faults one answer lists; the message says how many there are in all."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One fault of one field."""

    row: int | None
    """The index of the row in the request; 0 for a single object; none where the fault is not in a row."""
    field: str | None
    """The field's name; none where the row as a whole is wrong."""
    expected: str
    got: str


class ServingError(Exception):
    """What a client is told when it gets no prediction."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        details: list[Detail] | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or []
        self.headers = headers

    def body(self, request_id: str) -> bytes:
        """Return the envelope, encoded as JSON."""
        return msgspec.json.encode(
            {
                "error": {"code": self.code, "message": self.message, "details": self.details[:DETAILS_LIMIT]},
                "request_id": request_id,
            }
        )


class InternalError(ServingError):
    """A fault of ours; what happened is in the log under the request's id."""


class MalformedError(ServingError):
    """The request is not HTTP/1.1, or its body is not JSON in UTF-8."""

    status = 400
    code = "malformed"


class NoRouteError(ServingError):
    """Nothing lives at this path."""

    status = 404
    code = "not_found"


class MethodError(ServingError):
    """The path is right, the method is not."""

    status = 405
    code = "method_not_allowed"


class RequestTimeoutError(ServingError):
    """The client took too long to send its request."""

    status = 408
    code = "request_timeout"


class TooLargeError(ServingError):
    """The body has more bytes than the settings allow."""

    status = 413
    code = "too_large"


class TargetTooLongError(ServingError):
    """The request target has more bytes than any path of this service."""

    status = 414
    code = "target_too_long"


class MediaTypeError(ServingError):
    """The body says that it is something else than JSON."""

    status = 415
    code = "unsupported_media_type"


class InvalidError(ServingError):
    """The body is JSON, but not what the contract asks for."""

    status = 422
    code = "invalid"


class HeadTooLargeError(ServingError):
    """The request's head has more bytes than the settings allow."""

    status = 431
    code = "head_too_large"


class UnsupportedCodingError(ServingError):
    """The body is transferred in a coding that this server does not know."""

    status = 501
    code = "unsupported_coding"


class UnsupportedVersionError(ServingError):
    """The request is of a version of HTTP that this server does not speak."""

    status = 505
    code = "unsupported_version"


class UnavailableError(ServingError):
    """The service cannot answer now; Retry-After says when it may be able to."""

    status = 503
    code = "unavailable"

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message, headers=((b"retry-after", str(retry_after_s).encode()),))


class OverloadedError(UnavailableError):
    """More is asked for than can be answered within the promise; refused at once rather than answered late."""

    code = "overloaded"


class DeadlineError(ServingError):
    """The caller's own deadline passed before its rows were run."""

    status = 504
    code = "deadline_exceeded"


class ClientGoneError(Exception):
    """The client closed the connection before it was answered; nobody is left to tell."""
