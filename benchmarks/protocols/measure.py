"""The measurement of one protocol: a client on its own core, and the processor time of the worker on another."""

from __future__ import annotations

import base64
import json
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.process import ROOT, BenchmarkError, on_cores
from benchmarks.protocols.client import ClientResult
from benchmarks.protocols.payloads import GRPC

CLIENT_BUSY = 0.9
"""From this share of its core on, the client is assumed to limit the rate."""


@dataclass(frozen=True)
class Endpoints:
    """A running service."""

    host: str
    http_port: int
    grpc_port: int
    pid: int
    """The process of the supervisor; its child is the worker."""


def run_client(
    endpoints: Endpoints, protocol: str, payloads: Sequence[bytes], in_flight: int, seconds: float, core: int | None
) -> tuple[ClientResult, float]:
    """Return the outcome of a client, and the processor time of the worker for a request, in microseconds.

    Raises:
        BenchmarkError: the client failed, or no request was answered.
    """
    order = {
        "protocol": protocol,
        "host": endpoints.host,
        "port": endpoints.grpc_port if protocol == GRPC else endpoints.http_port,
        "payloads": [base64.b64encode(content).decode() for content in payloads],
        "in_flight": in_flight,
        "seconds": seconds,
    }
    before_s = _worker_cpu_s(endpoints.pid)
    before_count = _count_predictions(endpoints, protocol)
    with on_cores(None if core is None else frozenset({core})):
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.protocols.client"],
            input=json.dumps(order),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds * 4 + 60,
        )
    cpu_s = _worker_cpu_s(endpoints.pid) - before_s
    if process.returncode:
        raise BenchmarkError(f"the client of {protocol} failed:\n{process.stderr[-2000:]}")
    result = ClientResult(**json.loads(process.stdout))
    if not result.answers:
        raise BenchmarkError(f"{protocol}: no request was answered: {result.first_failure}")
    return result, cpu_s / max(_count_predictions(endpoints, protocol) - before_count, 1) * 1e6


def _worker_cpu_s(pid: int) -> float:
    """Return the processor time of all workers so far."""
    times = [child.cpu_times() for child in psutil.Process(pid).children(recursive=True)]
    return float(sum(time.user + time.system for time in times))


def _count_predictions(endpoints: Endpoints, protocol: str) -> int:
    """Return the number of predictions so far, from the metrics."""
    with urllib.request.urlopen(f"http://{endpoints.host}:{endpoints.http_port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    route = "grpc ModelInfer" if protocol == GRPC else "/"
    return int(
        sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith(f'tabento_requests_total{{route="{route}') and "/metrics" not in line
        )
    )


def summarize(runs: Sequence[tuple[ClientResult, float]]) -> dict[str, Any]:
    """Return the medians of several runs of one protocol."""
    results = [result for result, _ in runs]
    busy_share = statistics.median(result.client_cpu_share for result in results)
    return {
        "rate_per_s": statistics.median(result.answers / result.seconds for result in results),
        "p50_ms": statistics.median(result.p50_ms for result in results),
        "p99_ms": statistics.median(result.p99_ms for result in results),
        "server_cpu_us": statistics.median(cpu_us for _, cpu_us in runs),
        "client_cpu_share": busy_share,
        "limited_by_client": busy_share >= CLIENT_BUSY,
        "failures": sum(result.failures for result in results),
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table of a results file."""
    lines = [
        f"# {results['title']}",
        "",
        f"Model {results['model']}, {results['in_flight']} requests in flight, median of {results['rounds']} rounds of"
        f" {results['seconds']:g} s. One core for the service, one for the client.",
        "",
        "| rows | protocol | requests a second | p50 ms | p99 ms | server CPU µs a request | client CPU |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for measurement in results["measurements"]:
        mark = " (the limit)" if measurement["limited_by_client"] else ""
        lines.append(
            f"| {measurement['rows']} | {measurement['protocol']} | {measurement['rate_per_s']:,.0f}"
            f" | {measurement['p50_ms']:.2f} | {measurement['p99_ms']:.2f} | {measurement['server_cpu_us']:.0f}"
            f" | {measurement['client_cpu_share']:.0%}{mark} |"
        )
    if failures := sum(measurement["failures"] for measurement in results["measurements"]):
        lines += ["", f"{failures} requests failed."]
    return "\n".join(lines) + "\n"
