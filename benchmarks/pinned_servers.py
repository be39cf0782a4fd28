"""Services that share one core and are measured in turns, so that the computer's load affects all of them alike."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil

from benchmarks.bodies import BenchModel
from benchmarks.loadgen.requests import Requests
from benchmarks.process import get, serve_bento
from benchmarks.run import GENERATOR_CORE, SERVER_CORE, SLO_MS
from benchmarks.scenarios import Target, warm_up

CPU_RUN_S = 3.0
"""The duration of a run that measures processor time."""
REPEATS = 6
"""The number of runs of each load on each service, in turns."""
_SERIES = re.compile(rb"^(tabento_\S+) (\S+)$", re.M)
_Server = TypeVar("_Server")


@dataclass(frozen=True)
class PinnedServer:
    """A running service on the servers' core."""

    target: Target
    worker: psutil.Process
    """The process that answers."""
    monitor: psutil.Process | None = None
    """The monitor process, if the service has one."""

    def read_metrics(self) -> dict[str, float]:
        """Return the metrics of the service by their names with labels."""
        text = get(f"{self.target.address}/metrics") or b""
        return {name.decode(): float(value) for name, value in _SERIES.findall(text)}

    def cpu_s(self, of_monitor: bool = False) -> float:
        """Return the processor time that the worker, or the monitor process, has used, in seconds."""
        process = self.monitor if of_monitor and self.monitor is not None else self.worker
        return float(sum(process.cpu_times()[:2]))


def start_pinned(
    up: ExitStack, model: BenchModel, requests: Requests, folder: Path, environment: Mapping[str, str]
) -> PinnedServer:
    """Start a service on the servers' core, and warm it up.

    Args:
        up: ends the service.
        model: the model.
        requests: the requests that it will get.
        folder: the checkout that it runs.
        environment: variables to add.

    Raises:
        BenchmarkError: the service does not start.
    """
    server = up.enter_context(
        serve_bento(
            sys.executable,
            *("service:Tabento", "--arg", f"model={model.tag}"),
            cwd=folder,
            environment={"BENTOML_DO_NOT_TRACK": "True", "OMP_NUM_THREADS": "1", **environment},
            cores=frozenset({SERVER_CORE}),
        )
    )
    target = Target(server.address, requests, SLO_MS.get(model.name, 10.0) / 1000, core=GENERATOR_CORE)
    warm_up(target)
    children = psutil.Process(server.pid).children()
    monitor = next((child for child in children if "monitoring" in child.cmdline()), None)
    worker = max((child for child in children if child != monitor), key=lambda child: child.memory_info().rss)
    return PinnedServer(target, worker, monitor)


def alternating(servers: Mapping[str, _Server], number: int) -> list[tuple[str, _Server]]:
    """Return the services in an order that changes with each repeat: the first and the second service are not measured under the same conditions."""
    order = list(servers.items())
    return order if number % 2 else order[::-1]


def measure_cpu_us(
    servers: Mapping[str, PinnedServer], rate_per_s: float, of_monitor: bool = False
) -> dict[str, list[float]]:
    """Return the processor time of a request on each service, in microseconds, as median, minimum and maximum of the runs.

    Processor time is more exact than the held rate, and does not depend on other programs of the computer.

    Args:
        servers: the services by name.
        rate_per_s: the rate of requests.
        of_monitor: whether the time of the monitor process is measured instead of the worker's.
    """
    cpu_us: dict[str, list[float]] = {name: [] for name in servers}
    for number in range(REPEATS):
        for name, server in alternating(servers, number):
            start_s = server.cpu_s(of_monitor)
            run = server.target.poisson(rate_per_s, CPU_RUN_S, 301 + number)
            cpu_us[name].append((server.cpu_s(of_monitor) - start_s) / len(run.latencies_s()) * 1e6)
    return {
        name: [round(float(value), 2) for value in (np.median(times_us), min(times_us), max(times_us))]
        for name, times_us in cpu_us.items()
    }
