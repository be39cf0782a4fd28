"""One program of the stack as a process of its own: started, awaited until it is ready, and ended by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.errors import StackError

READY_DEADLINE_S = 120.0
STOP_DEADLINE_S = 60.0
LOG_TAIL_BYTES = 3_000


@dataclass(frozen=True)
class StackPart:
    """A program of the stack: its command and its addresses."""

    name: str
    """The name of the service in compose.yaml."""
    command: tuple[str, ...]
    is_ready: Callable[[], bool]
    """Returns whether the program answers."""
    address: str
    """The address for users, such as a URL."""
    purpose: str
    """The content of the address, for the table of addresses."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables to add."""
    user: str | None = None
    """The user that runs the program; None for the user of this process."""
    folder: Path = Path("/")
    """The working folder."""
    stop_signal: signal.Signals = signal.SIGTERM


class RunningPart:
    """A started program.

    Args:
        part: the program.
        log_path: the file of its output.

    Raises:
        StackError: the program cannot be started.
    """

    def __init__(self, part: StackPart, log_path: Path) -> None:
        self.part = part
        self.log_path = log_path
        self._is_stopping = False
        self._family: list[psutil.Process] = []
        self._start_s = time.monotonic()
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            try:
                # A session of its own: Ctrl-C of the terminal reaches this program only, which ends the parts in their order.
                self._process = subprocess.Popen(
                    part.command,
                    cwd=part.folder,
                    env={**os.environ, **part.environment},
                    user=part.user,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise StackError(f"{part.name}: cannot run {part.command[0]}: {error.strerror}.") from error

    @property
    def pid(self) -> int:
        """The id of the started process; the others of the part are its children."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status; None while the program runs."""
        return self._process.poll()

    def check_ready(self) -> float | None:
        """Return the seconds from the start of the program if it answers now, else None.

        Raises:
            StackError: it ended, or does not answer within ``READY_DEADLINE_S``; the message has the end of its log.
        """
        if self.part.is_ready():
            self._family = _children(self.pid)
            return time.monotonic() - self._start_s
        self.check_running()
        if time.monotonic() - self._start_s > READY_DEADLINE_S:
            raise StackError(f"{self.part.name} is not ready after {READY_DEADLINE_S:g} s. {self.log_tail()}")
        return None

    def check_running(self) -> None:
        """Check that the program still runs.

        Raises:
            StackError: it has ended; the message has the status and the end of its log.
        """
        if self.status is not None:
            raise StackError(f"{self.part.name} ended with status {self.status}. {self.log_tail()}")

    def log_tail(self) -> str:
        """Return the end of the log with the path of its file."""
        data = self.log_path.read_bytes()[-LOG_TAIL_BYTES:]
        return f"The end of {self.log_path}:\n{data.decode(errors='replace').strip()}"

    def request_stop(self) -> None:
        """Send the stop signal, once, and return immediately."""
        if not self._is_stopping:
            self._is_stopping = True
            self._family = list({*self._family, *_children(self.pid)})
            if self.status is None:
                self._process.send_signal(self.part.stop_signal)

    def stop(self) -> None:
        """End the program, and its children that are still running afterwards."""
        self.request_stop()
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for child in self._family:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(self._family, timeout=STOP_DEADLINE_S)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []
