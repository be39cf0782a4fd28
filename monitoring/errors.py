"""The errors of the monitor's parts that a client sees."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.records import ErrorDetail


class RequestError(Exception):
    """A question cannot be answered.

    Args:
        message: the reason and the remedy.
        status: the status of the answer: 400 malformed, 404 not found, 413 too large, 422 invalid, 503 not available.
        details: the faults of the content.
    """

    def __init__(self, message: str, status: int = 422, details: Sequence[ErrorDetail] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.details = list(details)
