"""Real servers in processes of their own: an S3-compatible object store and MLflow."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers import wait_until


@contextmanager
def server_process(module: str, arguments: Sequence[str], log: Path) -> Iterator[str]:
    """Run a Python module as a server on a free local port, and yield its address.

    Args:
        module: the module, as after ``python -m``.
        arguments: its arguments; ``PORT`` stands for the port.
        log: the file of its output.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", module, *(word.replace("PORT", str(port)) for word in arguments)]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
        try:
            wait_until(lambda: process.poll() is not None or _answers(port), f"{module} to start, see {log}")
            if process.poll() is not None:
                raise RuntimeError(f"{module} ended: {log.read_text(errors='replace')[-2000:]}")
            yield f"http://127.0.0.1:{port}"
        finally:
            # The process is the leader of a session of its own, so its workers end with it.
            os.killpg(process.pid, 15)
            process.wait(30)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
