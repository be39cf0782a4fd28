"""A real monitor for tests: it listens on its own socket in a thread, and services of this process record for it."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from monitoring.link import ADDRESS_VARIABLE
from monitoring.part import MonitorPart
from monitoring.process.monitor import Monitor
from monitoring.records import ModelDescription
from monitoring.rows import MonitoredModel
from serving.operations.metrics import FAMILIES
from serving.settings import ServingSettings
from tabento.bundle.contract import Contract
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import application_of, serving

T = TypeVar("T")


class RunningMonitor:
    """A monitor in a thread.

    Args:
        parts: its parts.
    """

    def __init__(self, parts: Sequence[MonitorPart]) -> None:
        self.address = f"tabento-test-{os.getpid()}-{secrets.token_hex(8)}"
        """The name of its socket."""
        self.monitor = Monitor(parts, FAMILIES)
        self.loop = asyncio.new_event_loop()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(f"\0{self.address}")
        self._listener.listen()
        self._thread = threading.Thread(target=self.loop.run_forever, name="monitor")

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self.run(lambda: self.loop.create_task(self.monitor.start(self._listener)))

    def run(self, function: Callable[[], T]) -> T:
        """Run a function on the monitor's loop, and return its result."""

        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def stop(self) -> None:
        """Close all parts, as at the end of the process."""
        asyncio.run_coroutine_threadsafe(self.monitor.stop(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(30)
        self.loop.close()


@contextmanager
def running_monitor(*parts: MonitorPart) -> Iterator[RunningMonitor]:
    """Run a monitor until the end of the block; it then reads the last records and closes its parts."""
    monitor = RunningMonitor(parts)
    monitor.start()
    try:
        yield monitor
    finally:
        monitor.stop()


@contextmanager
def monitored_service(
    folder: Path, *parts: MonitorPart, settings: ServingSettings | None = None, contract: Contract | None = None
) -> Iterator[tuple[str, RunningMonitor]]:
    """Serve the orchard's bundle, or the bundle of a contract, with a monitor; yield the service's address and the monitor.

    After the block the parts have all records of the service.
    """
    settings = settings or ServingSettings(slo_p99_ms=60_000)
    with running_monitor(*parts) as monitor, pytest.MonkeyPatch.context() as patch:
        patch.setenv(ADDRESS_VARIABLE, f"{os.getppid()}:{monitor.address}")
        application = application_of(folder, settings.model_copy(update={"monitoring": True}), contract)
        with serving(application) as address:
            wait_until(lambda: len(monitor.monitor.workers) == 1, "the service to connect to its monitor")
            yield address, monitor


def monitored_model(monitor: Monitor, folder: Path, tag: str, row_values: int) -> MonitoredModel:
    """Return the monitored model of a bundle's folder."""
    model = monitor.add_model(ModelDescription(0, tag, "champion", str(folder), row_values, 10.0))
    assert model is not None
    return model
