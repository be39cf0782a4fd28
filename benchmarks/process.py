"""Servers as processes of their own: started, awaited until they are ready, and ended with all their children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from tools.ports import free_port

ROOT = Path(__file__).parents[1]
READY_DEADLINE_S = 120.0
STOP_DEADLINE_S = 30.0
LOG_TAIL_BYTES = 4_000


class BenchmarkError(Exception):
    """A measurement did not run."""


@dataclass(frozen=True)
class RunningServer:
    """A running server."""

    address: str
    pid: int
    """The process that was started; BentoML's workers are its children."""
    ready_s: float
    """Seconds from the start of the process to the first 200 of readyz."""


def unwind_on_sigterm() -> None:
    """Let SIGTERM end this process as an exit does, so that the servers it started end too."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def get(url: str, body: bytes | None = None) -> bytes | None:
    """Return the response to a GET, or to a POST if there is a body; None if no server answers with success."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            content: bytes = response.read()
            return content
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def post(url: str, content: Any) -> Any:
    """Return the decoded response to a JSON body.

    Raises:
        BenchmarkError: the server did not answer with success.
    """
    answer = get(url, json.dumps(content).encode())
    if answer is None:
        raise BenchmarkError(f"{url} did not answer with success")
    return json.loads(answer)


def run(*command: str, **environment: str) -> str:
    """Run a command in the checkout and return its output.

    Raises:
        BenchmarkError: the command failed; the message has all its output.
    """
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment})
    if process.returncode:
        raise BenchmarkError(f"{' '.join(command)} failed:\n{process.stdout}{process.stderr}")
    return process.stdout.strip()


@contextmanager
def on_cores(cores: frozenset[int] | None) -> Iterator[None]:
    """Let processes that start within this block, and their children, run on some cores only.

    Args:
        cores: the cores; None for any.

    Raises:
        BenchmarkError: this process may not use one of the cores.
    """
    if cores is None:
        yield
        return
    allowed = os.sched_getaffinity(0)
    if not cores <= allowed:
        raise BenchmarkError(
            f"expected cores that this process may use, some of {sorted(allowed)}, got {sorted(cores)}"
        )
    # A child inherits the cores of the thread that starts it. That needs neither a wrapper nor code between fork and exec.
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def serve_bento(
    python: Path | str,
    target: str,
    *arguments: str,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    cores: frozenset[int] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[RunningServer]:
    """Run ``bentoml serve`` on a free port of the loopback interface until the block ends.

    Args:
        python: the interpreter whose environment serves.
        target: a Bento's tag, or an import string such as ``service:Tabento``.
        arguments: the remaining arguments of the command line.
        cwd: the folder in which the server runs.
        environment: variables to add.
        cores: the cores of the server and its workers; None for any.
        log: the file of the server's output; None discards the output.

    Raises:
        BenchmarkError: the server did not become ready.
    """
    port = free_port()
    command = [str(python), "-m", "bentoml", "serve", target, *arguments, "--host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with run_server(command, address, cwd=cwd, environment=environment, cores=cores, log=log) as server:
        yield server


@contextmanager
def serve_as_image(
    tag: str,
    *,
    environment: Mapping[str, str] | None = None,
    cores: frozenset[int] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[RunningServer]:
    """Serve a stored bundle with the server of an image, on a free port of the loopback interface, until the block ends.

    Args:
        tag: the bundle, ``name:version``.
        environment: variables to add.
        cores: the cores of all processes of the service; None for any.
        log: the file of the server's output; None discards the output.

    Raises:
        BenchmarkError: the server did not become ready.
    """
    port = free_port()
    command = [sys.executable, "container.py", "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**(environment or {}), "TABENTO_MODEL": tag}
    with run_server(command, f"http://127.0.0.1:{port}", environment=environment, cores=cores, log=log) as server:
        yield server


@contextmanager
def run_server(
    command: Sequence[str],
    address: str,
    *,
    ready_path: str = "/readyz",
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    cores: frozenset[int] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[RunningServer]:
    """Start any server, yield it when it is ready, and end it and its children by their ids.

    Args:
        command: starts the server, which listens at ``address``.
        address: ``http://127.0.0.1:port``.
        ready_path: answers a GET with success once the server is ready.
        cwd: the folder in which the server runs.
        environment: variables to add.
        cores: the cores of the server and its children; None for any.
        log: the file of the server's output; None discards the output.

    Raises:
        BenchmarkError: the server did not become ready; the message has the end of the log.
    """
    start_s = time.perf_counter()
    with on_cores(cores):
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdout=subprocess.DEVNULL if log is None else log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    family: list[psutil.Process] = []
    try:
        while get(f"{address}{ready_path}") is None:
            if process.poll() is not None or time.perf_counter() - start_s > READY_DEADLINE_S:
                raise BenchmarkError(f"{' '.join(command)} did not get ready{_log_tail(log)}")
            time.sleep(0.01)
        ready_s = time.perf_counter() - start_s
        family += _children(process.pid)
        yield RunningServer(address, process.pid, ready_s)
    finally:
        _end(process, family)


def _log_tail(log: IO[bytes] | None) -> str:
    if log is None:
        return ""
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - LOG_TAIL_BYTES))
    return f":\n{log.read().decode(errors='replace')}"


def _children(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _end(process: subprocess.Popen[bytes], family: Sequence[psutil.Process]) -> None:
    """End a process, then the children that are still running: those it has now, and its former ones."""
    family = list({*family, *_children(process.pid)})
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # A killed server leaves its workers running.
    for child in family:
        with suppress(psutil.NoSuchProcess):
            child.terminate()
    _, remaining = psutil.wait_procs(family, timeout=STOP_DEADLINE_S)
    for child in remaining:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(remaining, timeout=STOP_DEADLINE_S)
