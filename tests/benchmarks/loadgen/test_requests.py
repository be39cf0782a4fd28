"""Requests are complete HTTP, and each knows how its own answer begins."""

from __future__ import annotations

import json

import pytest

from benchmarks.loadgen.requests import ID_MARK, Requests, http_requests, instances, single_rows

ROWS = [{"x": x} for x in range(5)]


def body_of(payload: bytes) -> object:
    """Return a request's decoded body, after checking that its length is what the head says."""
    head, _, body = payload.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}" in head.decode().split("\r\n")
    return json.loads(body)


def test_one_row_a_request() -> None:
    """Bodies are the rows; the answer must begin with the row's number, as far as all runtimes agree on it."""
    requests = single_rows(ROWS, [1.0, -2.5, 437193.3229933076, 1.5e-07, 12345678901234567.0], path="/api")
    assert [body_of(payload) for payload in requests.payloads] == ROWS
    assert requests.payloads[0].startswith(b"POST /api HTTP/1.1\r\n")
    assert requests.expected == tuple(
        b'{"prediction":' + text for text in (b"1.0", b"-2.5", b"437193.322993", b"1.5e-07", b"1.2345678901234568e+16")
    )
    assert requests.rows_each == 1


def test_many_rows_a_request() -> None:
    """Requests start at different rows and go round; the first answer of each is checked."""
    requests = instances(ROWS, [float(x) for x in range(5)], rows_each=5, count=3, opening='{"p": [')
    bodies = [body_of(payload) for payload in requests.payloads]
    assert bodies == [{"instances": [*ROWS[start:], *ROWS[:start]]} for start in range(3)]
    assert requests.expected == (b'{"p": [0.0', b'{"p": [1.0', b'{"p": [2.0')
    assert requests.rows_each == 5


def test_headers_and_ids() -> None:
    """More headers are sent, and with ids the mark that the generator replaces."""
    payload = http_requests([b"{}"], headers={"authorization": "k"}, ids=True).payloads[0]
    assert payload.endswith(b"\r\n\r\n{}")
    assert f"x-request-id: {ID_MARK}\r\nauthorization: k".encode() in payload


def test_without_answers_anything_goes() -> None:
    """No expectation is an empty beginning."""
    assert single_rows(ROWS).expected == (b"",) * 5
    assert instances(ROWS, count=2).expected == (b"", b"")


def test_numbers_must_agree() -> None:
    """Nothing to send, or not one beginning a request, is refused with both numbers."""
    with pytest.raises(ValueError, match="got 0 requests and 0 beginnings"):
        Requests((), ())
    with pytest.raises(ValueError, match="got 2 requests and 1 beginnings"):
        http_requests([{}, {}], [b"x"])
