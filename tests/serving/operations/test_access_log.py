"""The access log is one line of JSON a request."""

from __future__ import annotations

import json
import logging
import os

import pytest

from serving.operations.access_log import AccessLog


def test_a_request_becomes_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Time in UTC, id, client, method, path, status and latency in milliseconds."""
    logging.getLogger("tabento.access").handlers.clear()
    AccessLog().write("POST", "/predict", 200, 0.0012345, b"id-1", "203.0.113.7")
    line = json.loads(capsys.readouterr().out)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "process": "worker",
        "pid": os.getpid(),
        "logger": "tabento.access",
        "request_id": "id-1",
        "client": "203.0.113.7",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "latency_ms": 1.234,
    }


def test_two_logs_write_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Making the log again does not double its lines."""
    logging.getLogger("tabento.access").handlers.clear()
    AccessLog()
    AccessLog().write("GET", "/livez", 200, 0.0, b"a", None)
    assert len(capsys.readouterr().out.splitlines()) == 1
