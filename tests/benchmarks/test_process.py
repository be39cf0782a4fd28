"""Servers for measurements are started on a core, awaited and ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.process import BenchmarkError, on_cores, run_server
from tools.ports import free_port


def test_children_stay_on_the_core() -> None:
    """A process that starts within the block may use that core only; this process has all its cores afterwards."""
    before = os.sched_getaffinity(0)
    core = max(before)
    with on_cores(frozenset({core})):
        code = "import os; print(sorted(os.sched_getaffinity(0)))"
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == f"[{core}]"
    assert os.sched_getaffinity(0) == before


def test_a_terminated_measurement_ends_its_servers() -> None:
    """SIGTERM leaves the blocks that end servers, and the status has the number of the signal."""
    code = (
        "import contextlib, os, signal, time\n"
        "from benchmarks.process import unwind_on_sigterm\n"
        "unwind_on_sigterm()\n"
        "with contextlib.ExitStack() as up:\n"
        "    up.callback(print, 'ended', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(30)\n"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert child.stdout == "ended\n"
    assert child.returncode == 128 + 15


def test_no_core_leaves_it_to_the_system() -> None:
    """None changes nothing, and a core that does not exist is an error that names the allowed cores."""
    with on_cores(None):
        assert len(os.sched_getaffinity(0)) >= 1
    with (
        pytest.raises(BenchmarkError, match=r"expected cores that this process may use, some of .*, got .4096"),
        on_cores(frozenset({4096})),
    ):
        pass


def test_a_server_is_awaited_and_ended(tmp_path: Path) -> None:
    """A server is ready when it answers, and ends with the block."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with run_server(command, f"http://127.0.0.1:{port}", ready_path="/", cwd=tmp_path) as server:
        assert psutil.pid_exists(server.pid)
        assert server.ready_s > 0
    assert not psutil.pid_exists(server.pid)


def test_a_server_that_ends_is_an_error(tmp_path: Path) -> None:
    """A command that fails is an error immediately, not only at the deadline."""
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    with (
        pytest.raises(BenchmarkError, match="did not get ready"),
        run_server(command, f"http://127.0.0.1:{free_port()}"),
    ):
        pass


def test_children_end_with_their_server() -> None:
    """A child that its server leaves running is ended after the block too."""
    port = free_port()
    code = (
        "import subprocess, sys\n"
        "from http.server import HTTPServer, SimpleHTTPRequestHandler\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"HTTPServer(('127.0.0.1', {port}), SimpleHTTPRequestHandler).serve_forever()\n"
    )
    with run_server([sys.executable, "-c", code], f"http://127.0.0.1:{port}", ready_path="/") as server:
        (child,) = psutil.Process(server.pid).children()
        assert child.is_running()
    assert not child.is_running()
