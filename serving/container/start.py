"""The start of the service in an image: settings, bundle and port are checked before a worker is forked."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import sys
from pathlib import Path

from monitoring.service_log.configure import STARTED_BY_VARIABLE, configure_log
from serving.container.bento_file import find_bento
from serving.container.command import FAILED, Address
from serving.container.process import ServiceProcess
from serving.container.service import BACKLOG, Service
from serving.container.start_clock import StartClock
from serving.fleet.starting_bundle import fetch_if_missing, starting_bundle
from serving.guards.exposure import exposure_problem
from serving.operations.listen_address import address_problem
from serving.operations.metrics import FAMILIES
from serving.operations.monitor_process import MonitorProcess
from serving.operations.start_failure import log_failure
from serving.operations.supervisor import StartError, keep_grpc_port
from serving.packed_bundle import choose_packed
from serving.packed_models import split_tags, with_packed_models
from serving.settings import load_settings
from serving.start_checks import check_bundle, check_settings
from tabento.bundle.store import BENTO_VARIABLE


def prepare(source: Path) -> Service:
    """Read the settings, find the bundle, and check both.

    Args:
        source: the folder of ``service.py``.

    Raises:
        SettingsError, KeysError, BundleError, BentoFileError: the service cannot start; the message names the remedy.
    """
    bento = find_bento(source)
    if bento is not None:
        os.environ[BENTO_VARIABLE] = str(bento.folder)
    packed_tags = () if bento is None else split_tags(bento.further_models)
    settings = with_packed_models(load_settings(source), packed_tags)
    check_settings(settings)
    requested = settings.model if bento is None or bento.model is None else bento.model
    fetch_if_missing(settings, requested)
    tag = requested if bento is None else choose_packed(bento.tag, bento.model_tags, requested)
    bundle = starting_bundle(settings, tag)
    check_bundle(bundle, settings)
    return Service(source, settings, bundle, bento, tag if ":" in tag else bundle.tag)


def open_port(address: Address) -> socket.socket:
    """Bind the port of the service. It refuses connections until a worker listens.

    Raises:
        StartError: another process has the port, or the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener, chooser = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_STREAM)
    for port_socket in (listener, chooser):
        port_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        with chooser:
            # A port that the kernel chooses for a socket is lost when this socket stops listening; one that is named is kept.
            chooser.bind((address.host, address.port))
            listener.bind((address.host, chooser.getsockname()[1]))
        listener.listen(BACKLOG)  # finds another listener, which the bind alone does not
        listener.shutdown(socket.SHUT_RD)
    except OSError as error:
        listener.close()
        raise StartError(address_problem(address.host, address.port, error)) from error
    return listener


def serve(address: Address, source: Path, clock: StartClock) -> int:
    """Serve until a signal or a failure ends the service; return the exit code.

    Args:
        address: the address of the port.
        source: the folder of ``service.py``.
        clock: the clock of the start.
    """
    if not sys.platform.startswith("linux"):
        log_failure(StartError("the server of an image needs Linux. Use `bentoml serve` on other systems."))
        return FAILED
    os.environ[STARTED_BY_VARIABLE] = str(os.getpid())
    with contextlib.ExitStack() as stack:
        try:
            configure_log("supervisor", "info", "auto")
            # Workers open the graph; what is imported before the fork is shared. `tabento.bundle` has switched off its reports.
            import onnxruntime  # noqa: F401

            clock.end_phase("imports")
            service = prepare(source)
            clock.end_phase("checks")
            settings = service.settings
            configure_log("supervisor", settings.log_level, settings.log_format)
            if problem := exposure_problem(address.host, settings):
                raise StartError(problem)
            listener = stack.enter_context(open_port(address))
            keep_grpc_port(address.host, settings.grpc_port)
        except Exception as error:
            log_failure(error)
            return FAILED
        monitor = MonitorProcess(settings, FAMILIES, source) if settings.monitoring else None
        # All objects made so far stay, and are shared with the workers: a collection would copy the pages of each.
        gc.freeze()
        gc.enable()
        clock.end_phase("port")
        return ServiceProcess(service, listener, monitor, clock).run()
