"""The monitor process, as the supervisor sees it: it is started with the first worker, and again if it ends.

The supervisor owns the listening socket. So a connection of a worker waits while the monitor starts, and the socket survives
a monitor that is killed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from monitoring.link import ADDRESS_VARIABLE
from monitoring.process.priority import yield_to_workers
from monitoring.process.start import start_message
from monitoring.service_log.configure import log_level
from monitoring.service_log.level import LogLevelChange
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Family

logger = logging.getLogger("tabento.serving")

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""The pause before the process is started again doubles from the first to the longest."""
STEADY_S = 60.0
"""After this time of running, the next pause is the first again."""
CLOSE_S = 10.0
"""The seconds within which the process must end after the service."""


class MonitorProcess:
    """Starts the monitor process and watches it.

    Args:
        settings: the settings.
        families: the metrics of the workers.
        folder: the folder that holds the package ``monitoring``.
        clock: seconds that never go backwards.
    """

    def __init__(
        self,
        settings: MonitoringSettings,
        families: tuple[Family, ...],
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._message = start_message(settings, families)
        self._folder = folder
        self._clock = clock
        name = f"tabento-monitor-{os.getpid()}-{secrets.token_hex(8)}"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(f"\0{name}")
        self._listener.listen(64)
        self.address = f"{os.getpid()}:{name}"
        """The value of ``ADDRESS_VARIABLE`` in the workers' environment."""
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._next_s = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id; None if it does not run."""
        return None if self._process is None else self._process.pid

    def watch(self) -> float | None:
        """Start the process if it does not run; return the seconds after which to call this again."""
        if self._closed:
            return None
        now_s = self._clock()
        if self._process is not None:
            if self._process.poll() is None:
                return FIRST_PAUSE_S
            if now_s - self._started_s >= STEADY_S:
                self._pause_s = FIRST_PAUSE_S
            logger.error(
                "the monitor process has ended with exit code %s; predictions go on. It is started again in %d s",
                self._process.returncode,
                self._pause_s,
            )
            self._close_pipe()
            self._next_s = now_s + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self._process = None
        if now_s >= self._next_s:
            self._start(now_s)
        return FIRST_PAUSE_S

    def change_log_level(self, change: LogLevelChange) -> None:
        """Change the level of the service log in the process."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):  # it has ended
                self._process.stdin.write(msgspec.json.encode(change) + b"\n")
                self._process.stdin.flush()

    def close(self) -> None:
        """Let the process read the workers' last records, and wait for its end."""
        self._closed = True
        self._listener.close()
        process = self._process
        if process is None:
            return
        self._close_pipe()
        try:
            process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            logger.error("the monitor process did not end within %d s after the service, and is killed", int(CLOSE_S))
            process.kill()
            process.wait()

    def close_in_worker(self) -> None:
        """Close the socket and the pipe that a forked worker has from this process; they stay open here."""
        self._listener.close()
        self._close_pipe()

    def _start(self, now_s: float) -> None:
        self._started_s = now_s
        environment = {name: value for name, value in os.environ.items() if name != ADDRESS_VARIABLE}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this program with arguments of ours
                [sys.executable, "-m", "monitoring", str(self._listener.fileno())],
                stdin=subprocess.PIPE,
                cwd=self._folder,
                env=environment,
                pass_fds=[self._listener.fileno()],
                process_group=0,  # Ctrl-C ends the service first; a new session would be a scheduling group of its own
            )
            yield_to_workers(self._process.pid)  # also while it imports its packages, which takes some 0.3 s
            assert self._process.stdin is not None
            self._process.stdin.write(self._message)
            self._process.stdin.flush()
            # A monitor that hangs must not stop the supervisor.
            os.set_blocking(self._process.stdin.fileno(), False)
            change = log_level().active()
            if change is not None:
                self.change_log_level(change)
        except OSError as error:
            logger.error("the monitor process cannot be started: %s; predictions go on", error)
            self._next_s = now_s + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
