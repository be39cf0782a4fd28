"""Every error that a client can receive. Each class owns its status and its code; all have the same envelope.

The path of a request, and the errors of each step: connection → guard (401, 403, 429) → route (404, 405) → head (415, 413, 503) → bytes (400) → rows
(422) → runner (503, 504, 500) → answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import msgspec

CLOSE_HEADER = (b"connection", b"close")
RETRY_AFTER_S = 1
"""The seconds after which a client that was refused for load may try again."""
DETAILS_LIMIT = 100
"""The largest number of faults that an answer lists; the message has the total."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One fault of one field."""

    row: int | None
    """The index of the row in the request; 0 for a single object; None if the fault is not in a row."""
    field: str | None
    """The field's name; None if the row as a whole is wrong."""
    expected: str
    got: str


class ServingError(Exception):
    """The error that a client receives instead of an answer."""

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
        return msgspec.json.encode({"error": self.envelope(), "request_id": request_id})

    def envelope(self) -> dict[str, Any]:
        """Return the content of ``error`` in the answer."""
        return {"code": self.code, "message": self.message, "details": self.details[:DETAILS_LIMIT]}


class InternalError(ServingError):
    """A fault of the service; its log has the reason under the request's id."""


class MalformedError(ServingError):
    """The request is not HTTP/1.1, or its body is not JSON in UTF-8."""

    status = 400
    code = "malformed"


class UnauthorizedError(ServingError):
    """The request has no valid API key. The answer is the same for every kind of invalid key, so it helps no guesser."""

    status = 401
    code = "unauthorized"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=((b"www-authenticate", b"Bearer"),))  # RFC 9110, 15.5.2


class ForbiddenError(ServingError):
    """The API key is valid, but does not have the permission."""

    status = 403
    code = "forbidden"


class NoRouteError(ServingError):
    """No route has this path."""

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


class ConflictError(ServingError):
    """The change does not fit the present state of the service, such as the second of two changes at once."""

    status = 409
    code = "conflict"


class PreconditionError(ServingError):
    """The change names a state by If-Match that is not the present one."""

    status = 412
    code = "precondition_failed"


class TooLargeError(ServingError):
    """The body has more bytes than the settings allow."""

    status = 413
    code = "too_large"


class TargetTooLongError(ServingError):
    """The request target has more bytes than any path of this service."""

    status = 414
    code = "target_too_long"


class MediaTypeError(ServingError):
    """The body is declared as something else than JSON in UTF-8."""

    status = 415
    code = "unsupported_media_type"


class MisdirectedError(ServingError):
    """The request is for a host name that the service does not have."""

    status = 421
    code = "misdirected"


class InvalidError(ServingError):
    """The body is JSON, but does not fit the contract."""

    status = 422
    code = "invalid"
    kinds: Mapping[tuple[str, str], int] = MappingProxyType({})
    """The number of refused values by field and kind, for metrics; see ``serving.codec.value_kinds``."""


class RateLimitedError(ServingError):
    """The caller has sent more requests or rows than its limit allows.

    Args:
        message: names the limit.
        limit: the largest number in a window.
        remaining: the number that is left in the present window.
        retry_after_s: the seconds after which the request would be allowed; None if no waiting helps, because the request
            alone is over the limit.
        headers: the RateLimit headers.
        quantity: the limited quantity.
    """

    status = 429
    code = "rate_limited"

    def __init__(
        self,
        message: str,
        limit: int,
        remaining: int,
        retry_after_s: int | None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        quantity: Literal["requests", "rows"] = "requests",
    ) -> None:
        waits = () if retry_after_s is None else ((b"retry-after", b"%d" % retry_after_s),)
        super().__init__(message, headers=(*waits, *headers))
        self.quantity = quantity
        self.limit = limit
        self.remaining = remaining
        self.retry_after_s = retry_after_s

    def envelope(self) -> dict[str, Any]:
        """Return the content of ``error`` in the answer, with the numbers of the limit."""
        numbers = {"limit": self.limit, "remaining": self.remaining, "retry_after_seconds": self.retry_after_s}
        return super().envelope() | numbers


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
    """The service cannot answer now; Retry-After has the time after which to try again."""

    status = 503
    code = "unavailable"

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message, headers=((b"retry-after", str(retry_after_s).encode()),))


class OverloadedError(UnavailableError):
    """There are more requests than can be answered in time; this one is refused immediately, instead of answered late."""

    code = "overloaded"


class DeadlineError(ServingError):
    """The caller's own deadline passed before its rows were run."""

    status = 504
    code = "deadline_exceeded"


class ClientGoneError(Exception):
    """The client closed the connection before it was answered; no answer is sent."""


def overload_error() -> OverloadedError:
    """Return the error of a request that is refused for load."""
    return OverloadedError(
        f"The service cannot answer more requests in time. Try again in {RETRY_AFTER_S} s.", RETRY_AFTER_S
    )


def stopping_error() -> UnavailableError:
    """Return the error of a request that arrives while the service stops; its connection is closed."""
    error = UnavailableError("The service is stopping. Try another replica.", RETRY_AFTER_S)
    error.headers = (*error.headers, CLOSE_HEADER)
    return error
