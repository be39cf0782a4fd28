"""Requests are complete HTTP, and each knows how its own answer begins."""

from __future__ import annotations

import json

import pytest

from benchmarks.loadgen.requests import ID_MARK, Requests, http_requests

ROWS = [{"x": x} for x in range(5)]


def body_of(payload: bytes) -> object:
    """Return a request's decoded body, after checking that the head has its length."""
    head, _, body = payload.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}" in head.decode().split("\r\n")
    return json.loads(body)


def test_a_body_is_sent_with_its_length_to_the_path() -> None:
    """Each payload is a complete POST request whose body is the JSON of a row, and the number of rows is kept."""
    requests = http_requests(ROWS, path="/api", rows_each=3)
    assert [body_of(payload) for payload in requests.payloads] == ROWS
    assert requests.payloads[0].startswith(b"POST /api HTTP/1.1\r\n")
    assert requests.rows_each == 3


def test_headers_and_ids() -> None:
    """Additional headers are sent, and with ids the mark that the generator replaces."""
    payload = http_requests([b"{}"], headers={"authorization": "k"}, ids=True).payloads[0]
    assert payload.endswith(b"\r\n\r\n{}")
    assert f"x-request-id: {ID_MARK}\r\nauthorization: k".encode() in payload


def test_without_expected_answers_any_answer_is_right() -> None:
    """If no beginnings are passed, each expected beginning is empty."""
    assert http_requests(ROWS).expected == (b"",) * 5


def test_numbers_must_agree() -> None:
    """An empty list of requests, or a list of beginnings of another length, is an error with both numbers."""
    with pytest.raises(ValueError, match="got 0 requests and 0 beginnings"):
        Requests((), ())
    with pytest.raises(ValueError, match="got 2 requests and 1 beginnings"):
        http_requests([{}, {}], [b"x"])
