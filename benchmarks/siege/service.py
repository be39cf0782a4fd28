"""The besieged service as its operator sees it: a process, its metrics, its memory."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from benchmarks.process import BenchmarkError, get, run, serve_bento


@dataclass(frozen=True)
class BesiegedService:
    """A running ``bentoml serve`` with one worker."""

    address: str
    """``http://127.0.0.1:port``."""
    pid: int
    """The supervisor."""

    @property
    def port(self) -> int:
        """The port of the service."""
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
    folder: Path,
    *,
    cores: frozenset[int] | None = None,
    environment: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[BesiegedService]:
    """Serve the siege's model from its own model store.

    Args:
        folder: the folder of the model store, which gets the model if it has none.
        cores: the cores of the service; None for any.
        environment: more variables for it.
        log: the file of its output; None discards the output.

    Raises:
        BenchmarkError: it did not get ready.
    """
    home = {"BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}
    tag = ensure_model(folder)
    arguments = ("service:Tabento", "--arg", f"model={tag}")
    environment = {**home, **(environment or {})}
    with serve_bento(sys.executable, *arguments, environment=environment, cores=cores, log=log) as server:
        yield BesiegedService(server.address, server.pid)


def ensure_model(folder: Path) -> str:
    """Return the tag of the siege's model in a model store, which gets the model if it has none.

    Args:
        folder: the folder of the model store.
    """
    variables = {"BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}
    return _stored_tag(folder) or run(sys.executable, "-m", "benchmarks.siege.model", **variables).splitlines()[-1]


def _stored_tag(folder: Path) -> str | None:
    """Return the tag of the model in a store; None if the store is empty."""
    latest = next((folder / "models").glob("*/latest"), None)
    return None if latest is None else f"{latest.parent.name}:{latest.read_text(encoding='utf-8').strip()}"
