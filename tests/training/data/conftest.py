"""Shared by the tests of training/data: a small config, its rows, and a web server with prepared answers."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from training.config import ModelConfig, load_config
from training.data.synthetic import generate

CONFIGS = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def orchard() -> ModelConfig:
    """Return the small config of an invented orchard with every kind of feature; it is frozen."""
    return load_config(CONFIGS / "tests/configs/orchard.yaml")


@pytest.fixture(scope="session")
def california() -> ModelConfig:
    """Return the shipped config."""
    return load_config(CONFIGS / "configs/california.yaml")


@pytest.fixture
def trees(orchard: ModelConfig) -> pd.DataFrame:
    """Return 200 valid rows of the small config."""
    return generate(orchard.synthetic, rows=200)


@dataclass(frozen=True)
class Answer:
    """An answer of the server: a status, a body, and the number of announced bytes that are not sent."""

    status: int = 200
    body: bytes = b""
    truncate_bytes: int = 0
    location: str | None = None
    silent: bool = False


@dataclass
class WebServer:
    """A real server on a free port; it gives its answers in order and repeats the last one."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    requests: int = 0
    received: list[tuple[str, str | None]] = field(default_factory=list)
    """The path and the header ``Authorization`` of each request."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """Serve on this computer until the test ends, without any proxy of the environment."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")

    is_finished = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = state.answers[min(state.requests, len(state.answers) - 1)]
            state.requests += 1
            state.received.append((self.path, self.headers["Authorization"]))
            if answer.silent:
                is_finished.wait(30)
                return
            self.send_response(answer.status)
            if answer.location is not None:
                self.send_header("Location", answer.location)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) - answer.truncate_bytes])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keep the test's output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = WebServer(url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        is_finished.set()
        server.shutdown()
        thread.join()
        server.server_close()
