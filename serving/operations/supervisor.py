"""The thread in BentoML's supervisor process: it guards the port, ends a start that failed, and adds up all workers' metrics.

`bentoml serve` is a supervisor process (BentoML's, built on circus) that opens the port and starts workers, which share it.
BentoML alone has three weaknesses. The port accepts connections even if no worker runs, and they are never answered. A worker
that cannot start is restarted without a limit. Workers share metrics through files in a folder that every start of any service
empties.

`supervise` runs before the port is opened (`bentoml.on_deployment`) and starts a thread to which every worker connects
(`serving.operations.worker_link`). The thread knows the running workers, because the kernel closes the connection of a worker that ends:

- The port refuses connections until a worker listens, and again when the last one has ended.
- If a worker cannot start and no other worker answers, the service ends with the reason as its last line.
- The numbers of all workers are added up here, including workers that have ended.
- The monitor process (``serving.operations.monitor_process``) is started with the first worker, and again if it ends.

It needs Linux: abstract Unix sockets that keep the bounds of messages, and listening sockets that can stop listening.
On other systems `supervise` checks the address of the port only, and a service behaves as any BentoML service.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import secrets
import selectors
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import psutil

from monitoring.link import ADDRESS_VARIABLE as MONITOR_ADDRESS_VARIABLE
from monitoring.service_log.configure import STARTED_BY_VARIABLE, configure_log, log_level
from monitoring.service_log.level import LogLevelChange
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Snapshot, merge, retire
from serving.operations.listen_address import address_problem, port_problem, requested_port
from serving.operations.metrics import FAMILIES
from serving.operations.monitor_process import MonitorProcess
from serving.operations.rollout_numbers import SHARED_FAMILIES
from serving.operations.start_failure import PREFIX, one_line_failure
from serving.operations.worker_link import (
    ADDRESS_VARIABLE,
    MESSAGE_BYTES,
    Message,
    SupervisorReply,
    WorkerCounts,
    WorkerFailed,
)
from serving.protocols.grpc.startup import PortError, reserve_port

logger = logging.getLogger("tabento.serving")

REPEAT_S = 1.0
"""The time after which the process is asked again to end: circus ignores the request while it starts workers."""
STOPPED_BY = (signal.SIGTERM, signal.SIGINT)
"""Signals that end a worker on purpose."""

_PEER = struct.Struct("3i")
_reserved_ports: list[socket.socket] = []
"""The ports of gRPC that this process keeps until it ends."""
_MERGED_FAMILIES = (*FAMILIES, *SHARED_FAMILIES)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


class StartError(Exception):
    """The service cannot start."""


@dataclass
class _Worker:
    """A connected worker."""

    pid: int
    connection: socket.socket
    snapshot: Snapshot = field(default_factory=Snapshot)
    leaving: bool = False
    log_level: LogLevelChange | None = None
    """A change of the level of its log that was not sent yet."""


class Supervisor:
    """The thread to which workers connect.

    Args:
        end: asks this process to end in an orderly way; called repeatedly until it ends.
        monitor: the monitor process, which is started as soon as the first worker has sent numbers, so that it does not take
            the core from a worker that starts; None if there is none.
        wake: a socket that ends the wait of ``turn`` when it can be read; None if no caller needs it.
    """

    def __init__(
        self, end: Callable[[], None], monitor: MonitorProcess | None = None, wake: socket.socket | None = None
    ) -> None:
        self.failure: str | None = None
        """The reason why the service ends; None if it does not."""
        self._end = end
        self._monitor = monitor
        self._has_numbers = False
        self._listener: socket.socket | None = None
        self._workers: dict[int, _Worker] = {}
        self._ended = Snapshot()
        name = f"tabento-{os.getpid()}-{secrets.token_hex(8)}"
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(f"\0{name}")
        self._server.listen(64)
        self._server.setblocking(False)
        self.address = f"{os.getpid()}:{name}"
        """The value of ``ADDRESS_VARIABLE`` in the workers' environment."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)
        self._wake = wake
        if wake is not None:
            self._selector.register(wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="tabento-supervisor", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def guard(self, listener: socket.socket) -> None:
        """Let the port refuse connections while no worker listens, beginning now.

        Args:
            listener: the socket that workers inherit. Each of them makes it listen again when it is ready.
        """
        self._listener = listener
        self._refuse()

    def _run(self) -> None:
        while True:
            self.turn()

    def turn(self, limit_s: float | None = None) -> None:
        """Wait for messages, or for ``wake``, and handle them.

        Args:
            limit_s: the longest wait; None for no limit.
        """
        try:
            self._turn(limit_s)
        except Exception:
            logger.exception("the supervisor failed at a worker's message")
            threading.Event().wait(REPEAT_S)  # an error that repeats immediately must not use a whole core

    def is_connected(self, pid: int) -> bool:
        """Return whether the connection of a worker is still open; if not, the kernel has closed it at the worker's end."""
        return any(worker.pid == pid for worker in self._workers.values())

    def close_in_worker(self) -> None:
        """Close the sockets that a forked worker has from this process; they stay open here."""
        self._selector.close()
        for connection in (self._server, *(worker.connection for worker in self._workers.values())):
            connection.close()

    def _turn(self, limit_s: float | None) -> None:
        # All workers' numbers are read before a question is answered, so that no counter ever decreases.
        questions: list[tuple[_Worker, int]] = []
        pause_s = REPEAT_S if self.failure else None
        if self._monitor is not None and self._has_numbers:
            pause_s = self._monitor.watch()
        if limit_s is not None:
            pause_s = limit_s if pause_s is None else min(limit_s, pause_s)
        for key, _ in self._selector.select(pause_s):
            if key.fileobj is self._server:
                self._accept(questions)
            elif key.fileobj is self._wake:
                self._wake.recv(MESSAGE_BYTES)
            elif (worker := self._workers.get(key.fd)) is not None and worker.connection is key.fileobj:
                self._read(worker, questions)
        if questions:
            # Another worker may have sent its numbers after the selection, and before the question.
            self._accept(questions)
            for other in list(self._workers.values()):
                self._read(other, questions)
        for asking, question in questions:
            self._answer(asking, question)
        if self.failure:
            self._end()

    def _accept(self, questions: list[tuple[_Worker, int]]) -> None:
        """Accept all workers that have connected, and read their numbers: a question of another worker may be waiting."""
        while True:
            try:
                connection, _ = self._server.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            pid, user, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
            if user != os.geteuid() or not _is_child(pid):
                logger.warning(
                    "process %d of user %d is not a worker of this service; its connection is closed", pid, user
                )
                connection.close()
                continue
            self._workers[connection.fileno()] = worker = _Worker(pid, connection)
            worker.log_level = log_level().active()
            self._selector.register(connection, selectors.EVENT_READ)
            self._read(worker, questions)

    def _read(self, worker: _Worker, questions: list[tuple[_Worker, int]]) -> None:
        while True:
            try:
                data = worker.connection.recv(MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._remove(worker)
                return
            try:
                message = _decoder.decode(data)
            except msgspec.DecodeError as error:
                logger.warning("worker %d sent data that is not a message: %s", worker.pid, error)
                continue
            if isinstance(message, WorkerCounts):
                worker.snapshot = message.snapshot
                self._has_numbers = True
                self._send_log_level(worker)
                if message.question is not None:
                    questions.append((worker, message.question))
            elif isinstance(message, LogLevelChange):
                self._change_log_level(worker, message)
            elif isinstance(message, WorkerFailed):
                self._fail(worker, message.reason)
            else:
                worker.leaving = True
                if all(other.leaving for other in self._workers.values()):
                    self._refuse()

    def _change_log_level(self, sender: _Worker, change: LogLevelChange) -> None:
        """Change the level of the service log here, in the monitor, and in all workers but the one that asked."""
        log_level().change(change)
        logger.warning("the level of the service log is %s now, as worker %d was asked for", change.level, sender.pid)
        if self._monitor is not None:
            self._monitor.change_log_level(change)
        for worker in self._workers.values():
            if worker is not sender:
                worker.log_level = change
                self._send_log_level(worker)

    def _send_log_level(self, worker: _Worker) -> None:
        """Send a worker the change that it does not know; if it cannot take it now, its next numbers are the next try."""
        if worker.log_level is not None:
            with contextlib.suppress(OSError):
                worker.connection.send(_encoder.encode(worker.log_level))
                worker.log_level = None

    def _answer(self, worker: _Worker, question: int) -> None:
        total = merge(_MERGED_FAMILIES, [running.snapshot for running in self._workers.values()], self._ended)
        with contextlib.suppress(OSError):  # the worker has ended, or does not read and will ask again
            worker.connection.send(_encoder.encode(SupervisorReply(question, total)))

    def _remove(self, worker: _Worker) -> None:
        """Remove a worker that has ended."""
        self._selector.unregister(worker.connection)
        del self._workers[worker.connection.fileno()]
        worker.connection.close()
        self._ended = retire(_MERGED_FAMILIES, worker.snapshot, self._ended)
        if self._workers or self.failure:
            return
        if self._answers():
            self._refuse()
        elif cause := _cause_of_end(worker.pid):
            self._fail(worker, f"{cause} before it could answer a request; see the lines above")

    def _fail(self, worker: _Worker, reason: str) -> None:
        reason = " ".join(reason.split())
        if self._answers():
            logger.error("worker %d cannot start, while others answer: %s", worker.pid, reason)
        elif self.failure is None:
            self.failure = reason

    def _answers(self) -> bool:
        """Return whether a worker listens."""
        if self._listener is None or self._listener.fileno() < 0:
            return False
        return bool(self._listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    def _refuse(self) -> None:
        """Stop listening without closing the port; connections that wait to be accepted are reset."""
        if self._answers() and self._listener is not None:
            self._listener.shutdown(socket.SHUT_RD)


def supervise(
    check: Callable[[], object],
    host_problem: Callable[[str], str | None],
    grpc_port: int | None = None,
    make_monitor: Callable[[], MonitorProcess] | None = None,
    log_settings: MonitoringSettings | None = None,
) -> None:
    """Check that the service can start, and prepare this process, BentoML's supervisor, to look after its workers.

    Args:
        check: raises an error if the service cannot be served; its message should name the remedy.
        host_problem: returns the message that refuses to open the port at an address; None if the port may be opened.
        grpc_port: the setting; the port is kept for the workers.
        make_monitor: returns the monitor process; None if the service is not monitored.
        log_settings: the settings of the service log; None if BentoML's log stays.
    """
    if log_settings is not None:
        os.environ[STARTED_BY_VARIABLE] = str(os.getpid())
        configure_log("supervisor", log_settings.log_level, log_settings.log_format)
    with one_line_failure():
        if problem := port_problem(requested_port()):
            raise StartError(problem)
        check()
    if not sys.platform.startswith("linux"):
        guard_next_port(None, host_problem, grpc_port)
        return
    monitor = None if make_monitor is None else make_monitor()
    supervisor = Supervisor(end=lambda: os.kill(os.getpid(), signal.SIGTERM), monitor=monitor)
    os.environ[ADDRESS_VARIABLE] = supervisor.address
    if monitor is not None:
        os.environ[MONITOR_ADDRESS_VARIABLE] = monitor.address
        atexit.register(monitor.close)
    guard_next_port(supervisor.guard, host_problem, grpc_port)
    repeat_quit()
    atexit.register(_exit_with_failure, supervisor)
    supervisor.start()


def keep_grpc_port(host: str, port: int | None) -> None:
    """Keep the port of gRPC for the workers until this process ends.

    Args:
        host: the address on which HTTP listens.
        port: the setting ``grpc_port``; None if there is none.

    Raises:
        StartError: another process has the port.
    """
    if port is None:
        return
    try:
        _reserved_ports.append(reserve_port(host, port))
    except PortError as error:
        raise StartError(str(error)) from error


def guard_next_port(
    guard: Callable[[socket.socket], None] | None,
    host_problem: Callable[[str], str | None] = lambda _: None,
    grpc_port: int | None = None,
) -> None:
    """Pass the port of the service that is about to start to ``guard`` as soon as circus has opened it.

    Only here is the address of the port certain: it comes from ``--host``, BENTOML_HOST or BentoML's configuration.
    The port of gRPC on the same address is reserved then, see ``serving.protocols.grpc.startup``.

    Args:
        guard: receives the listening socket; None if nothing looks after it.
        host_problem: returns the message that refuses to open the port at an address, see ``supervise``.
        grpc_port: the port of gRPC; None if there is none.

    Circus has no hook for this, so its method is replaced until then. `tests/serving/operations/test_supervisor.py` pins its name.
    """
    # Workers import this module too, and need neither of these.
    from _bentoml_impl.server.serving import API_SERVER_NAME
    from circus.sockets import CircusSocket

    original = CircusSocket.bind_and_listen

    def bind_and_guard(listener: Any) -> None:
        with one_line_failure():
            bind(listener)

    def bind(listener: Any) -> None:
        if listener.name != API_SERVER_NAME:
            original(listener)
            return
        CircusSocket.bind_and_listen = original
        if problem := host_problem(str(listener.host)):
            listener.close()
            raise StartError(problem)
        is_fixed = listener.port != 0
        try:
            with _silent("circus"):  # it logs the error without its cause
                original(listener)
        except OSError as error:
            raise StartError(address_problem(str(listener.host), int(listener.port), error)) from error
        keep_grpc_port(listener.host, grpc_port)
        if guard is not None and is_fixed:  # a port that the kernel chose would be lost
            guard(listener)

    CircusSocket.bind_and_listen = bind_and_guard


@contextlib.contextmanager
def _silent(name: str) -> Iterator[None]:
    """Let a logger write nothing during the block."""
    silenced = logging.getLogger(name)
    before, silenced.disabled = silenced.disabled, True
    try:
        yield
    finally:
        silenced.disabled = before


def repeat_quit() -> None:
    """Let circus try again to end after a signal, until it has ended: it ignores a signal that arrives while it starts workers.

    Circus has no setting for this, so its method is replaced. While circus ends, it ignores further tries.
    """
    from circus.sighandler import SysHandler

    original = SysHandler.quit

    def quit_until_ended(handler: Any) -> None:
        loop = handler.controller.loop

        def try_again() -> None:
            original(handler)
            loop.call_later(REPEAT_S, try_again)

        original(handler)
        loop.add_callback_from_signal(loop.call_later, REPEAT_S, try_again)

    SysHandler.quit = quit_until_ended


def _is_child(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).ppid() == os.getpid())
    except psutil.Error:
        return False


def _cause_of_end(pid: int) -> str | None:
    """Return how a worker ended, or None if it was stopped on purpose, by a signal or by circus."""
    try:
        # The process is left for circus to collect. It has closed its connection, so its end is near.
        status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return None
    if status is None:
        return None
    if status.si_code == os.CLD_EXITED:
        return f"worker {pid} ended with code {status.si_status}"
    if status.si_status in STOPPED_BY:
        return None
    return f"worker {pid} was killed by {signal_name(status.si_status)}"


def signal_name(number: int) -> str:
    """Return the name of a signal; most of the real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _exit_with_failure(supervisor: Supervisor) -> None:
    """End this process with an error and the reason as the last line, if there is one."""
    if supervisor.failure is None:
        return
    sys.stdout.flush()
    report_end(supervisor.failure)
    os._exit(1)  # an exit handler cannot set the exit code otherwise


def report_end(reason: str) -> None:
    """Write the reason for which the service ends, as the last line of its output."""
    text = f"{PREFIX}{reason}"
    if os.environ.get(STARTED_BY_VARIABLE) == str(os.getpid()):
        logger.critical("%s", text)
    else:
        print(text, file=sys.stderr, flush=True)  # noqa: T201
