"""One start of a server with a fault: its exit code, its output, and the expectations that they miss."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.failed_starts.surroundings import Surroundings, surroundings
from benchmarks.process import ROOT, BenchmarkError, get, run
from tests.bundles import TREE

DEADLINE_S = 60.0
TOLD_S = 30.0
"""The time from readiness until health and log name a fault."""
END_S = 45.0
SERVERS: dict[str, tuple[str, ...]] = {
    "bentoml serve": (sys.executable, "-m", "bentoml", "serve", "service:Tabento"),
    "image": (sys.executable, "container.py", "serve"),
}
"""Both servers with their commands: BentoML's in a checkout, and the entry point of an image."""


@dataclass(frozen=True)
class Fault:
    """A fault of the surroundings of a start."""

    title: str
    prepare: Callable[[Surroundings], object]
    words: tuple[str, ...]
    """The words that the last line has, or if the start goes on, the health and the log have together."""
    component: str | None = None
    """The degraded component of ``/health`` if the service starts nevertheless; "log" if only the log tells; None if it must end."""
    is_worker_fault: bool = False
    """Whether only a worker finds the fault, so that the log has lines of its start before the last one."""


@dataclass(frozen=True)
class Start:
    """The result of a start."""

    server: str
    outcome: str
    """``ends with 1`` or ``answers, COMPONENT is degraded``."""
    line: str
    """The line that tells the fault."""
    lines: int
    """The number of lines of the whole output, or until the service was ready."""
    seconds: float
    """The seconds until the end, or until the fault was told."""
    failed: list[str]
    """The expectations that were not met."""


def run_start(fault: Fault, server: str, home: Path) -> Start:
    """Start a server with a fault.

    Args:
        fault: the fault.
        server: a key of ``SERVERS``.
        home: the model store, which is not changed.
    """
    with tempfile.TemporaryDirectory(prefix="failed-starts-") as name:
        folder = Path(name)
        with surroundings(folder, home) as place:
            fault.prepare(place)
            log = folder / "log"
            command = [*place.wrapper, *SERVERS[server], "--host", place.host, "--port", str(place.port)]
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **place.environment},
                )
                try:
                    if fault.component is None:
                        return _check_end(fault, server, process, log)
                    return _check_degraded(fault, server, process, place.port, log)
                finally:
                    _end(process)
                    for path in folder.rglob("*"):  # a fault may have taken the rights that the removal needs
                        if path.is_dir() and not path.is_symlink():
                            path.chmod(0o700)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _log_lines(log: Path) -> list[str]:
    return [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]


def _record(line: str) -> dict[str, Any]:
    """Return a line of the service log; another line is an error with its text as the message."""
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    return record if isinstance(record, dict) else {"level": "error", "message": line}


def _message(line: str) -> str:
    return str(_record(line).get("message", line))


def _check_end(fault: Fault, server: str, process: subprocess.Popen[bytes], log: Path) -> Start:
    """Check a start that must end: the exit code, and one line that tells the fault."""
    started_s = time.monotonic()
    failed = []
    try:
        process.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        failed.append(f"it did not end within {DEADLINE_S:g} s")
    seconds = time.monotonic() - started_s
    lines = _log_lines(log)
    last = _message(lines[-1]) if lines else ""
    if not failed and process.returncode != 1:
        failed.append(f"expected the exit code 1, got {process.returncode}")
    failures = [line for line in lines if _record(line).get("level") in ("error", "critical")]
    if failures != lines[-1:]:
        failed.append(f"expected the last line to be the only failure, got {len(failures)} lines: {failures[:5]}")
    if not fault.is_worker_fault and len(lines) != 1:
        failed.append(f"expected one line of output, got {len(lines)}")
    failed += [f"expected {word!r} in the last line" for word in fault.words if word not in last]
    if "Traceback" in "".join(lines):
        failed.append("the output has a traceback")
    return Start(server, f"ends with {process.returncode}", last, len(lines), seconds, failed)


def _check_degraded(fault: Fault, server: str, process: subprocess.Popen[bytes], port: int, log: Path) -> Start:
    """Check a start that goes on: it answers, log and health name the fault, and SIGTERM ends it with 0."""
    started_s = time.monotonic()
    address = f"http://127.0.0.1:{port}"
    failed: list[str] = []
    line = ""
    while get(f"{address}/readyz") is None and process.poll() is None and time.monotonic() - started_s < DEADLINE_S:
        time.sleep(0.02)
    ready_s = time.monotonic()
    while True:
        health = json.loads(get(f"{address}/health") or b"{}")
        part = health.get("components", {}).get(fault.component, {})
        messages = [_message(line) for line in _log_lines(log) if _record(line).get("level") in ("warning", "error")]
        text = " ".join([str(part.get("message", "")), *messages])
        line = next((message for message in messages if fault.words[0] in message), str(part.get("message", "")))
        is_told = part.get("status", "healthy") != "healthy" or fault.component == "log"
        if health and is_told and all(word in text for word in fault.words):
            break
        if process.poll() is not None or time.monotonic() - ready_s > TOLD_S:
            failed.append(
                f"expected {fault.component} to be degraded with {fault.words}, got {part or health} and the log {messages[-5:]}"
            )
            break
        time.sleep(0.05)
    seconds = time.monotonic() - started_s
    n_lines = len(_log_lines(log))
    if get(f"{address}/predict", json.dumps(TREE).encode()) is None:
        failed.append("it does not answer predictions")
    _end(process)
    if process.returncode != 0:
        failed.append(f"expected the exit code 0 after SIGTERM, got {process.returncode}")
    if "Traceback" in log.read_text(encoding="utf-8", errors="replace"):
        failed.append("the output has a traceback")
    component = "" if fault.component == "log" else f"; `{fault.component}` is degraded"
    return Start(server, f"answers{component}", line, n_lines, seconds, failed)


def make_home(folder: Path) -> Path:
    """Write a model store with the bundle that is served, and return its folder.

    Raises:
        BenchmarkError: the bundle could not be stored.
    """
    home = folder / "home"
    run(sys.executable, "-m", "benchmarks.failed_starts.surroundings", BENTOML_HOME=str(home))
    if not home.is_dir():
        raise BenchmarkError(f"expected a model store in {home}, got nothing")
    return home


def own_home(place: Surroundings) -> None:
    """Let a start use a copy of the model store, which its fault may change."""
    copy = place.folder / "home"
    shutil.copytree(place.environment["BENTOML_HOME"], copy)
    place.environment["BENTOML_HOME"] = str(copy)
