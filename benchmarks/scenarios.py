"""The questions that are put to a server under load, one function each; every answer is ready for JSON.

Each takes rates and a target, which has the server's address and the requests. No scenario starts or stops a server.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psutil

from benchmarks.loadgen.requests import Requests
from benchmarks.loadgen.result import LoadResult
from benchmarks.loadgen.run import loopback, run_load
from benchmarks.loadgen.schedule import Schedule, mmpp, poisson
from benchmarks.search import find_capacity

SOAK_PART_S = 60.0
"""A soak runs in parts of this length, so that its records stay small; between them all answers are waited for."""
SOAK_SETTLED_SHARE = 0.2
"""Memory grows until caches and pools are full; a soak's growth counts from after this share of it."""
RSS_EVERY_S = 2.0
IDLE_DEADLINE_S = 30.0
IDLE_EVERY_S = 0.1


@dataclass(frozen=True)
class Target:
    """A server, its requests and the generator's options."""

    address: str
    """``http://127.0.0.1:port``."""
    requests: Requests
    slo_s: float
    """Up to which latency an answer is good."""
    connections: int = 64
    core: int | None = 1
    """The generator's core; the server has another."""
    drain_s: float = 2.0

    def load(self, schedule: Schedule, seed: int, **options: Any) -> LoadResult:
        """Run a schedule against it; see ``run_load``."""
        options = {"connections": self.connections, "core": self.core, "drain_s": self.drain_s, "seed": seed, **options}
        result = run_load(self.address, schedule, self.requests, **options)
        if result.unanswered.any():
            self.wait_until_idle()
        return result

    def wait_until_idle(self, deadline_s: float = IDLE_DEADLINE_S) -> bool:
        """Wait until a request is answered within the SLO, so that no run inherits the backlog of the one before.

        Servers continue to compute for clients that have disconnected. Return whether the server became idle before the deadline.
        """
        end = time.monotonic() + deadline_s
        while (start_s := time.monotonic()) < end:
            try:
                with socket.create_connection(loopback(self.address), timeout=end - start_s) as connection:
                    connection.sendall(self.requests.payloads[0])
                    if connection.recv(1) and time.monotonic() - start_s <= self.slo_s:
                        return True
            except OSError:
                pass
            time.sleep(IDLE_EVERY_S)
        return False

    def poisson(self, rate_per_s: float, seconds: float, seed: int) -> LoadResult:
        """Run Poisson arrivals against the server; ``find_capacity`` calls this."""
        return self.load(poisson(rate_per_s, seconds, seed), seed)


def warm_up(target: Target, rate_per_s: float = 200.0, seconds: float = 2.0, seed: int = 900) -> None:
    """Let a fresh server see requests before it is measured; only ``cold_start`` measures without this."""
    target.poisson(rate_per_s, seconds, seed)


def capacity(target: Target, start_per_s: float, seconds: float, *, seed: int = 1, **options: Any) -> dict[str, Any]:
    """Which rate does the server hold? See ``find_capacity``; requests of many rows are also counted in rows."""
    search = find_capacity(target.poisson, target.slo_s, start_per_s, seconds, seed=seed, **options)
    rows = None if search.rate_per_s is None else round(search.rate_per_s * target.requests.rows_each, 1)
    rows_each = target.requests.rows_each
    head = _head("capacity", target) | {"rows_each": rows_each, "rows_per_s": rows}
    return head | search.to_json()


def at_share(
    target: Target, capacity_per_s: float, seconds: float, *, share: float = 0.5, seed: int = 101
) -> dict[str, Any]:
    """How fast are answers when there is room? Poisson arrivals at a share of capacity."""
    result = target.poisson(share * capacity_per_s, seconds, seed)
    return _head("share", target) | {"share": share, "seed": seed} | result.summary(target.slo_s)


def overload(
    target: Target,
    capacity_per_s: float,
    seconds: float,
    *,
    factor: float = 1.5,
    connections: int | None = None,
    seed: int = 201,
) -> dict[str, Any]:
    """How many answers are good under overload? They are reported as a share of capacity."""
    target = replace(target, connections=connections or target.connections)
    result = target.poisson(factor * capacity_per_s, seconds, seed)
    figures = result.summary(target.slo_s)
    return (
        _head("overload", target)
        | {"factor": factor, "seed": seed, "capacity_per_s": round(capacity_per_s, 1)}
        | figures
        | {"goodput_share": round(figures["goodput_per_s"] / capacity_per_s, 4)}
        | {"timeline": result.timeline(target.slo_s)}
    )


def bursts(
    target: Target,
    capacity_per_s: float,
    seconds: float,
    *,
    share: float = 0.5,
    seed: int = 301,
    burst_factor: float = 3.0,
    burst_share: float = 0.1,
    burst_mean_s: float = 0.2,
) -> dict[str, Any]:
    """How does the server answer bursts? By default half of capacity on average, and one and a half times it in bursts."""
    shape = {"burst_factor": burst_factor, "burst_share": burst_share, "burst_mean_s": burst_mean_s}
    schedule = mmpp(share * capacity_per_s, seconds, seed, **shape)
    result = target.load(schedule, seed)
    return _head("bursts", target) | {"share": share, "seed": seed} | shape | result.summary(target.slo_s)


def cold_start(
    target: Target, capacity_per_s: float, *, share: float = 0.5, seconds: float = 5.0, seed: int = 401
) -> dict[str, Any]:
    """Are the first answers in time? Call it as soon as the server is ready."""
    result = target.poisson(share * capacity_per_s, seconds, seed)
    figures = result.summary(target.slo_s) | {"timeline": result.timeline(target.slo_s, bin_s=0.5)}
    return _head("cold_start", target) | {"share": share, "seed": seed} | figures


def soak(
    target: Target,
    capacity_per_s: float,
    worker_pid: int,
    *,
    minutes: float = 10.0,
    share: float = 0.7,
    disconnect_share: float = 0.01,
    seed: int = 501,
) -> dict[str, Any]:
    """Does it last? Minutes of load with clients that go away at random, while the worker's memory is watched.

    ``hung`` are requests that were sent and had no answer after the drain time; ``rss_growth`` is the median of the last fifth of the
    samples against the memory in the fifth after the first, when caches are full.

    Args:
        target: the server.
        capacity_per_s: its capacity.
        worker_pid: the process whose memory is watched; ``worker_of`` finds it.
        minutes: the length of the soak.
        share: the rate as a share of capacity.
        disconnect_share: the share of requests whose client disconnects.
        seed: the first part's; each has the next.
    """
    parts = max(1, round(minutes * 60 / SOAK_PART_S))
    part_s = minutes * 60 / parts
    runs = []
    with _watched_memory(worker_pid) as samples:
        for part in range(parts):
            schedule = poisson(share * capacity_per_s, part_s, seed + part)
            result = target.load(schedule, seed + part, disconnect_share=disconnect_share)
            runs.append(result.summary(target.slo_s))
    bad = sum(
        number
        for run in runs
        for status, number in run["answered"].items()
        if status.startswith("5") and status not in ("503", "504")
    )
    totals = {
        name: sum(run[name] for run in runs) for name in ("scheduled", "wrong", "failed", "abandoned", "within_slo")
    }
    return (
        _head("soak", target)
        | {"share": share, "minutes": minutes, "disconnect_share": disconnect_share, "seed": seed}
        | totals
        | {"hung": sum(run["hung"] for run in runs), "other_5xx": bad, "valid": all(run["valid"] for run in runs)}
        | {"rss_growth": memory_growth([mib for _, mib in samples]), "rss_mib": samples, "parts": runs}
    )


def worker_of(pid: int) -> int:
    """Return the process that does the work: of a server's family the one that has used the processor most."""
    server = psutil.Process(pid)
    family = [server, *server.children(recursive=True)]
    used = {member.pid: sum(member.cpu_times()[:2]) for member in family}
    busiest: int = max(used, key=lambda member: used[member])
    return busiest


def memory_growth(mib: list[float]) -> float | None:
    """Return the share by which memory grew after it settled; None if there are too few samples."""
    fifth = int(len(mib) * SOAK_SETTLED_SHARE)
    if not fifth:
        return None
    return round(float(np.median(mib[-fifth:]) / np.median(mib[fifth : 2 * fifth])) - 1, 5)


def _head(scenario: str, target: Target) -> dict[str, Any]:
    return {"scenario": scenario, "slo_ms": target.slo_s * 1e3, "connections": target.connections}


@contextmanager
def _watched_memory(pid: int) -> Iterator[list[tuple[float, float]]]:
    """Yield a list that fills with (seconds from the start, resident MiB) of a process."""
    process = psutil.Process(pid)
    samples: list[tuple[float, float]] = []
    over = threading.Event()
    start_s = time.monotonic()

    def watch() -> None:
        while not over.wait(RSS_EVERY_S):
            try:
                mib = process.memory_info().rss / 2**20
            except psutil.NoSuchProcess:
                return
            samples.append((round(time.monotonic() - start_s, 1), round(mib, 3)))

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    try:
        yield samples
    finally:
        over.set()
        watcher.join()
