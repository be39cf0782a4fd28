"""Is a client of single rows refused because of its neighbor, while the core still has time?

One service is started for each model. A good client sends one row at a time, at a steady pace, over one keep-alive
connection. A neighbor sends expensive requests in a closed loop over other connections. The results are
shares: the good client's requests that are refused or late, and the core time that the worker used.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil

from benchmarks.machine import describe_machine
from benchmarks.process import BenchmarkError, RunningServer, serve_bento, unwind_on_sigterm
from benchmarks.scenarios import worker_of
from tabento.bundle.errors import BundleError
from tabento.bundle.store import Bundle, load_bundle

SERVER_CORE = 0
PACE_S = 0.004
"""The interval of the good client's requests: a very small load for an idle service."""
WARM_UP_S = 1.0
"""The time for which the good client is alone, before the neighbor starts and requests are counted."""
MANY_ROWS, SOME_ROWS, EXPENSIVE_ROWS = 1_000, 20, 256
INVALID_CONNECTIONS = 4
"""The neighbor's connections in the second case: on one connection the neighbor is too slow to have an effect."""
BEHIND_S = 0.003
"""In the third case the delay of the good client's row after the neighbor's request."""
REST_S = 0.05
"""In the third case the neighbor's pause between two requests, so that the service is idle before each pair."""
TIMEOUT_S = 30.0


@dataclass
class Answers:
    """The answers that one client got."""

    statuses: dict[int, int] = field(default_factory=dict)
    """The number of answers by status."""
    seconds: list[float] = field(default_factory=list)
    """The latency of each answer with status 200."""

    def add(self, status: int, seconds: float) -> None:
        """Count one answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200:
            self.seconds.append(seconds)

    def include(self, other: Answers) -> None:
        """Count the answers of another client as well."""
        for status, number in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + number
        self.seconds += other.seconds

    def summary(self, slo_s: float) -> dict[str, Any]:
        """Return counts, the shares refused and late, and the p99 of the answers in milliseconds."""
        n_sent = sum(self.statuses.values())
        late = sum(seconds > slo_s for seconds in self.seconds)
        return {
            "sent": n_sent,
            "statuses": {str(status): number for status, number in sorted(self.statuses.items())},
            "refused_share": round(self.statuses.get(503, 0) / n_sent, 4) if n_sent else None,
            "late_share": round(late / n_sent, 4) if n_sent else None,
            "p99_ms": round(float(np.quantile(self.seconds, 0.99)) * 1e3, 2) if self.seconds else None,
        }


class Client:
    """One keep-alive connection; each request leaves in one piece, as most clients send it.

    Args:
        address: ``http://host:port``.
    """

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        host, _, port = self._host.partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = Answers()

    def _request(self, body: bytes) -> bytes:
        """Return a whole request with a body."""
        head = f"POST /predict HTTP/1.1\r\nhost: {self._host}\r\ncontent-type: application/json"
        return f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    def post(self, body: bytes) -> None:
        """Send a request, wait for the answer and count it."""
        request = self._request(body)
        start_s = time.perf_counter()
        self._socket.sendall(request)
        answer = http.client.HTTPResponse(self._socket, method="POST")
        answer.begin()
        answer.read()
        self.answers.add(answer.status, time.perf_counter() - start_s)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


@dataclass(frozen=True)
class Case:
    """One pair of clients."""

    name: str
    neighbor: bytes
    """The body of the neighbor's requests."""
    connections: int = 1
    """The number of the neighbor's connections."""
    behind: bool = False
    """Whether each request of the good client follows one of the neighbor's, with a rest after each pair."""


def cases(bundle: Bundle) -> list[Case]:
    """Return the three cases for a model, from its example rows.

    Raises:
        BenchmarkError: the model has no feature that can be removed from a row to make it invalid.
    """
    rows = bundle.examples
    required = next((feature.name for feature in bundle.contract.features if feature.required), None)
    if required is None:
        raise BenchmarkError(f"expected a model with a required feature, got {bundle.tag}, which has none")

    def body(number: int, *, one_bad: bool = False) -> bytes:
        body_rows = [dict(rows[index % len(rows)]) for index in range(number)]
        if one_bad:
            del body_rows[number // 2][required]
        return json.dumps({"instances": body_rows}).encode()

    return [
        Case(f"{MANY_ROWS} rows in a closed loop", body(MANY_ROWS)),
        Case(
            f"{SOME_ROWS} rows, one invalid, in {INVALID_CONNECTIONS} closed loops",
            body(SOME_ROWS, one_bad=True),
            INVALID_CONNECTIONS,
        ),
        Case(f"a row {BEHIND_S * 1e3:g} ms after {EXPENSIVE_ROWS} rows", body(EXPENSIVE_ROWS), behind=True),
    ]


def measure(server: RunningServer, case: Case, single: bytes, slo_s: float, seconds: float) -> dict[str, Any]:
    """Return the answers of both clients of a case, and the worker's share of the core."""
    good = Client(server.address)
    neighbors = [Client(server.address) for _ in range(case.connections)]
    try:
        _send_paced(lambda: good.post(single), time.perf_counter() + WARM_UP_S)
        good.answers = Answers()
        worker = psutil.Process(worker_of(server.pid))
        start_cpu_s, start_s = sum(worker.cpu_times()[:2]), time.perf_counter()
        until = start_s + seconds
        if case.behind:
            _send_pairs(good, neighbors[0], single, case.neighbor, until)
        else:
            threads = [
                threading.Thread(target=_closed_loop, args=(client, case.neighbor, until)) for client in neighbors
            ]
            for thread in threads:
                thread.start()
            _send_paced(lambda: good.post(single), until)
            for thread in threads:
                thread.join()
        elapsed_s = time.perf_counter() - start_s
        core = (sum(worker.cpu_times()[:2]) - start_cpu_s) / elapsed_s
    finally:
        for client in (good, *neighbors):
            client.close()
    answers = Answers()
    for neighbor in neighbors:
        answers.include(neighbor.answers)
    return {
        "case": case.name,
        "core_share": round(core, 3),
        "good": good.answers.summary(slo_s),
        "neighbor": answers.summary(slo_s),
    }


def _closed_loop(client: Client, body: bytes, until: float) -> None:
    while time.perf_counter() < until:
        client.post(body)


def _send_paced(send: Callable[[], object], until: float) -> None:
    start_s = time.perf_counter()
    for number in count():
        now = time.perf_counter()
        if now >= until:
            return
        time.sleep(max(start_s + number * PACE_S - now, 0.0))
        send()


def _send_pairs(good: Client, neighbor: Client, single: bytes, batch: bytes, until: float) -> None:
    while time.perf_counter() < until:
        thread = threading.Thread(target=neighbor.post, args=(batch,))
        thread.start()
        time.sleep(BEHIND_S)
        good.post(single)
        thread.join()
        time.sleep(REST_S)


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as a table with a line for each model and case."""
    head = ("model", "case", "core", "good refused", "good late", "good p99 ms", "neighbor refused")
    lines = [
        (
            result["model"],
            result["case"],
            f"{result['core_share']:.0%}",
            f"{result['good']['refused_share']:.1%}",
            f"{result['good']['late_share']:.1%}",
            str(result["good"]["p99_ms"]),
            f"{result['neighbor']['refused_share']:.1%}",
        )
        for result in results
    ]
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) for line in (head, *lines)
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["california", "forest"], help="names in the model store")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each case lasts (default 4)")
    parser.add_argument("--core", type=int, default=SERVER_CORE, help="the core of the service (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    unwind_on_sigterm()
    results = []
    try:
        for name in arguments.models:
            bundle = load_bundle(name)
            slo_s = bundle.contract.p99_ms / 1000
            single = json.dumps(bundle.examples[0]).encode()
            model = f"model={bundle.tag}"
            with serve_bento(
                sys.executable, "service:Tabento", "--arg", model, cores=frozenset({arguments.core})
            ) as server:
                for case in cases(bundle):
                    result = measure(server, case, single, slo_s, arguments.seconds)
                    results.append({"model": name, "slo_ms": slo_s * 1e3, **result})
    except (BenchmarkError, BundleError, OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if arguments.json:
        content = {"machine": describe_machine(), "seconds": arguments.seconds, "results": results}
        sys.stdout.write(json.dumps(content, indent=1) + "\n")
    else:
        sys.stdout.write(table(results) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
