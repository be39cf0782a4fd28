"""The error that ends a connection: its bytes are not a request that this server can frame, or do not arrive in time."""

from __future__ import annotations

from serving.errors import ServingError


class ProtocolError(Exception):
    """A request that cannot be framed, exceeds a limit, or did not arrive in time.

    The connection's further bytes have no certain meaning, so the request is answered once and the connection is closed.

    Args:
        reason: one of ``REASONS``; the label under which it is counted.
        error: the error for the client.
    """

    def __init__(self, reason: str, error: ServingError) -> None:
        super().__init__(error.message)
        self.reason = reason
        self.error = error


REASONS = (
    "request_line",
    "target_too_long",
    "version",
    "header",
    "head_too_large",
    "host",
    "content_length",
    "transfer_encoding",
    "chunk",
    "trailer",
    "body_too_large",
    "buffer_full",
    "timeout",
    "truncated",
    "slow",
    "too_many_connections",
    "too_many_of_address",
)
"""Every label of the metric ``tabento_protocol_errors_total``."""
