"""The load generator as a process against a server of this machine, and its records."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from benchmarks.loadgen.build import build_loadgen
from benchmarks.loadgen.requests import Requests
from benchmarks.loadgen.result import RECORD, LoadResult
from benchmarks.loadgen.schedule import Schedule
from benchmarks.process import BenchmarkError

GRACE_S = 60.0
"""The time that the generator may take to open connections and to write its output, in addition to the run."""
END_POLL_S = 0.1
STAY, LEAVE, VANISH, HALF = range(4)
"""The behaviour of a client, as in ``loadgen.c``: waits for its answer; closes immediately; waits a short time; sends half."""


def run_load(
    address: str,
    schedule: Schedule,
    requests: Requests,
    *,
    connections: int = 64,
    core: int | None = 1,
    drain_s: float = 2.0,
    settle_s: float = 0.2,
    sleep_s: float = 0.0,
    end: threading.Event | None = None,
    disconnect_share: float = 0.0,
    vanish_s: float = 0.002,
    seed: int = 0,
) -> LoadResult:
    """Send a schedule of requests to a server and return the outcome of each.

    Args:
        address: ``http://host:port`` of the loopback interface.
        schedule: the arrival times of the requests.
        requests: the requests to send; arrivals take them in turn, in an order that the seed determines.
        connections: the number of open keep-alive connections, at most 4,000; one request at a time on each.
        core: the core that the generator stays on; None leaves it to the system.
        drain_s: the time to wait for answers after the last arrival.
        settle_s: the wait between opening the connections and the start.
        sleep_s: the time for which the generator may sleep while nothing happens. A number above 0 leaves its core to others, and
            makes it late by up to this time: for runs that count answers.
        end: ends the arrivals as soon as it is set; the result has only the arrivals until then. None: the whole schedule is sent.
        disconnect_share: the share of requests whose client disconnects before the answer: a third each closes once it
            has sent, closes if no answer arrived within ``vanish_s``, and closes with half of the request sent.
        vanish_s: the time that the second third waits.
        seed: draws the order of requests and who disconnects.

    Raises:
        ValueError: the address is not of the loopback interface, or a figure is out of range.
        BenchmarkError: no C compiler, or the generator failed; the message has its output.
    """
    host, port = loopback(address)
    if not 0 <= disconnect_share <= 1:
        raise ValueError(f"expected disconnect_share from 0 to 1, got {disconnect_share}")
    if core is not None and core not in os.sched_getaffinity(0):
        raise BenchmarkError(
            f"expected a core that this process may use, one of {sorted(os.sched_getaffinity(0))}, got {core}."
            " Run on a machine with a core for the server and one for the generator, or pass core=None."
        )
    count = len(schedule.times_ns)
    program = build_loadgen()
    with tempfile.TemporaryDirectory(prefix="loadgen-") as name:
        folder = Path(name)
        requests_path, expected_path = requests.write(folder)
        schedule.times_ns.astype("<i8").tofile(folder / "arrivals")
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
            "sleep_ms": round(sleep_s * 1e3),
        }
        command = [str(program), *(f"{option}={value}" for option, value in options.items())]
        output = _run(command, schedule.seconds + drain_s + settle_s + GRACE_S, end)
        records = np.fromfile(folder / "output", dtype=RECORD)
    if len(records) != count:
        raise BenchmarkError(f"expected {count} records of the load generator, one an arrival, got {len(records)}")
    seconds = schedule.seconds
    if end is not None and end.is_set():
        count = int(np.count_nonzero(records["taken"]))
        records = records[:count]
        seconds = min(seconds, output["elapsed_ns"] / 1e9)
    columns = {name: np.ascontiguousarray(records[name]) for name in ("status", "flags")}
    times = {f"{name}_ns": np.ascontiguousarray(records[name]) for name in ("taken", "sent", "done")}
    return LoadResult(
        schedule.times_ns[:count],
        **times,
        **columns,
        seconds=seconds,
        connections=connections,
        counts=output,
    )


def _run(command: list[str], deadline_s: float, end: threading.Event | None) -> dict[str, int]:
    """Run the load generator, and return the counts that it prints.

    Args:
        command: the program and its arguments.
        deadline_s: the time after which it must have ended, in seconds.
        end: tells the generator to end its arrivals.

    Raises:
        BenchmarkError: it failed, or did not end in time.
    """
    deadline = time.monotonic() + deadline_s
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while end is not None and process.poll() is None and time.monotonic() < deadline:
                if end.wait(END_POLL_S):
                    process.terminate()
                    break
            text, errors = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"the load generator did not end within {deadline_s:g} s") from error
        finally:
            process.kill()
    if process.returncode:
        raise BenchmarkError(errors.strip() or f"the load generator ended with status {process.returncode}")
    counts: dict[str, int] = json.loads(text)
    return counts


def loopback(address: str) -> tuple[str, int]:
    """Return host and port of an address of the loopback interface.

    Raises:
        ValueError: the address is not one of the loopback interface: load is for your own servers only.
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
        " Load is for your own servers only."
    )


def choices(count: int, kinds: int, seed: int) -> NDArray[np.int32]:
    """Return the request of each arrival, shape (count,): all in turn, in a new order each time around."""
    random = np.random.default_rng([seed, 2])
    rounds = -(-count // kinds)
    order = random.permuted(np.tile(np.arange(kinds, dtype=np.int32), (min(rounds, 64), 1)), axis=1).ravel()
    indices: NDArray[np.int32] = np.resize(order, count)
    return indices


def disconnects(count: int, share: float, seed: int) -> NDArray[np.uint8]:
    """Return the behaviour of each arrival's client, shape (count,)."""
    random = np.random.default_rng([seed, 3])
    leaves = random.random(count) < share
    codes: NDArray[np.uint8] = np.where(leaves, random.integers(LEAVE, HALF, count, endpoint=True), STAY).astype(
        np.uint8
    )
    return codes
