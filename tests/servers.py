"""Real servers for tests: an ASGI application behind uvicorn on a free port of this machine, in a thread; and their client."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import bentoml
import uvicorn

DEADLINE_S = 60.0


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as a condition holds; fail when it does not within the deadline."""
    wake = threading.Event()
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {DEADLINE_S:g} s for {what}")
        wake.wait(0.02)


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Serve an application and yield its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server")
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), "the server to start")
        if not server.started:
            raise RuntimeError("the server stopped before it was ready; its log says why")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(DEADLINE_S)
        listener.close()


@contextmanager
def bentoml_client(address: str) -> Iterator[bentoml.SyncHTTPClient]:
    """Yield BentoML's own client of a server."""
    with bentoml.SyncHTTPClient(address) as client:
        yield client
    client._temp_dir.cleanup()  # BentoML leaves it to the garbage collector, which complains
