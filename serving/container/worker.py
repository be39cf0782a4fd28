"""A worker of an image: uvicorn's server with the application of ``serving``, in a forked process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from dataclasses import replace
from types import FrameType

import uvicorn

from monitoring.service_log.configure import configure_log
from serving.application import Application
from serving.container.command import FAILED
from serving.container.pages import Pages
from serving.container.service import BACKLOG, Service
from serving.container.start_clock import StartClock
from serving.cors import with_options
from serving.fastpath.install import install
from serving.fleet.starting_bundle import starting_bundle
from serving.http import Message, Receive, Scope, Send
from serving.model import ServedModel
from serving.operations.drain import drain_on_sigterm
from serving.operations.start_failure import is_expected, reason_of, silence_libraries
from serving.operations.worker_link import LinkError, WorkerLink, connect
from serving.tls import install_tls

logger = logging.getLogger("tabento.serving")


class WorkerApplication:
    """The innermost application of a worker: it starts the service and answers the paths of BentoML's own application.

    Args:
        service: the service, which was checked.
        clock: the clock of the start; None if this worker takes another's place.
    """

    def __init__(self, service: Service, clock: StartClock | None) -> None:
        self._service = service
        self._clock = clock
        self._pages = Pages(service.source, service.bento)
        self.application: Application | None = None
        """The application around this one, which begins to answer at the start."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop; see the ASGI specification, version 3."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._pages(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        message: Message = await receive()
        try:
            self._start()
        except Exception as error:
            assert self.application is not None
            _report(error, self.application.metrics.link)
            await send({"type": "lifespan.startup.failed"})
            return
        await send({"type": "lifespan.startup.complete"})
        message = await receive()
        assert message["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})

    def _start(self) -> None:
        """Load the model and begin to answer."""
        assert self.application is not None
        settings = self._service.settings
        served = ServedModel(self._service.bundle, settings)
        _end_phase(self._clock, "model")
        self.application.serve(served)
        drain_on_sigterm(self.application, asyncio.get_running_loop(), settings)


class WorkerServer(uvicorn.Server):
    """uvicorn's server, which logs the durations of the start when it listens.

    Args:
        config: uvicorn's configuration.
        clock: the clock of the start; None if this worker takes another's place.
    """

    def __init__(self, config: uvicorn.Config, clock: StartClock | None) -> None:
        super().__init__(config)
        self._clock = clock

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End at SIGTERM. A terminal sends SIGINT to all processes; the first one then asks this worker to drain."""
        if sig != signal.SIGINT:
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, and listen."""
        await super().startup(sockets=sockets)
        if self._clock is not None and self.started:
            self._clock.end_phase("listening")
            logger.info("ready after %s", self._clock.describe())


def _end_phase(clock: StartClock | None, name: str) -> None:
    if clock is not None:
        clock.end_phase(name)


def run_worker(service: Service, listener: socket.socket, clock: StartClock | None = None) -> int:
    """Serve until a signal or a failure; return the exit code of the process.

    Args:
        service: the service, which was checked.
        listener: the port, which this worker makes listen when it is ready.
        clock: the clock of the start; None if this worker takes another's place.
    """
    settings = service.settings
    configure_log("worker", settings.log_level, settings.log_format)
    # The server of gRPC finds the address of HTTP in the arguments of BentoML's worker.
    sys.argv[1:] = ["--fd", str(listener.fileno())]
    link = connect()
    try:
        if clock is None:  # the champion may be another one by now
            service = replace(service, bundle=starting_bundle(settings, service.tag))
        server = _build_server(service, link, clock)
    except Exception as error:
        _report(error, link)
        return FAILED
    server.run(sockets=[listener])
    return 0 if server.started else FAILED


def _build_server(service: Service, link: WorkerLink | None, clock: StartClock | None) -> WorkerServer:
    settings = service.settings
    inner = WorkerApplication(service, clock)
    inner.application = application = Application(inner, settings)
    application.metrics.link = link
    install()
    install_tls(settings)
    certificate = settings.tls_certificate_file
    # The options are those of BentoML's worker.
    config = uvicorn.Config(
        with_options(application, settings),
        backlog=BACKLOG,
        log_config=None,
        ssl_certfile=None if certificate is None else str(certificate),
        server_header=False,
    )
    _end_phase(clock, "application")
    return WorkerServer(config, clock)


def _report(error: Exception, link: WorkerLink | None) -> None:
    """Report to the supervisor why this worker cannot start: it would fail again after each restart."""
    logger.log(logging.DEBUG if is_expected(error) else logging.ERROR, "this worker cannot start", exc_info=error)
    silence_libraries(error)
    if link is not None:
        with contextlib.suppress(LinkError):
            link.fail(reason_of(error))
