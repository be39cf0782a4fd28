"""Servers for measuring are started on a core, awaited and ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.process import BenchmarkError, free_port, on_core, started


def test_children_stay_on_the_core() -> None:
    """What is started within the block may use that core only; this process is as free as before."""
    before = os.sched_getaffinity(0)
    core = max(before)
    with on_core(core):
        code = "import os; print(sorted(os.sched_getaffinity(0)))"
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == f"[{core}]"
    assert os.sched_getaffinity(0) == before


def test_a_measurement_that_is_ended_ends_what_it_started() -> None:
    """SIGTERM unwinds: blocks that end servers are left, and the status says which signal it was."""
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
    """None changes nothing, and a core that is not there is named with those that are."""
    with on_core(None):
        assert len(os.sched_getaffinity(0)) >= 1
    with (
        pytest.raises(BenchmarkError, match=r"expected a core that this process may use, one of .*, got 4096"),
        on_core(4096),
    ):
        pass


def test_a_server_is_awaited_and_ended(tmp_path: Path) -> None:
    """Any command that listens is a server: ready when it answers, gone after the block."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with started(command, f"http://127.0.0.1:{port}", ready_path="/", cwd=tmp_path) as server:
        assert psutil.pid_exists(server.pid)
        assert server.ready_s > 0
    assert not psutil.pid_exists(server.pid)


def test_a_server_that_ends_is_an_error(tmp_path: Path) -> None:
    """A command that fails is named, and not waited for until the deadline."""
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    with pytest.raises(BenchmarkError, match="did not get ready"), started(command, f"http://127.0.0.1:{free_port()}"):
        pass
