"""The besieged service as its operator sees it: a process, its metrics, its memory."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.process import BenchmarkError, get, run, served


@dataclass(frozen=True)
class BesiegedService:
    """A running ``bentoml serve`` with one worker."""

    address: str
    """``http://127.0.0.1:port``."""
    pid: int
    """The supervisor."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])

    @property
    def worker(self) -> psutil.Process:
        """The process that answers: of the supervisor's descendants the largest."""
        family = psutil.Process(self.pid).children(recursive=True)
        if not family:
            raise BenchmarkError("the service has no worker any more")
        return max(family, key=lambda process: process.memory_info().rss)

    def metric(self, name: str) -> float | None:
        """Return the sum of a metric over its labels; None if the service has no such metric.

        Raises:
            BenchmarkError: the service does not answer.
        """
        page = get(f"{self.address}/metrics")
        if page is None:
            raise BenchmarkError(f"{self.address}/metrics did not answer with success")
        values = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)", page.decode(), re.MULTILINE)
        return sum(map(float, values)) if values else None

    def rss_mib(self) -> float:
        """Return the memory that the worker holds, in MiB."""
        return float(self.worker.memory_info().rss / 2**20)

    def cpu_s(self) -> float:
        """Return the processor time that the worker has taken, in seconds."""
        times = self.worker.cpu_times()
        return float(times.user + times.system)


@contextmanager
def besieged(
    folder: Path, *, core: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[BesiegedService]:
    """Serve the siege's model from a model store of its own.

    Args:
        folder: holds the store.
        core: where the service stays; None leaves it to the system.
        environment: more variables for it.

    Raises:
        BenchmarkError: it did not get ready.
    """
    home = {"BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}
    tag = run(sys.executable, "-m", "benchmarks.siege.model", **home).splitlines()[-1]
    arguments = ("service:Tabento", "--arg", f"model={tag}")
    environment = {**home, **(environment or {})}
    workers: list[psutil.Process] = []
    try:
        with served(sys.executable, *arguments, environment=environment, core=core) as server:
            workers += psutil.Process(server.pid).children(recursive=True)
            yield BesiegedService(server.address, server.pid)
    finally:
        # A supervisor that had to be killed leaves its workers behind.
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.kill()
