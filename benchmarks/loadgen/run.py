"""Runs the load generator against a server of this machine and reads what it recorded."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from benchmarks.loadgen.arrivals import Arrivals
from benchmarks.loadgen.build import build_loadgen
from benchmarks.loadgen.requests import Requests
from benchmarks.loadgen.result import RECORD, LoadResult
from benchmarks.process import BenchmarkError

GRACE_S = 60.0
"""How long the generator may take for opening connections and writing its output, besides the run itself."""
STAY, LEAVE, VANISH, HALF = range(4)
"""What a client does, as in ``loadgen.c``: waits for its answer; closes at once; waits a little; sends half."""


def run_load(
    address: str,
    arrivals: Arrivals,
    requests: Requests,
    *,
    connections: int = 64,
    core: int | None = 1,
    drain_s: float = 2.0,
    settle_s: float = 0.2,
    disconnect_share: float = 0.0,
    vanish_s: float = 0.002,
    seed: int = 0,
) -> LoadResult:
    """Send a schedule of requests to a server and return what became of each.

    Args:
        address: ``http://host:port`` of the loopback interface.
        arrivals: when requests come.
        requests: what is sent; arrivals take them in turn, in an order drawn from the seed.
        connections: how many keep-alive connections are open, at most 4,000; one request at a time on each.
        core: the core that the generator stays on; None leaves it to the system.
        drain_s: how long answers are waited for after the last arrival.
        settle_s: the wait between opening the connections and the start.
        disconnect_share: the share of requests whose client goes away before the answer: a third each closes once it
            has sent, closes where no answer came within ``vanish_s``, and closes with half of the request sent.
        vanish_s: how long the second third waits.
        seed: draws the order of requests and who disconnects.

    Raises:
        ValueError: the address is not of the loopback interface, or a figure is out of range.
        BenchmarkError: no C compiler, or the generator failed; with what it said.
    """
    host, port = loopback(address)
    if not 0 <= disconnect_share <= 1:
        raise ValueError(f"expected disconnect_share from 0 to 1, got {disconnect_share}")
    if core is not None and core not in os.sched_getaffinity(0):
        raise BenchmarkError(
            f"expected a core that this process may use, one of {sorted(os.sched_getaffinity(0))}, got {core}."
            " Run on a machine with a core for the server and one for the generator, or pass core=None."
        )
    count = len(arrivals.times_ns)
    program = build_loadgen()
    with tempfile.TemporaryDirectory(prefix="loadgen-") as name:
        folder = Path(name)
        requests_path, expected_path = requests.write(folder)
        arrivals.times_ns.astype("<i8").tofile(folder / "arrivals")
        choices(count, len(requests.payloads), seed).tofile(folder / "choices")
        disconnects(count, disconnect_share, seed).tofile(folder / "disconnects")
        options = {
            "host": host,
            "port": port,
            "arrivals": folder / "arrivals",
            "choices": folder / "choices",
            "disconnects": folder / "disconnects",
            "requests": requests_path,
            "expected": expected_path,
            "output": folder / "output",
            "connections": connections,
            "core": -1 if core is None else core,
            "settle_ms": round(settle_s * 1e3),
            "drain_ms": round(drain_s * 1e3),
            "vanish_us": round(vanish_s * 1e6),
            "ids": int(requests.ids),
        }
        command = [str(program), *(f"{option}={value}" for option, value in options.items())]
        deadline_s = arrivals.seconds + drain_s + settle_s + GRACE_S
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=deadline_s)
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"the load generator did not end within {deadline_s:g} s") from error
        if done.returncode:
            raise BenchmarkError(done.stderr.strip() or f"the load generator ended with status {done.returncode}")
        records = np.fromfile(folder / "output", dtype=RECORD)
    if len(records) != count:
        raise BenchmarkError(f"expected {count} records of the load generator, one an arrival, got {len(records)}")
    columns = {name: np.ascontiguousarray(records[name]) for name in ("status", "flags")}
    times = {f"{name}_ns": np.ascontiguousarray(records[name]) for name in ("taken", "sent", "done")}
    return LoadResult(
        arrivals.times_ns,
        **times,
        **columns,
        seconds=arrivals.seconds,
        connections=connections,
        counts=json.loads(done.stdout),
    )


def loopback(address: str) -> tuple[str, int]:
    """Return host and port of an address of the loopback interface.

    Raises:
        ValueError: it is none: load is for one's own servers only.
    """
    parts = urlsplit(address)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    try:
        if parts.scheme == "http" and host and parts.port and ipaddress.IPv4Address(host).is_loopback:
            return host, parts.port
    except ValueError:
        pass
    raise ValueError(
        f"expected an address of this machine's loopback interface, such as http://127.0.0.1:3000, got {address!r}."
        " Load is for one's own servers only."
    )


def choices(count: int, kinds: int, seed: int) -> NDArray[np.int32]:
    """Return which request each arrival sends, shape (count,): all in turn, in a new order each time around."""
    random = np.random.default_rng([seed, 2])
    rounds = -(-count // kinds)
    order = random.permuted(np.tile(np.arange(kinds, dtype=np.int32), (min(rounds, 64), 1)), axis=1).ravel()
    drawn: NDArray[np.int32] = np.resize(order, count)
    return drawn


def disconnects(count: int, share: float, seed: int) -> NDArray[np.uint8]:
    """Return what the client of each arrival does, shape (count,)."""
    random = np.random.default_rng([seed, 3])
    leaves = random.random(count) < share
    drawn: NDArray[np.uint8] = np.where(leaves, random.integers(LEAVE, HALF, count, endpoint=True), STAY).astype(
        np.uint8
    )
    return drawn
