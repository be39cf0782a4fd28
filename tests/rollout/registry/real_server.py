"""A real MLflow server on a free port, with a database of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tabento.remote.breakers import forget_breakers
from tests.servers import wait_until


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Yield the address of a server whose database, artifacts and log are in a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    database, address = f"sqlite:///{folder / 'mlflow.db'}", f"http://127.0.0.1:{port}"
    words = ["server", "--backend-store-uri", database, "--artifacts-destination", str(folder / "artifacts")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                **{"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
            start_new_session=True,  # the server starts workers, which end with it
        )
        try:
            wait_until(lambda: _is_healthy(address), "MLflow's server")
            yield address
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
            forget_breakers()


def _is_healthy(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
