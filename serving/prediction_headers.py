"""The headers of a prediction, read in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import inf

from serving.errors import MalformedError, MediaTypeError, ServingError
from serving.request_ids import HEADER as REQUEST_ID_HEADER

JSON = b"application/json"
DEADLINE_HEADER = b"x-deadline-ms"
LONGEST_DEADLINE_MS = 3_600_000.0
_NUMBER = re.compile(rb"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?+[0-9]{1,3})?").fullmatch
"""A decimal number; ``float`` alone would accept ``1_000`` as well."""


class PredictionHeaders:
    """The headers that matter to a prediction.

    Args:
        headers: names in lower case and values, as ASGI has them.
    """

    __slots__ = ("chunked", "deadline_ms", "fault", "length", "request_id")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.request_id: bytes | None = None
        """The caller's own id, unchecked."""
        self.length: int | None = None
        """The announced number of bytes of the body."""
        self.chunked = False
        """Whether the body arrives in chunks, without an announced length."""
        self.deadline_ms: float | None = None
        """The caller's deadline, in milliseconds."""
        self.fault: ServingError | None = None
        """The error of the headers; raised when the request has its id, see ``take_fault``."""
        for name, value in headers:
            if name == b"content-type":
                if value != JSON:
                    self._check_type(value)
            elif name == b"content-length":
                self.length = int(value)
            elif name == REQUEST_ID_HEADER:
                self.request_id = value
            elif name == b"transfer-encoding":
                self.chunked = True
            elif name == b"content-encoding":
                if value.lower() != b"identity":
                    self.fault = MediaTypeError(
                        f"Expected a body without Content-Encoding, got {value.decode('latin-1')!r}.",
                        headers=((b"accept-encoding", b"identity"),),  # RFC 9110, 15.5.16
                    )
            elif name == DEADLINE_HEADER:
                self._read_deadline(value)

    def take_fault(self) -> ServingError:
        """Return the error of the headers, which the caller raises, and forget it: otherwise both would refer to each other."""
        fault, self.fault = self.fault, None
        assert fault is not None
        return fault

    def _check_type(self, value: bytes) -> None:
        """Refuse a body that is declared as anything but JSON; a body without a type is read as JSON."""
        kind, *parameters = (part.strip().lower() for part in value.split(b";"))
        charsets = [part[8:].strip(b'"') for part in parameters if part.startswith(b"charset=")]
        if kind != JSON or any(charset not in (b"utf-8", b"utf8") for charset in charsets):
            self.fault = MediaTypeError(
                f"Expected Content-Type: application/json, got {value.decode('latin-1')!r}."
                " With curl: -H 'Content-Type: application/json'."
            )

    def _read_deadline(self, value: bytes) -> None:
        deadline_ms = float(value) if _NUMBER(value) else inf
        if not 0 < deadline_ms <= LONGEST_DEADLINE_MS:
            self.fault = MalformedError(
                f"Expected X-Deadline-Ms: a number above 0 and up to {LONGEST_DEADLINE_MS:.0f},"
                f" got {value.decode('latin-1')!r}."
            )
        else:
            self.deadline_ms = deadline_ms
