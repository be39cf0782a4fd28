"""Is a client of single rows refused because of its neighbor, while the core still has time?

One service is started for each model. A good client sends one row at a time, at a steady pace, over one keep-alive
connection. A neighbor sends expensive requests in a closed loop over other connections. The figures that count are
shares: of the good client's requests that are refused or late, and of the core that the worker used.
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
from benchmarks.process import BenchmarkError, Served, served, unwind_on_sigterm
from benchmarks.scenarios import worker_of
from bundle.errors import BundleError
from bundle.store import Bundle, load_bundle

SERVER_CORE = 0
PACE_S = 0.004
"""The good client sends a request each so many seconds: a load that an idle service hardly notices."""
WARM_UP_S = 1.0
"""The good client is alone for so long before the neighbor comes and anything is counted."""
MANY_ROWS, SOME_ROWS, EXPENSIVE_ROWS = 1_000, 20, 256
INVALID_CONNECTIONS = 4
"""In the second case the neighbor sends on so many connections: on one it is too slow to matter."""
BEHIND_S = 0.003
"""In the third case the good client's row follows the neighbor's request by this."""
REST_S = 0.05
"""In the third case the neighbor rests for so long between two requests, so that each pair finds an idle service."""
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
        sent = sum(self.statuses.values())
        late = sum(seconds > slo_s for seconds in self.seconds)
        return {
            "sent": sent,
            "statuses": {str(status): number for status, number in sorted(self.statuses.items())},
            "refused_share": round(self.statuses.get(503, 0) / sent, 4) if sent else None,
            "late_share": round(late / sent, 4) if sent else None,
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
        began = time.perf_counter()
        self._socket.sendall(request)
        answer = http.client.HTTPResponse(self._socket, method="POST")
        answer.begin()
        answer.read()
        self.answers.add(answer.status, time.perf_counter() - began)

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
    """On how many connections the neighbor sends."""
    behind: bool = False
    """Whether each request of the good client follows one of the neighbor's, with a rest after each pair."""


def cases(bundle: Bundle) -> list[Case]:
    """Return the three cases for a model, from its example rows.

    Raises:
        BenchmarkError: the model has no feature that can be left out of a row to make it invalid.
    """
    rows = bundle.examples
    required = next((feature.name for feature in bundle.contract.features if feature.required), None)
    if required is None:
        raise BenchmarkError(f"expected a model with a required feature, got {bundle.tag}, which has none")

    def body(number: int, *, one_bad: bool = False) -> bytes:
        chosen = [dict(rows[index % len(rows)]) for index in range(number)]
        if one_bad:
            del chosen[number // 2][required]
        return json.dumps({"instances": chosen}).encode()

    return [
        Case(f"{MANY_ROWS} rows in a closed loop", body(MANY_ROWS)),
        Case(
            f"{SOME_ROWS} rows, one invalid, in {INVALID_CONNECTIONS} closed loops",
            body(SOME_ROWS, one_bad=True),
            INVALID_CONNECTIONS,
        ),
        Case(f"a row {BEHIND_S * 1e3:g} ms after {EXPENSIVE_ROWS} rows", body(EXPENSIVE_ROWS), behind=True),
    ]


def measure(server: Served, case: Case, single: bytes, slo_s: float, seconds: float) -> dict[str, Any]:
    """Return what the two clients of a case got, and the share of the core that the worker used."""
    good = Client(server.address)
    neighbors = [Client(server.address) for _ in range(case.connections)]
    try:
        _paced(lambda: good.post(single), time.perf_counter() + WARM_UP_S)
        good.answers = Answers()
        worker = psutil.Process(worker_of(server.pid))
        used, began = sum(worker.cpu_times()[:2]), time.perf_counter()
        until = began + seconds
        if case.behind:
            _pairs(good, neighbors[0], single, case.neighbor, until)
        else:
            beside = [threading.Thread(target=_closed_loop, args=(each, case.neighbor, until)) for each in neighbors]
            for thread in beside:
                thread.start()
            _paced(lambda: good.post(single), until)
            for thread in beside:
                thread.join()
        took = time.perf_counter() - began
        core = (sum(worker.cpu_times()[:2]) - used) / took
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


def _paced(send: Callable[[], object], until: float) -> None:
    began = time.perf_counter()
    for number in count():
        now = time.perf_counter()
        if now >= until:
            return
        time.sleep(max(began + number * PACE_S - now, 0.0))
        send()


def _pairs(good: Client, neighbor: Client, single: bytes, many: bytes, until: float) -> None:
    while time.perf_counter() < until:
        beside = threading.Thread(target=neighbor.post, args=(many,))
        beside.start()
        time.sleep(BEHIND_S)
        good.post(single)
        beside.join()
        time.sleep(REST_S)


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as a table, a line for each model and case."""
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
            with served(sys.executable, "service:Tabento", "--arg", model, core=arguments.core) as server:
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
