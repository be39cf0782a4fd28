"""What happens at SIGTERM: requests in flight are answered, new ones get 503, then the port closes and the process ends.

uvicorn alone closes its port at once, while BentoML's supervisor still holds the socket: new connections would hang until
they are reset. So the signal comes here first. Readiness goes down and new predictions get 503 while a load balancer takes
notice (``drain_s``). Then uvicorn gets its signal and closes. Nothing that a client does, or fails to do, can hold this up
beyond ``drain_limit_s``: connections are then closed under whatever is in flight, and should the event loop itself be
stuck, a thread ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from serving.application import Application
from serving.settings import ServingSettings
from serving.worker_link import LinkError

logger = logging.getLogger("tabento.serving")

LAST_RESORT_S = 5.0
"""How long after its limit a process that is still there is ended from a thread."""
LAST_RESORT_STATUS = 70
"""The exit status of a process that had to be ended so (``EX_SOFTWARE`` of sysexits.h)."""


def drain_on_sigterm(application: Application, loop: asyncio.AbstractEventLoop, settings: ServingSettings) -> None:
    """Put draining in front of what SIGTERM does now; outside the main thread, which gets no signals, nothing changes.

    Args:
        application: what is drained.
        loop: the event loop on which it runs.
        settings: the serving settings.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    drain = Drain(application, loop, settings, before)
    signal.signal(signal.SIGTERM, drain.on_signal)


class Drain:
    """One drain of one process.

    Args:
        application: what is drained.
        loop: the event loop on which it runs.
        settings: the serving settings.
        before: what SIGTERM did before: uvicorn's handler.
        end_process: ends the process at once, with a status; ``os._exit``.
    """

    def __init__(
        self,
        application: Application,
        loop: asyncio.AbstractEventLoop,
        settings: ServingSettings,
        before: Any,
        end_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._application = application
        self._loop = loop
        self._settings = settings
        self._before = before
        self._end_process = end_process
        self._signal: tuple[int, FrameType | None] = (signal.SIGTERM, None)
        self._ended = False

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Begin to drain; a second signal ends at once."""
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
            "stopping: requests get 503 for %g s, and the process ends within %g s;"
            " an orchestrator's grace period should be longer",
            settings.drain_s,
            settings.drain_s + settings.drain_limit_s + LAST_RESORT_S,
        )
        port_closes = now + settings.drain_s
        self._application.drain(lambda: self._loop.call_at(port_closes, self._end))
        self._loop.call_at(port_closes + settings.drain_limit_s, self._give_up)

    def _end(self) -> None:
        """Close the port, and give uvicorn its signal."""
        if self._ended:
            return
        self._ended = True
        self._close_port()
        signal.signal(signal.SIGTERM, self._before)
        if callable(self._before):
            self._before(*self._signal)
        else:
            signal.raise_signal(signal.SIGTERM)

    def _close_port(self) -> None:
        """Accept no more connections, and let the supervisor, which holds the listening socket as well, refuse them."""
        # uvicorn's handler is a method of its server, and would close its listeners up to a tenth of a second later.
        for server in getattr(getattr(self._before, "__self__", None), "servers", ()):
            server.close()
        link = self._application.metrics.link
        if link is not None:
            with contextlib.suppress(LinkError):
                link.leave()

    def _give_up(self) -> None:
        """Close the connections that are left, and end."""
        left = self._application.give_up()
        if left:
            logger.warning("%d connections were closed because the time for draining is over", left)
        self._end()
        # uvicorn looks at its connections ten times a second; those that came since are closed as well.
        self._loop.call_later(0.05, self._give_up)

    def _last_resort(self) -> None:
        sys.stderr.write("tabento: the event loop did not end in time; the process is ended\n")
        sys.stderr.flush()
        self._end_process(LAST_RESORT_STATUS)
