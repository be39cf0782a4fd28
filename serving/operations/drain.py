"""The drain at SIGTERM: readiness is withdrawn, then the port closes, requests in flight are answered, and the process ends.

uvicorn alone closes its port immediately, while BentoML's supervisor still has the socket open: new connections would wait
until they are reset. A load balancer would still send requests. So this module handles the signal first:

1. *leaving*: for ``drain_s`` readyz is 503, and requests are answered as before, but each answer closes its connection. So no
   request is lost while load balancers notice, and connections that are kept alive move to other replicas.
2. *draining*: the port refuses new connections, and idle connections are closed. Requests that had arrived by then are answered.
3. uvicorn gets its signal, and ends.

No client can delay this beyond ``drain_limit_s``: then all connections are closed, also if requests are in flight. If the event
loop itself does not respond, a thread ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from serving.application import Application
from serving.operations.accounting import RequestAccounting
from serving.operations.worker_link import LinkError
from serving.settings import ServingSettings
from serving.state import ServiceState

logger = logging.getLogger("tabento.serving")

LAST_READ_S = 0.05
"""The time between the end of the port and the first refusal: bytes that have reached the computer by then are read."""
LAST_ACCEPTS = 20
"""The largest number of turns of the loop in which connections that wait at the port are accepted before it closes."""
QUIET_TURNS = 3
"""The turns without a further connection before the port closes: asyncio makes a connection in the second turn after its arrival, and
drops it if the port has closed meanwhile."""
LAST_RESORT_S = 5.0
"""The time after the limit at which a thread ends a process that has not ended."""
LAST_RESORT_STATUS = 70
"""The exit status of a process that a thread ended (``EX_SOFTWARE`` of sysexits.h)."""


def drain_on_sigterm(application: Application, loop: asyncio.AbstractEventLoop, settings: ServingSettings) -> None:
    """Drain at SIGTERM, before the present handler runs. Only the main thread gets signals: another thread changes nothing.

    Args:
        application: the application to drain.
        loop: the event loop on which it runs.
        settings: the serving settings.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    previous_handler = signal.getsignal(signal.SIGTERM)
    drain = Drain(application, loop, settings, previous_handler)
    signal.signal(signal.SIGTERM, drain.on_signal)


def start_draining(state: ServiceState, accounting: RequestAccounting, done: Callable[[], object]) -> None:
    """Refuse new predictions, and call ``done`` when every prediction that was accepted is answered."""

    def drain_batchers() -> None:
        batchers = [model.batcher for model in state.live_models()]
        if not batchers:
            done()
            return
        n_open = len(batchers)

        def one_done() -> None:
            nonlocal n_open
            n_open -= 1
            if not n_open:
                done()

        for batcher in batchers:
            batcher.drain(one_done)

    state.start_draining()
    accounting.when_idle(drain_batchers)


class Drain:
    """One drain of one process.

    Args:
        application: the application to drain.
        loop: the event loop on which it runs.
        settings: the serving settings.
        previous_handler: the former handler of SIGTERM: uvicorn's.
        end_process: ends the process immediately, with a status; ``os._exit``.
    """

    def __init__(
        self,
        application: Application,
        loop: asyncio.AbstractEventLoop,
        settings: ServingSettings,
        previous_handler: Any,
        end_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._application = application
        self._loop = loop
        self._settings = settings
        self._previous_handler = previous_handler
        self._end_process = end_process
        self._signal: tuple[int, FrameType | None] = (signal.SIGTERM, None)
        self._ended = False
        self._port_is_closed = False

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Begin to drain; a second signal ends the process immediately."""
        self._signal = number, frame
        signal.signal(signal.SIGTERM, self._on_second_signal)
        limit_s = self._settings.drain_s + self._settings.drain_limit_s
        last_resort = threading.Timer(limit_s + LAST_RESORT_S, self._last_resort)
        last_resort.daemon = True
        last_resort.start()
        self._loop.call_soon_threadsafe(self._begin)

    def _on_second_signal(self, number: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._end)

    def _begin(self) -> None:
        settings, now = self._settings, self._loop.time()
        logger.info(
            "stopping: the service is not ready, and answers requests for %g s more; the process ends within %g s;"
            " an orchestrator's grace period should be longer",
            settings.drain_s,
            settings.drain_s + settings.drain_limit_s + LAST_RESORT_S,
        )
        port_closes = now + settings.drain_s
        self._application.state.start_leaving()
        self._loop.call_at(port_closes, self._end_intake, LAST_ACCEPTS)
        self._loop.call_at(port_closes + settings.drain_limit_s, self._close_all)

    def _end_intake(self, n_turns: int, n_quiet: int = 0) -> None:
        """Close the port and the idle connections, then answer the requests that have arrived.

        Args:
            n_turns: the turns of the loop that may still pass while connections arrive at the port.
            n_quiet: the last turns in which no connection waited at the port.
        """
        if self._port_is_closed:
            return
        n_quiet = 0 if any(map(_has_connections, self._listeners())) else n_quiet + 1
        if n_turns and n_quiet < QUIET_TURNS:
            self._loop.call_soon(self._end_intake, n_turns - 1, n_quiet)
            return
        self._close_port()
        for server in self._servers():
            for connection in list(server.server_state.connections):
                connection.shutdown()
        self._loop.call_later(LAST_READ_S, self._drain)

    def _drain(self) -> None:
        """Refuse new predictions; when all accepted ones are answered, end."""
        if not self._ended:
            start_draining(self._application.state, self._application.accounting, self._end)

    def _end(self) -> None:
        """Close the port, and give uvicorn its signal."""
        if self._ended:
            return
        self._ended = True
        self._application.state.start_draining()
        self._close_port()
        signal.signal(signal.SIGTERM, self._previous_handler)
        if callable(self._previous_handler):
            self._previous_handler(*self._signal)
        else:
            signal.raise_signal(signal.SIGTERM)

    def _close_port(self) -> None:
        """Accept no more connections, and let the supervisor, which also has the listening socket, refuse them."""
        if self._port_is_closed:
            return
        self._port_is_closed = True
        if self._settings.workers == 1:
            # Until the supervisor hears of it, a port that only this worker reads would accept connections to reset them.
            for listener in self._listeners():
                _refuse(listener)
        # uvicorn would close its listeners up to a tenth of a second later.
        for server in self._servers():
            for listening in server.servers:
                listening.close()
        if self._application.grpc is not None:
            self._application.grpc.close()
        link = self._application.accounting.metrics.link
        if link is not None:
            with contextlib.suppress(LinkError):
                link.leave()

    def _servers(self) -> list[Any]:
        """Return uvicorn's server: its handler of the signal is a method of it."""
        server = getattr(self._previous_handler, "__self__", None)
        return [server] if hasattr(server, "servers") else []

    def _listeners(self) -> list[Any]:
        """Return the sockets at which this process accepts connections."""
        return [
            listener for server in self._servers() for listening in server.servers for listener in listening.sockets
        ]

    def _close_all(self) -> None:
        """Close the remaining connections, and end."""
        n_closed = self._application.table.abort_all()
        if n_closed:
            logger.warning("%d connections were closed because the time for draining is over", n_closed)
        self._end()
        # uvicorn checks its connections ten times a second; connections that were opened since are closed as well.
        self._loop.call_later(0.05, self._close_all)

    def _last_resort(self) -> None:
        sys.stderr.write("tabento: the event loop did not end in time; the process is ended\n")
        sys.stderr.flush()
        self._end_process(LAST_RESORT_STATUS)


def _has_connections(listener: Any) -> bool:
    """Return whether connections wait to be accepted at a socket that listens."""
    poll = select.poll()
    poll.register(listener.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _refuse(listener: Any) -> None:
    """Let the port of a socket refuse connections, also for other processes that have the socket."""
    with socket.socket(fileno=os.dup(listener.fileno())) as own, contextlib.suppress(OSError):
        own.shutdown(socket.SHUT_RD)
