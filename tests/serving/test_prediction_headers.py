"""The headers of a prediction are read in one go."""

from __future__ import annotations

import pytest

from serving.errors import MalformedError, MediaTypeError
from serving.prediction_headers import PredictionHeaders


def test_what_matters_is_read() -> None:
    """Length, request id and deadline come out; the rest is passed over."""
    head = PredictionHeaders(
        [(b"host", b"x"), (b"content-length", b"7"), (b"x-request-id", b"a"), (b"x-deadline-ms", b"2.5")]
    )
    assert (head.length, head.request_id, head.deadline_ms, head.chunked, head.fault) == (7, b"a", 2.5, False, None)


@pytest.mark.parametrize("value", [b"application/json", b"Application/JSON; charset=UTF-8", b"application/json;v=1"])
def test_json_is_taken(value: bytes) -> None:
    """In any letter case, with parameters, as long as the character set is UTF-8."""
    assert PredictionHeaders([(b"content-type", value)]).fault is None


@pytest.mark.parametrize(
    "header",
    [
        (b"content-type", b"text/plain"),
        (b"content-type", b""),
        (b"content-type", b"application/json; charset=latin-1"),
        (b"content-encoding", b"gzip"),
    ],
)
def test_another_media_type_is_a_fault(header: tuple[bytes, bytes]) -> None:
    """What the body says that it is, is in the message."""
    fault = PredictionHeaders([header]).fault
    assert isinstance(fault, MediaTypeError)
    assert repr(header[1].decode()) in fault.message


@pytest.mark.parametrize("value", [b"0", b"-1", b"soon", b"nan", b"inf", b"3600001", b""])
def test_an_impossible_deadline_is_a_fault(value: bytes) -> None:
    """A deadline is a number of milliseconds above zero, up to an hour."""
    assert isinstance(PredictionHeaders([(b"x-deadline-ms", value)]).fault, MalformedError)
