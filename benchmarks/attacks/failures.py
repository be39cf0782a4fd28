"""Failures under load: a worker is killed, the disk is full, the service is told to stop. Every failed request is explained.

A request counts as explained if it was on a connection of the killed worker, if the service had not accepted its
connection, or if it was refused with 503. A request that the service accepted and that is lost for another reason is a fault.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from benchmarks.attacks.watched_clients import RecordedRequest, WatchedClients
from benchmarks.process import BenchmarkError, get
from benchmarks.siege.service import BesiegedService, besieged

BEFORE_S = 2.0
AFTER_S = 5.0
END_S = 60.0
"""The seconds within which the processes of a stopped service must end."""
WORKERS = 2


@dataclass
class Failure:
    """The results of one failure under load."""

    name: str
    requests: int
    outcomes: dict[str, int]
    explained: dict[str, int] = field(default_factory=dict)
    """The number of failed requests by explanation."""
    unexplained: int = 0
    """Accepted requests that were lost, or got no answer, without an explanation."""
    wrong: int = 0
    """Answers to another request, or with another number."""
    longest_gap_s: float = 0.0
    """The longest time without a right answer, in seconds, before the end of the service."""
    recovered: bool = True
    """Whether the service was as before afterwards, or ended in time if it was told to stop."""

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON."""
        return asdict(self)


def explain(
    name: str, requests: Sequence[RecordedRequest], explanations: Callable[[RecordedRequest], str | None]
) -> Failure:
    """Return the results of a failure.

    Args:
        name: the failure.
        requests: all requests of the clients.
        explanations: returns the explanation of a request that was lost or found no connection; None if there is none.
    """
    outcomes = Counter(str(item.outcome) for item in requests)
    explained: Counter[str] = Counter()
    unexplained = 0
    for item in requests:
        if item.outcome == "refused":
            explained["refused with 503"] += 1
        elif item.outcome in ("lost", "hung", "no connection"):
            text = explanations(item) if item.outcome != "hung" else None
            if text is None:
                unexplained += 1
            else:
                explained[text] += 1
    times = sorted(item.ended_s for item in requests if item.outcome == "right")
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return Failure(
        name=name,
        requests=len(requests),
        outcomes=dict(sorted(outcomes.items())),
        explained=dict(sorted(explained.items())),
        unexplained=unexplained,
        wrong=outcomes["wrong"],
        longest_gap_s=round(max(gaps, default=0.0), 3),
    )


def kill_worker(folder: Path, seed: int) -> Failure:
    """Kill one of two workers with SIGKILL under load.

    Args:
        folder: the model store.
        seed: of the clients.
    """
    with besieged(folder, environment={"TABENTO_WORKERS": str(WORKERS)}) as service:
        return asyncio.run(_kill_worker(service, seed))


async def _kill_worker(service: BesiegedService, seed: int) -> Failure:
    clients = WatchedClients(service.port, seed)
    await asyncio.sleep(BEFORE_S)
    workers = _workers(service)
    victim = max(workers, key=lambda process: len(_client_ports(process)))
    ports = _client_ports(victim)
    killed_s = time.perf_counter()
    victim.kill()
    await asyncio.sleep(AFTER_S)
    requests = await clients.stop()

    def explanation(item: RecordedRequest) -> str | None:
        if item.local_port in ports:
            return "on a connection of the killed worker"
        if item.is_first and item.outcome == "lost" and item.ended_s - item.seconds <= killed_s <= item.ended_s:
            return "connection not yet accepted"
        return None

    failure = explain("kill -9 of one of two workers", requests, explanation)
    failure.recovered = await _becomes_true(
        lambda: len(_workers(service)) == len(workers) and get(f"{service.address}/readyz") is not None
    )
    return failure


def fill_disk(folder: Path, seed: int) -> Failure:
    """Let every write to a file fail under load, as on a full disk, with the access log in a file.

    The limit of the size of files (``RLIMIT_FSIZE``) of the running processes is set to the present size of the log. It needs
    no privilege, and each further write to a file fails.

    Args:
        folder: the model store.
        seed: of the clients.
    """
    with (folder / "access.log").open("w+b") as log:
        environment = {"TABENTO_ACCESS_LOG": "true", "TABENTO_WORKERS": str(WORKERS)}
        with besieged(folder, environment=environment, log=log) as service:
            return asyncio.run(_fill_disk(service, folder / "access.log", seed))


async def _fill_disk(service: BesiegedService, log: Path, seed: int) -> Failure:
    clients = WatchedClients(service.port, seed)
    await asyncio.sleep(BEFORE_S)
    if not log.stat().st_size:
        raise BenchmarkError(f"the access log {log.name} is empty, so that a full disk would change nothing")
    for process in _family(service):
        process.rlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    size_at_limit = log.stat().st_size
    await asyncio.sleep(AFTER_S)
    requests = await clients.stop()
    if log.stat().st_size > size_at_limit:
        raise BenchmarkError(f"the access log {log.name} has grown, so that the disk was not full")
    failure = explain("full disk", requests, lambda _: None)
    for process in _family(service):
        process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    failure.recovered = await _becomes_true(lambda: get(f"{service.address}/readyz") is not None)
    return failure


def stop_service(folder: Path, seed: int) -> Failure:
    """Send SIGTERM to the service under load.

    Args:
        folder: the model store.
        seed: of the clients.
    """
    log_path = folder / "requests.log"
    environment = {"TABENTO_ACCESS_LOG": "true", "TABENTO_WORKERS": str(WORKERS)}
    with log_path.open("w+b") as log, besieged(folder, environment=environment, log=log) as service:
        return asyncio.run(_stop_service(service, log_path, seed))


async def _stop_service(service: BesiegedService, log: Path, seed: int) -> Failure:
    clients = WatchedClients(service.port, seed)
    await asyncio.sleep(BEFORE_S)
    family = _family(service)
    stopped_s = time.perf_counter()
    os.kill(service.pid, signal.SIGTERM)
    has_ended = await _becomes_true(lambda: not any(map(_is_alive, family)))
    requests = await clients.stop()

    logged = log.read_text(encoding="utf-8", errors="replace")

    def explanation(item: RecordedRequest) -> str | None:
        if item.ended_s < stopped_s or (item.request_id and f'"{item.request_id}"' in logged):
            return None
        if item.outcome == "no connection":
            return "port closed after SIGTERM"
        return "connection not accepted before the port closed, and not in the access log" if item.is_first else None

    failure = explain("SIGTERM", requests, explanation)
    failure.recovered = has_ended
    return failure


def _family(service: BesiegedService) -> list[psutil.Process]:
    supervisor = psutil.Process(service.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def _workers(service: BesiegedService) -> list[psutil.Process]:
    """Return the processes that have accepted connections of clients."""
    processes = []
    for process in _family(service)[1:]:
        with suppress(psutil.Error):
            if _is_alive(process) and any(item.laddr.port == service.port for item in process.net_connections("tcp")):
                processes.append(process)
    return processes


def _client_ports(process: psutil.Process) -> frozenset[int]:
    """Return the ports of the clients that a process is connected to."""
    connections = process.net_connections("tcp")
    return frozenset(item.raddr.port for item in connections if item.status == psutil.CONN_ESTABLISHED)


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


async def _becomes_true(condition: Callable[[], bool]) -> bool:
    """Return whether a condition becomes true within ``END_S``."""
    end_s = time.perf_counter() + END_S
    while time.perf_counter() < end_s:
        if await asyncio.to_thread(condition):
            return True
        await asyncio.sleep(0.05)
    return False
