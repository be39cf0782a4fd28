"""One program of the stack: awaited until it answers, ended with its children, and reported if it ends by itself."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from deploy.errors import StackError
from deploy.stack.process import RunningPart, StackPart
from deploy.stack.ready import http_is_ready
from tests.servers import wait_until
from tools.ports import free_port

WITH_CHILD = (
    "import subprocess, sys, http.server\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    "print('child', child.pid, flush=True)\n"
    "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
)
"""A server that leaves a child behind."""
STUBBORN = "import signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen(sys.argv[1], 'w').close()\nsignal.pause()\n"


def _part(code: str, *arguments: str, url: str = "http://127.0.0.1:9/") -> StackPart:
    return StackPart("orchard", (sys.executable, "-c", code, *arguments), http_is_ready(url), url, "apples")


def test_a_program_is_ready_when_it_answers_and_ends_with_its_children(tmp_path: Path) -> None:
    """The log has the output; after `stop` neither the program nor a child that it left behind runs."""
    port = free_port()
    part = RunningPart(_part(WITH_CHILD, str(port), url=f"http://127.0.0.1:{port}/"), tmp_path / "logs" / "orchard.log")
    try:
        wait_until(lambda: part.check_ready() is not None, "the server to answer")
        part.check_running()
        child = psutil.Process(int(part.log_path.read_text().split()[1]))
    finally:
        part.stop()
    assert part.status is not None
    assert not child.is_running()
    with pytest.raises(StackError, match="orchard ended with status"):
        part.check_running()


def test_a_program_that_ends_is_an_error_with_its_log(tmp_path: Path) -> None:
    """The message has the name, the status, the path of the log and its end."""
    part = RunningPart(_part("import sys; print('no apples'); sys.exit(3)"), tmp_path / "orchard.log")
    with pytest.raises(StackError, match=r"(?s)orchard ended with status 3\. The end of .*orchard\.log:\nno apples"):
        wait_until(lambda: part.check_ready() is not None, "the program to end")


def test_a_program_that_never_answers_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that runs and does not answer within the deadline is reported; `stop` kills one that ignores SIGTERM."""
    monkeypatch.setattr("deploy.stack.process.READY_DEADLINE_S", 0.1)
    monkeypatch.setattr("deploy.stack.process.STOP_DEADLINE_S", 0.2)
    marker = tmp_path / "started"
    part = RunningPart(_part(STUBBORN, str(marker)), tmp_path / "orchard.log")
    try:
        with pytest.raises(StackError, match=r"orchard is not ready after 0\.1 s"):
            wait_until(lambda: part.check_ready() is not None, "the deadline")
    finally:
        part.stop()
    assert part.status is not None


def test_a_missing_program_is_an_error(tmp_path: Path) -> None:
    """A command that does not exist is one sentence."""
    part = StackPart("orchard", ("/no/such/program",), lambda: True, "", "")
    with pytest.raises(StackError, match=r"orchard: cannot run /no/such/program: No such file"):
        RunningPart(part, tmp_path / "orchard.log")
