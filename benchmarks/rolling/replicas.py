"""The replicas of one service: real processes, which are started, drained and lost as an orchestrator does.

A container ends with all its processes. Here every process of a replica is signalled: BentoML's workers have sessions of their own,
so a signal to a process group would reach the supervisor only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.process import ROOT, BenchmarkError, get
from tools.ports import free_port

READY_S = 120.0
"""The longest time from the start of a replica to its first 200 of readyz, in seconds."""
END_S = 45.0
"""The grace period of a replica after SIGTERM, in seconds; longer than the service's own limit."""
POLL_S = 0.02
KILL_POLL_S = 0.001


@dataclass
class Replica:
    """One replica: a place among the addresses of the proxy, and the process that runs there.

    Args:
        port: the port of the loopback interface that the proxy knows.
        command: starts the service; the port is added.
        environment: the variables of the service.
        folder: the folder of its monitoring and its output.
    """

    port: int
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        """Whether a process runs in this place."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """The file of the output of all processes of this place."""
        return self.folder / "log"

    def start(self) -> None:
        """Start a process in this place."""
        if self.is_running:
            raise BenchmarkError(f"a replica runs at port {self.port} already")
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*self.command, "--host", "127.0.0.1", "--port", str(self.port)],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={
                    **os.environ,
                    **self.environment,
                    "TABENTO_MONITORING_FOLDER": str(self.folder / "monitoring"),
                    "TABENTO_ROLLOUT_FOLDER": str(self.folder / "rollout"),
                },
            )

    def wait_until_ready(self) -> float:
        """Wait until readyz answers 200, and return the seconds that this took.

        Raises:
            BenchmarkError: the replica ended, or was not ready in time.
        """
        started_s = time.monotonic()
        while get(f"http://127.0.0.1:{self.port}/readyz") is None:
            waited_s = time.monotonic() - started_s
            if not self.is_running or waited_s > READY_S:
                tail = self.log.read_text(encoding="utf-8", errors="replace")[-4000:]
                raise BenchmarkError(f"the replica at port {self.port} was not ready after {waited_s:.1f} s:\n{tail}")
            time.sleep(POLL_S)
        return time.monotonic() - started_s

    def end(self) -> float:
        """End the replica as an orchestrator does: SIGTERM to its first process; return the seconds until it had ended.

        Raises:
            BenchmarkError: it did not end within its grace period, or not with status 0.
        """
        process = self._running_process()
        started_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(END_S)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise BenchmarkError(f"the replica at port {self.port} did not end within {END_S:g} s") from error
        self._process = None
        if status:
            raise BenchmarkError(f"the replica at port {self.port} ended with status {status}, expected 0")
        return time.monotonic() - started_s

    def kill(self) -> tuple[float, float]:
        """End all processes of the replica immediately with SIGKILL, as the loss of a computer does.

        Returns:
            The time before the first signal, and the time at which no process is left, on the monotonic clock, in seconds. A killed
            process closes its connections when the system gives it processor time to end.
        """
        process = self._running_process()
        family = self._signal(signal.SIGSTOP)  # no process sees the end of another one and acts on it
        started_s = time.monotonic()
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()
        while any(map(_is_alive, family)):
            time.sleep(KILL_POLL_S)
        self._process = None
        return started_s, time.monotonic()

    def pause(self) -> None:
        """Stop all processes of the replica; its connections stay open, and the kernel still accepts new ones."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the processes of the replica continue."""
        self._signal(signal.SIGCONT)

    def _running_process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise BenchmarkError(f"no replica runs at port {self.port}")
        return self._process

    def _signal(self, number: int) -> list[psutil.Process]:
        """Send a signal to all processes of the replica, the oldest first, and return them."""
        first = psutil.Process(self._running_process().pid)
        first.send_signal(number)
        family = [first, *first.children(recursive=True)]
        for member in family[1:]:
            with suppress(psutil.NoSuchProcess):
                member.send_signal(number)
        return family


def _is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs. A killed one may stay a while as a zombie, until its parent collects it."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def start_all(places: Sequence[Replica]) -> None:
    """Start a replica in each place, and wait until all are ready.

    Raises:
        BenchmarkError: one of them was not ready in time.
    """
    for place in places:
        place.start()
    for place in places:
        place.wait_until_ready()


COMMANDS: Mapping[str, Sequence[str]] = {
    "image": ("container.py", "serve"),
    "bentoml": ("-m", "bentoml", "serve", "service:Tabento"),
}
"""The ways to start a service: as an image does, or by ``bentoml serve``."""


@contextmanager
def replica_places(
    folder: Path, tag: str, count: int, environment: Mapping[str, str], way: str = "image"
) -> Iterator[list[Replica]]:
    """Yield places for replicas of one model, none of them running; kill the remaining replicas at the end.

    Args:
        folder: the folder for the files of all replicas.
        tag: the bundle that they serve.
        count: the number of places.
        environment: the variables of the service.
        way: one of ``COMMANDS``.
    """
    command = [sys.executable, *COMMANDS[way]]
    environment = {**environment, "TABENTO_MODEL": tag}
    places = [Replica(free_port(), command, environment, folder / f"replica-{number + 1}") for number in range(count)]
    try:
        yield places
    finally:
        for place in places:
            if place.is_running:
                place.kill()
