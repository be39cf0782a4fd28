"""The first process of an image: it forks the workers, replaces those that end, and ends when it is asked to.

It has one thread, so that it can fork at any time. It is the supervisor of ``serving.operations.supervisor`` and waits there for
messages of workers, and for signals. As the first process of a container it also collects orphaned processes.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from types import FrameType

from monitoring.link import ADDRESS_VARIABLE as MONITOR_ADDRESS_VARIABLE
from monitoring.service_log.configure import log_level
from serving.container.command import FAILED, STOP_SIGNALS, handle_stop_signals
from serving.container.service import Service
from serving.container.start_clock import StartClock
from serving.container.worker import run_worker
from serving.operations.drain import LAST_RESORT_S
from serving.operations.monitor_process import MonitorProcess
from serving.operations.supervisor import Supervisor, report_end, signal_name
from serving.operations.worker_link import ADDRESS_VARIABLE

logger = logging.getLogger("tabento.serving")

REPLACEMENTS = 5
"""If more workers than these have ended within ``REPLACEMENTS_S`` and none is left, the service ends: a restart may help."""
REPLACEMENTS_S = 60.0
LONGEST_PAUSE_S = 30.0
"""The first two ends within ``REPLACEMENTS_S`` are replaced immediately; then the pause doubles from 1 s to this."""
KILL_S = 5.0
"""The time after a worker's last resort, see ``serving.operations.drain``, at which a worker that still runs is killed."""
_PR_SET_PDEATHSIG = 1
"""The option of ``prctl(2)`` for the signal that a process gets when its parent ends."""


class ServiceProcess:
    """The supervisor of forked workers.

    Args:
        service: the service, which was checked.
        listener: the port, which is bound and does not listen.
        monitor: the monitor process; None if the service is not monitored.
        clock: the clock of the start.
    """

    def __init__(
        self, service: Service, listener: socket.socket, monitor: MonitorProcess | None, clock: StartClock
    ) -> None:
        self._service = service
        self._clock: StartClock | None = clock
        self._listener = listener
        self._monitor = monitor
        self._wake, self._wake_writer = socket.socketpair()
        for end in (self._wake, self._wake_writer):
            end.setblocking(False)
        self._supervisor = Supervisor(self._stop, monitor, self._wake)
        self._workers: set[int] = set()
        self._ends_s: deque[float] = deque()
        """The times at which workers ended that were not asked to, within ``REPLACEMENTS_S``."""
        self._replacements_s: list[float] = []
        """The times at which workers are to be forked."""
        self._is_stopping = False
        self._kill_at_s: float | None = None
        """The time at which the workers that still run are killed; None if the service is not stopping."""

    def run(self) -> int:
        """Serve until a signal or a failure; return the exit code."""
        os.environ[ADDRESS_VARIABLE] = self._supervisor.address
        if self._monitor is not None:
            os.environ[MONITOR_ADDRESS_VARIABLE] = self._monitor.address
        self._supervisor.guard(self._listener)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        handle_stop_signals(self._on_signal)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # the wakeup descriptor needs a handler
        host, port = self._listener.getsockname()[:2]
        logger.info(
            "serving %s on port %d of %s, workers: %d",
            self._service.bundle.tag,
            port,
            host,
            self._service.settings.workers,
        )
        for _ in range(self._service.settings.workers):
            self._fork()
        self._clock = None  # a worker that takes another's place does not start the service
        while self._workers or (self._replacements_s and not self._is_stopping):
            self._supervisor.turn(self._kill_due() if self._is_stopping else self._fork_due())
            self._collect()
        signal.set_wakeup_fd(-1)
        self._close_sockets()
        if self._monitor is not None:
            self._monitor.close()
        if self._supervisor.failure is not None:
            report_end(self._supervisor.failure)
            return 1
        return 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        """Let the workers drain and end; called repeatedly if the service has failed."""
        if not self._is_stopping:
            settings = self._service.settings
            self._kill_at_s = time.monotonic() + settings.drain_s + settings.drain_limit_s + LAST_RESORT_S + KILL_S
            self._is_stopping = True
            for pid in self._workers:
                _send(pid, signal.SIGTERM)

    def _kill_due(self) -> float | None:
        """Kill the workers that have not ended in time, such as stopped ones; return the seconds until then, or None."""
        if self._kill_at_s is None:
            return None
        remaining_s = self._kill_at_s - time.monotonic()
        if remaining_s > 0:
            return remaining_s
        self._kill_at_s = None
        for pid in self._workers:
            logger.error("worker %d did not end in time, and is killed", pid)
            _send(pid, signal.SIGKILL)
        return None

    def _fork_due(self) -> float | None:
        """Fork the workers whose time has come; return the seconds until the next one, or None."""
        now_s = time.monotonic()
        due = [at_s for at_s in self._replacements_s if at_s <= now_s]
        self._replacements_s = [at_s for at_s in self._replacements_s if at_s > now_s]
        for _ in due:
            self._fork()
        return min(self._replacements_s) - now_s if self._replacements_s else None

    def _fork(self) -> None:
        """Fork a worker. If the computer cannot have one more process, another try follows like after a worker's end."""
        parent = os.getpid()
        _flush_output()
        # A signal that arrives before the new process has handlers of its own would run those of this process there.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            pid = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            self._replace(f"a worker cannot be forked ({error.strerror})")
            return
        if pid:
            self._workers.add(pid)
            if self._is_stopping:  # the signal arrived after the decision to fork
                _send(pid, signal.SIGTERM)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            return
        status = FAILED
        try:
            status = self._run_forked(parent)
        except Exception:
            logger.exception("the worker failed")
        finally:
            _flush_output()
            os._exit(status)

    def _run_forked(self, parent: int) -> int:
        """Run the worker in the forked process; return its exit code."""
        signal.set_wakeup_fd(-1)
        log_level().forget_timer()
        # A terminal sends SIGINT, SIGQUIT and SIGHUP to all processes; the first one then asks the workers to drain.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before the kernel knew
            return 0
        self._close_sockets()
        if self._monitor is not None:
            self._monitor.close_in_worker()
        return run_worker(self._service, self._listener, self._clock)

    def _close_sockets(self) -> None:
        """Close the sockets of the supervisor; in a worker they stay open for the first process."""
        for end in (self._wake, self._wake_writer):
            end.close()
        self._supervisor.close_in_worker()

    def _collect(self) -> None:
        """Collect the processes that have ended, and replace workers that were not asked to."""
        while True:
            try:
                state = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if state is None:
                return
            pid = state.si_pid
            if self._supervisor.is_connected(pid):  # the supervisor reads its last message in the next turn
                return
            if self._monitor is not None and pid == self._monitor.pid:
                self._monitor.watch()
                continue
            os.waitpid(pid, 0)
            if pid in self._workers:
                self._workers.remove(pid)
                has_exited, status = state.si_code == os.CLD_EXITED, state.si_status
                end = f"ended with code {status}" if has_exited else f"was killed by {signal_name(status)}"
                self._replace(f"worker {pid} {end}")

    def _replace(self, cause: str) -> None:
        if self._is_stopping or self._supervisor.failure is not None:
            return
        now_s = time.monotonic()
        self._ends_s.append(now_s)
        while now_s - self._ends_s[0] > REPLACEMENTS_S:
            self._ends_s.popleft()
        n_ends = len(self._ends_s)
        if n_ends > REPLACEMENTS and not self._workers:
            self._supervisor.failure = f"{cause}; {n_ends} workers have ended within {REPLACEMENTS_S:.0f} s"
            self._replacements_s.clear()
            return
        pause_s = 0.0 if n_ends < 3 else min(2.0 ** (n_ends - 3), LONGEST_PAUSE_S)
        logger.error("%s; another one takes its place in %g s", cause, pause_s)
        self._replacements_s.append(now_s + pause_s)


def _send(pid: int, number: signal.Signals) -> None:
    """Send a worker a signal, which can arrive just after the worker was collected."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _flush_output() -> None:
    """Write what the streams of this process hold; the reader of a pipe may have ended."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
