"""Bodies are read within limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

import pytest

from serving.errors import CLOSE_HEADER, ClientGoneError, RequestTimeoutError, ServingError, TooLargeError
from serving.http import JSON_HEADER, Message, Receive, header_lines, read_body, status_line
from serving.prediction_headers import PredictionHeaders

LENGTH = PredictionHeaders([(b"content-length", b"6")])


def _receiver(messages: Iterable[Message], *, hang: bool = False) -> Receive:
    queue = iter(messages)

    async def receive() -> Message:
        for message in queue:
            return message
        if hang:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive


def _part(body: bytes, has_more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": has_more}


def _read(receive: Receive, limit: int = 10, timeout_s: float = 5.0) -> bytes:
    return asyncio.run(read_body(LENGTH, receive, limit, timeout_s))


def test_a_body_in_pieces_is_put_together() -> None:
    """Pieces come out as one body, in order."""
    assert _read(_receiver([_part(b"abc", True), _part(b"", True), _part(b"def", False)])) == b"abcdef"


@pytest.mark.parametrize("pieces", [[_part(b"x" * 11, False)], [_part(b"x" * 6, True), _part(b"x" * 6, True)]])
def test_a_body_over_the_limit_is_refused(pieces: list[Message]) -> None:
    """In one piece or in many, whatever length was announced."""
    with pytest.raises(TooLargeError, match="the limit is 10"):
        _read(_receiver(pieces, hang=True))


def test_a_body_that_never_ends_is_given_up() -> None:
    """A client that stops sending does not keep a request open without a time limit."""
    with pytest.raises(RequestTimeoutError, match=r"within 0\.01 seconds"):
        _read(_receiver([_part(b"abc", True)], hang=True), timeout_s=0.01)


def test_a_client_that_leaves_is_noticed() -> None:
    """A connection that closes in the middle of a body ends the request."""
    with pytest.raises(ClientGoneError):
        _read(_receiver([_part(b"abc", True)]))


def _kinds(kind: type[ServingError]) -> list[type[ServingError]]:
    return [kind, *(subclass for child in kind.__subclasses__() for subclass in _kinds(child))]


def test_status_lines_name_every_status() -> None:
    """Each status that an error has comes with its phrase (RFC 9112, 4)."""
    statuses = {200, *(kind.status for kind in _kinds(ServingError))}
    assert len(statuses) > 5
    for status in statuses:
        assert status_line(status) == f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def test_headers_are_written_in_lines() -> None:
    """In their order, each with its line end; nothing if there are no headers."""
    assert header_lines((JSON_HEADER, CLOSE_HEADER)) == b"content-type: application/json\r\nconnection: close\r\n"
    assert header_lines(((b"a", b"100% \xff"), (b"a", b""))) == b"a: 100% \xff\r\na: \r\n"
    assert header_lines(()) == b""
