"""Real servers for tests: an ASGI application run by uvicorn in a thread, on a free local port; and a client."""

from __future__ import annotations

import importlib.util
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

import bentoml
import pytest
import uvicorn
from bentoml._internal.utils.args import set_arguments

DEADLINE_S = 60.0
SERVICE = Path(__file__).parents[1] / "service.py"
SERVING_COMMANDS = {
    "bentoml": (str(Path(sys.executable).with_name("bentoml")), "serve", "service:Tabento"),
    "container": (sys.executable, "container.py", "serve"),
}
"""The commands that serve the checkout: BentoML's, and the entry point of an image."""
chosen_server = ContextVar("chosen_server", default="bentoml")
"""The key of the command that tests start; the fixture ``both_servers`` changes it."""


def serving_command() -> tuple[str, ...]:
    """Return the command that serves the checkout, without an address."""
    return SERVING_COMMANDS[chosen_server.get()]


def wait_until(condition: Callable[[], bool], description: str) -> None:
    """Return as soon as a condition is true; raise TimeoutError if it is not true within the deadline."""
    wake = threading.Event()
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {DEADLINE_S:g} s for {description}")
        wake.wait(0.02)


def load_service(tag: str, name: str) -> ModuleType:
    """Load ``service.py`` again as a module of another name, which serves a bundle of the current store."""
    with pytest.MonkeyPatch.context() as patch:
        # Server and clients share one process here, so the service must not refuse requests for their latency.
        patch.setenv("TABENTO_SLO_P99_MS", "60000")
        patch.setenv("TABENTO_DRAIN_S", "0")
        set_arguments({"model": tag})
        spec = importlib.util.spec_from_file_location(name, SERVICE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return module


@contextmanager
def running(app: Any, **options: Any) -> Iterator[str]:
    """Serve an application and yield its address.

    Args:
        app: the application.
        options: of uvicorn's configuration.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5, **options))
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
