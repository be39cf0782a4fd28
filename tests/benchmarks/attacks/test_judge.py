"""The judge finds the faults that it is there for."""

from __future__ import annotations

import pytest

from benchmarks.attacks.judge import SECRET, ReceivedAnswer, faults_of, split_answers

ENVELOPE = b'{"error":{"code":"invalid","message":"m","details":[]},"request_id":"r"}'
HEADERS = {"x-request-id": "r", "content-type": "application/json"}


def _answer(status: int, body: bytes, **headers: str) -> ReceivedAnswer:
    return ReceivedAnswer(status, HEADERS | headers, body)


def test_a_right_error_has_no_fault() -> None:
    """An error in the envelope passes, and so does one in the shape of the Open Inference Protocol."""
    assert faults_of(_answer(422, ENVELOPE), b"") == []
    assert faults_of(_answer(400, b'{"error":"no such model"}'), b"") == []
    assert faults_of(_answer(503, b'{"status":"unhealthy","components":{}}'), b"") == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (_answer(500, ENVELOPE), "status 500"),
        (_answer(405, b"Method Not Allowed"), "without JSON"),
        (_answer(404, b"[]"), "with list"),
        (_answer(404, b'{"detail":"Not Found"}'), "another envelope"),
        (_answer(422, ENVELOPE.replace(b'"r"', b'"q"')), "request id"),
        (_answer(422, ENVELOPE.replace(b'"m"', b'"Traceback (most recent"')), "Traceback"),
        (_answer(422, ENVELOPE.replace(b'"m"', b'"in /usr/lib"')), "/usr/"),
        (_answer(422, ENVELOPE.replace(b'"m"', b'"serving.codec"')), "serving"),
        (_answer(422, ENVELOPE.replace(b'"m"', b'"%b"' % SECRET)), "another client"),
        (_answer(200, b'{"prediction":1}', server="uvicorn"), "names its server"),
    ],
)
def test_each_fault_is_found(answer: ReceivedAnswer, fault: str) -> None:
    """The fault is the only one, and named."""
    faults = faults_of(answer, b"")
    assert len(faults) == 1
    assert fault in faults[0]


def test_texts_of_the_request_may_come_back() -> None:
    """An error repeats the client's own value, which is no leak."""
    assert faults_of(_answer(422, ENVELOPE.replace(b'"m"', b'"got /usr/bin"')), b"/usr/") == []


def test_answers_of_one_connection_are_split() -> None:
    """Interim answers are left out; a body belongs to its own answer."""
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 404 N\r\ncontent-length: 3\r\n\r\nabc"
    assert [(answer.status, answer.body) for answer in split_answers(data)] == [(200, b"{}"), (404, b"abc")]


@pytest.mark.parametrize("data", [b"garbage", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", b"\x00\r\n\r\n"])
def test_other_bytes_are_no_answer(data: bytes) -> None:
    """Bytes that are not whole answers are an error."""
    with pytest.raises(ValueError, match=r"no end of a head|announced|no status line"):
        list(split_answers(data))
