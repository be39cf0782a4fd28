"""The smoke test passes for a service that is ready and predicts, and names any other fault."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tools.smoke import main

MODEL = {"name": "orchard", "version": "a1", "examples": [{"trees": 3}]}
ANSWER = {"prediction": 4.25, "model": "orchard", "version": "a1"}


@contextmanager
def running_service(answers: dict[str, Any], unready_requests: int = 0, key: str | None = None) -> Iterator[str]:
    """Serve JSON by path: an integer is a status; ``/readyz`` answers 503 to the first requests."""
    unready = iter(range(unready_requests))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path, 404)
            if self.path == "/readyz" and next(unready, None) is not None:
                answer = 503
            if key is not None and self.path != "/readyz" and self.headers["x-api-key"] != key:
                answer = 401
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = (
                b"{}"
                if isinstance(answer, int)
                else answer
                if isinstance(answer, bytes)
                else json.dumps(answer).encode()
            )
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *arguments: Any) -> None:
            """Keep the output of the test clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def smoke(url: str, *arguments: str) -> int:
    """Run the command without waiting between attempts."""
    return main([url, "--wait-s", "0", "--attempts", "3", *arguments])


def test_a_service_that_becomes_ready_and_predicts_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key is sent, and the output has the attempt, the model and its prediction."""
    monkeypatch.setenv("TABENTO_API_KEY", "invented")
    answers = {"/readyz": {}, "/model": MODEL, "/predict": ANSWER}
    with running_service(answers, unready_requests=2, key="invented") as url:
        assert smoke(f"{url}/", "--model", "orchard:a1") == 0
    output = capsys.readouterr().out
    assert "ready in attempt 3" in output
    assert "orchard:a1 predicts 4.25 for its first example" in output


@pytest.mark.parametrize(
    ("changes", "arguments", "reason"),
    [
        ({"/readyz": 503}, [], "not ready in 3 attempts"),
        ({"/model": 401}, [], "expected status 200, got 401"),
        ({"/model": b"<html>"}, [], "is not JSON"),
        ({}, ["--model", "orchard:b2"], "expected the model orchard:b2, the service has orchard:a1"),
        ({"/model": {"examples": []}}, [], "expected name, version and examples of a model, got {"),
        ({"/model": [MODEL]}, [], "expected name, version and examples of a model, got ["),
        ({"/predict": 500}, [], "expected status 200, got 500"),
        ({"/predict": ["4.25"]}, [], "expected a number or a label"),
        ({"/predict": {"prediction": 4.25}}, [], "got one of version None"),
        ({"/predict": {"version": "a1"}}, [], "expected a number or a label"),
        ({"/predict": {**ANSWER, "prediction": float("nan")}}, [], "expected a number or a label"),
        ({"/predict": {**ANSWER, "version": "a0"}}, [], "got one of version a0"),
    ],
)
def test_a_fault_is_named(
    changes: dict[str, Any], arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is 1 and the message has the address and the fault."""
    with running_service({"/readyz": {}, "/model": MODEL, "/predict": ANSWER, **changes}) as url:
        assert smoke(url, *arguments) == 1
        assert url in (error := capsys.readouterr().err) or "attempts" in error
    assert reason in error


def test_no_service_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """A closed port is not ready."""
    with running_service({}) as url:
        pass
    assert smoke(url) == 1
    assert "not ready in 3 attempts" in capsys.readouterr().err


def test_a_server_of_another_protocol_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that does not speak HTTP is named, for instance one with TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(b"\x15\x03\x01\x00\x02\x02\x16")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert smoke(f"http://127.0.0.1:{listener.getsockname()[1]}") == 1
    assert "does not speak HTTP" in capsys.readouterr().err


def test_another_scheme_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A file is not a service."""
    with pytest.raises(SystemExit):
        smoke("file:///etc/hostname")
    assert "http:// or https://" in capsys.readouterr().err
