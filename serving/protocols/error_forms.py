"""The form of errors of the Open Inference Protocol: ``{"error": "…"}``."""

from __future__ import annotations

import msgspec

from serving.errors import ServingError

_DETAILS_SHOWN = 10


def error_text(error: ServingError) -> str:
    """Return the message of an error and its first details: an error of the protocol is one text."""
    texts = []
    for detail in error.details[1:_DETAILS_SHOWN]:
        place = "" if detail.field is None else f"{detail.field!r}"
        row = "" if detail.row is None else f"{' of ' if place else ''}row {detail.row}"
        texts.append(f"{place}{row}: expected {detail.expected}, got {detail.got}.")
    return " ".join([error.message, *texts])


def infer_error_body(error: ServingError) -> bytes:
    """Return the body of an error."""
    return msgspec.json.encode({"error": error_text(error)})
