"""Every error has a status of gRPC, a message of bounded length, and its headers as metadata."""

from __future__ import annotations

from urllib.parse import quote

import grpc

import serving.errors
from serving.errors import Detail, InvalidError, RateLimitedError, ServingError, stopping_error
from serving.protocols.grpc.statuses import MESSAGE_LIMIT, STATUSES, error_metadata, status_message, status_of

NOT_OVER_GRPC = {405, 409, 412, 414, 415, 421, 431, 501, 505}
"""The statuses of errors that only HTTP has."""


def test_every_error_has_a_status() -> None:
    """Each error that gRPC can meet is in the table."""
    errors = [
        kind for kind in vars(serving.errors).values() if isinstance(kind, type) and issubclass(kind, ServingError)
    ]
    assert {kind.status for kind in errors} - NOT_OVER_GRPC <= STATUSES.keys()


def test_an_error_outside_the_table_is_internal() -> None:
    """An error that only HTTP has is INTERNAL."""
    assert status_of(serving.errors.MethodError("x")) == grpc.StatusCode.INTERNAL


def test_the_message_has_as_many_faults_as_fit() -> None:
    """Faults follow the message until it is as long as clients accept, counted as gRPC encodes it."""
    details = [Detail(row, "é" * 30, "a number", "'é'") for row in range(100)]
    text = status_message(InvalidError("Many faults.", details))
    assert text.startswith("Many faults. row 0, field 'é")
    assert len(quote(text, safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}")) <= MESSAGE_LIMIT
    assert 10 < text.count("expected") < 100


def test_a_long_message_is_cut() -> None:
    """A message that is too long by itself is cut."""
    assert len(status_message(InvalidError("é" * 5_000)).encode()) * 3 <= MESSAGE_LIMIT


def test_a_fault_without_a_place_concerns_the_request() -> None:
    """A fault without row and field names the request."""
    text = status_message(InvalidError("Wrong.", [Detail(None, None, "a tensor", "nothing")]))
    assert text == "Wrong. Request: expected a tensor, got nothing."


def test_headers_become_metadata() -> None:
    """``retry-after`` becomes the pushback as well; headers of the connection are left out."""
    assert error_metadata(b"id-1", stopping_error()) == (
        ("x-request-id", "id-1"),
        ("x-error-code", "unavailable"),
        ("retry-after", "1"),
        ("grpc-retry-pushback-ms", "1000"),
    )


def test_a_request_that_never_fits_is_not_tried_again() -> None:
    """If no waiting helps, the pushback tells clients not to try again."""
    assert ("grpc-retry-pushback-ms", "-1") in error_metadata(b"id", RateLimitedError("Too many rows.", 2, 0, None))
