"""Monitoring, as a worker sees it: the recorder of its predictions, and its connection to the monitor process."""

from __future__ import annotations

import asyncio
import time

from monitoring.link import MonitorLink, monitor_address
from monitoring.recorder import Recorder
from monitoring.records import ModelDescription, PartHealth, WorkerNumbers
from monitoring.snapshots import Family, Series, Snapshot
from serving.operations.health import ComponentReport, HealthRegistry
from serving.settings import ServingSettings

FAMILIES = (
    Family("tabento_recorded_rows", "counter", "Predicted rows that were recorded for the monitor."),
    Family(
        "tabento_monitor_dropped_rows",
        "counter",
        "Predicted rows that the monitor never handled, by reason: full, down, lost.",
        ("reason",),
    ),
    Family(
        "tabento_monitor_dropped_errors",
        "counter",
        "Requests with an error that the monitor never got, by reason: full, down.",
        ("reason",),
    ),
    Family("tabento_monitor_up", "sum", "Worker processes that are connected to the monitor process."),
)
SILENT_S = 5.0
"""The seconds without a message of the monitor, which sends one each second, after which it hangs."""


class Monitoring:
    """The recorder of this worker and its connection.

    Args:
        address: the name of the monitor's socket.
        buffer_bytes: the largest number of bytes that wait for the monitor.
    """

    def __init__(self, address: str, buffer_bytes: int) -> None:
        self.link = MonitorLink(address, buffer_bytes)
        self.recorder = Recorder(self.link)
        self._keys: dict[tuple[str, str], int] = {}

    def start(self, loop: asyncio.AbstractEventLoop, health: HealthRegistry) -> None:
        """Connect to the monitor, and send the records at intervals."""
        self.link.start()
        self.recorder.start(loop)
        health.add("monitoring", False, self.report)

    async def stop(self) -> None:
        """Send the last records, and close the connection."""
        self.recorder.stop()
        await self.link.stop()

    def add_model(self, tag: str, variant: str, folder: str, row_values: int, slo_ms: float) -> int:
        """Describe a version of a model in one of its roles; return its key in the records. Called again, the key is the same."""
        key = self._keys.get((tag, variant))
        if key is not None:
            return key
        key = self._keys[tag, variant] = len(self._keys)
        self.link.add_model(ModelDescription(key, tag, variant, folder, row_values, slo_ms))
        return key

    def send_numbers(self, snapshot: Snapshot) -> None:
        """Send the metrics of this worker to the monitor."""
        self.link.send(WorkerNumbers(snapshot))

    def report(self) -> ComponentReport:
        """Return the state of the monitor and its parts: never worse than degraded, since predictions go on."""
        numbers = self.link.numbers
        if numbers is None:
            return ComponentReport("degraded", "the monitor process is not connected; predictions are not recorded")
        silent_s = time.monotonic() - self.link.numbers_s
        if silent_s > SILENT_S:
            return ComponentReport(
                "degraded", f"the monitor process has been silent for {silent_s:.0f} s; records wait, or are dropped"
            )
        return _report(numbers.health)


def _report(states: list[PartHealth]) -> ComponentReport:
    faults = [f"{state.name}: {state.message}" for state in states if state.status != "healthy"]
    return ComponentReport("degraded", "; ".join(faults)) if faults else ComponentReport("healthy", "")


def monitoring_values(monitoring: Monitoring | None) -> dict[str, Series]:
    """Return the values of ``FAMILIES``; all are 0 without monitoring."""
    if monitoring is None:
        return {family.name: {} if family.labels else {(): 0} for family in FAMILIES}
    link = monitoring.link
    return {
        "tabento_recorded_rows": {(): monitoring.recorder.rows},
        "tabento_monitor_dropped_rows": {(reason,): count for reason, count in link.dropped_rows.items()},
        "tabento_monitor_dropped_errors": {(reason,): count for reason, count in link.dropped_errors.items()},
        "tabento_monitor_up": {(): int(link.is_connected)},
    }


def build_monitoring(settings: ServingSettings) -> Monitoring | None:
    """Return the monitoring of this worker; None if it is off, or if no supervisor has a monitor process."""
    address = monitor_address() if settings.monitoring else None
    return None if address is None else Monitoring(address, settings.monitoring_buffer_bytes)
