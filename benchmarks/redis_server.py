"""A real Redis as a process of its own, which a measurement or a test can kill, stop and start again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.process import STOP_DEADLINE_S, BenchmarkError
from tools.ports import free_port

PROGRAM = "redis-server"
READY_DEADLINE_S = 30.0


class RedisServer:
    """A Redis on a free port of the loopback interface; it keeps nothing on disk.

    Args:
        program: the path of ``redis-server``.
        password: the password of its clients; None for none.
    """

    def __init__(self, program: str, password: str | None = None) -> None:
        self.port = free_port()
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._command += [] if password is None else ["--requirepass", password]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL without a password."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            BenchmarkError: it did not get ready.
        """
        self._process = subprocess.Popen(
            self._command,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
        end_s = time.monotonic() + READY_DEADLINE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end_s:
                self.stop()
                raise BenchmarkError(f"{' '.join(self._command)} did not get ready")
            time.sleep(0.01)

    def pause(self) -> None:
        """Stop it with SIGSTOP: it accepts connections, as the kernel does that, and answers nothing."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it with SIGKILL; all counts are lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is None:
            return
        self._send(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE_S)
            self._process = None
        except subprocess.TimeoutExpired:
            self.kill()

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


@contextmanager
def running_redis(program: str | None = None, password: str | None = None) -> Iterator[RedisServer]:
    """Run a Redis until the block ends.

    Args:
        program: the path of ``redis-server``; None to look for it.
        password: the password of its clients; None for none.

    Raises:
        BenchmarkError: it is not installed, or did not get ready.
    """
    program = program or shutil.which(PROGRAM)
    if program is None:
        raise BenchmarkError(
            f"{PROGRAM} is not installed; on Debian: apt-get install --no-install-recommends {PROGRAM}"
        )
    server = RedisServer(program, password)
    server.start()
    try:
        yield server
    finally:
        server.stop()
