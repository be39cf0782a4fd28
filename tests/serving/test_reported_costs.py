"""The service tells admission how long it decodes requests of many rows, and which of them are invalid."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from serving.application import Application
from tests.bundles import TREE


def _post(address: str, body: Any, changes: str) -> int:
    """Send a request in one piece, and return the status of its answer."""
    where, content = urlsplit(address), json.dumps(body)
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{changes}"
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=30) as connection:
        connection.sendall(f"{head}content-length: {len(content)}\r\n\r\n{content}".encode())
        answer = http.client.HTTPResponse(connection, method="POST")
        answer.begin()
        answer.read()
        return answer.status


@pytest.mark.parametrize("changes", ["", "origin: http://x.example\r\n"], ids=["fast path", "ASGI"])
def test_bodies_of_many_rows_are_reported(server: str, application: Application, changes: str) -> None:
    """A valid one with its rows; an invalid one with about as many as its length says; a single row not at all."""
    admission = application.state.started_model().runner.admission
    admission._valid_share = 1.0
    before = admission._decode_row_s
    assert _post(server, TREE, changes) == 200
    assert admission._decode_row_s == before
    assert _post(server, {"instances": [TREE] * 50}, changes) == 200
    assert admission._decode_row_s != before
    assert admission._valid_share == 1.0
    assert _post(server, {"instances": [{**TREE, "age": "old"}] * 50}, changes) == 422
    assert 0.0 < admission._valid_share < 1.0
