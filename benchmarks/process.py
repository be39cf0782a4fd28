"""A served model as a process of its own, for measuring it from outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
READY_DEADLINE_S = 120.0
STOP_DEADLINE_S = 30.0


class BenchmarkError(Exception):
    """What was to be measured did not run."""


@dataclass(frozen=True)
class Served:
    """A running server."""

    address: str
    pid: int
    """The process that was started; BentoML's workers are its children."""
    ready_s: float
    """Seconds from the start of the process to the first 200 of readyz."""


def unwind_on_sigterm() -> None:
    """Let SIGTERM end this process as an exit does, so that the servers it started are ended too."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(url: str, body: bytes | None = None) -> bytes | None:
    """Return what a GET, or with a body a POST, answers; None where nobody answers with success."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            content: bytes = response.read()
            return content
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def post(url: str, content: Any) -> Any:
    """Return the decoded answer to a JSON body.

    Raises:
        BenchmarkError: it was not answered with success.
    """
    answer = get(url, json.dumps(content).encode())
    if answer is None:
        raise BenchmarkError(f"{url} did not answer with success")
    return json.loads(answer)


def run(*command: str, **environment: str) -> str:
    """Run a command in the checkout and return what it printed.

    Raises:
        BenchmarkError: it failed; with all that it printed.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Start processes within this block on one core; they and their children stay there. None: anywhere.

    Raises:
        BenchmarkError: this process may not use the core.
    """
    if core is None:
        yield
        return
    allowed = os.sched_getaffinity(0)
    if core not in allowed:
        raise BenchmarkError(f"expected a core that this process may use, one of {sorted(allowed)}, got {core}")
    # A child inherits the cores of the thread that starts it; that spares a wrapper and code between fork and exec.
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def served(
    python: Path | str,
    what: str,
    *arguments: str,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
) -> Iterator[Served]:
    """Run ``bentoml serve`` on a free port of the loopback interface, and end it by its id.

    Args:
        python: the interpreter whose environment serves.
        what: a Bento's tag, or an import string such as ``service:Tabento``.
        arguments: more of the command line.
        cwd: the folder in which it runs.
        environment: variables to add.
        core: the core that the server and its workers stay on; None leaves it to the system.

    Raises:
        BenchmarkError: it did not get ready.
    """
    port = free_port()
    command = [str(python), "-m", "bentoml", "serve", what, *arguments, "--host", "127.0.0.1", "--port", str(port)]
    with started(command, f"http://127.0.0.1:{port}", cwd=cwd, environment=environment, core=core) as server:
        yield server


@contextmanager
def started(
    command: Sequence[str],
    address: str,
    *,
    ready_path: str = "/readyz",
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
) -> Iterator[Served]:
    """Run any server until it is ready, and end it by its id.

    Args:
        command: what starts it; it listens where ``address`` says.
        address: ``http://127.0.0.1:port``.
        ready_path: what answers a GET with success once the server is ready.
        cwd: the folder in which it runs.
        environment: variables to add.
        core: the core that the server and its children stay on; None leaves it to the system.

    Raises:
        BenchmarkError: it did not get ready.
    """
    clock = time.perf_counter()
    with on_core(core):
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    try:
        while get(f"{address}{ready_path}") is None:
            if process.poll() is not None or time.perf_counter() - clock > READY_DEADLINE_S:
                raise BenchmarkError(f"{' '.join(command)} did not get ready")
            time.sleep(0.01)
        yield Served(address, process.pid, time.perf_counter() - clock)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
