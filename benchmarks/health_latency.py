"""How fast do the health routes answer while the service is overloaded?

The load generator sends predictions at a multiple of the service's rate on its own core. Meanwhile one client asks each health
route in turn, without a key, on a connection of its own and on a new connection each time. The limit is 50 ms. Writes
``health_latency.json`` and ``health_latency.md`` to ``benchmarks/results/``, and prints the table.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bodies import FOLDER, BenchModel, load_model
from benchmarks.loadgen.run import loopback
from benchmarks.machine import describe_machine
from benchmarks.peers.registry import PEERS
from benchmarks.process import BenchmarkError, serve_bento, unwind_on_sigterm
from benchmarks.run import GENERATOR_CORE, RESULTS, SERVER_CORE, SLO_MS, START_PER_S, requests_of
from benchmarks.scenarios import Target, warm_up
from benchmarks.staircase import climb

PATHS = ("/livez", "/readyz", "/health", "/health/deep")
LIMIT_MS = 50.0
FACTORS = (0.5, 1.5, 3.0)
"""The offered rates, as multiples of the highest rate within the p99 limit."""
PAUSE_S = 0.01
"""The time between two requests of the client, in seconds."""
TIMEOUT_S = 10.0


class Prober:
    """A client that asks the health routes in turn until it is stopped.

    Args:
        address: the address of the service.
    """

    def __init__(self, address: str) -> None:
        self._host, self._port = loopback(address)
        self._stops = threading.Event()
        self.latencies_ms: dict[tuple[str, str], list[float]] = {}
        """The latencies by route and kind of connection."""
        self.statuses: dict[str, int] = {}
        """The number of answers by route and status."""

    def run(self) -> None:
        """Ask until ``stop`` is called."""
        kept_connection = self._connect()
        while not self._stops.is_set():
            for path in PATHS:
                self._ask(kept_connection, path, "kept")
                new = self._connect()
                self._ask(new, path, "new")
                new.close()
            self._stops.wait(PAUSE_S)
        kept_connection.close()

    def stop(self) -> None:
        """Stop."""
        self._stops.set()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)

    def _ask(self, connection: http.client.HTTPConnection, path: str, kind: str) -> None:
        started_s = time.perf_counter()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            status = str(response.status)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            status = type(error).__name__
        self.latencies_ms.setdefault((path, kind), []).append((time.perf_counter() - started_s) * 1000)
        name = f"{path} {status}"
        self.statuses[name] = self.statuses.get(name, 0) + 1


def probe_during(target: Target, rate_per_s: float, seconds: float) -> dict[str, Any]:
    """Return the latencies of the health routes while predictions arrive at a rate."""
    prober = Prober(target.address)
    thread = threading.Thread(target=prober.run)
    thread.start()
    try:
        load = target.poisson(rate_per_s, seconds, seed=7)
    finally:
        prober.stop()
        thread.join()
    routes = []
    for (path, kind), latencies in prober.latencies_ms.items():
        p50, p99 = np.quantile(latencies, (0.5, 0.99))
        routes.append(
            {
                "path": path,
                "connection": kind,
                "answers": len(latencies),
                "p50_ms": round(float(p50), 2),
                "p99_ms": round(float(p99), 2),
                "largest_ms": round(max(latencies), 2),
            }
        )
    refused_share = float((load.status == http.client.SERVICE_UNAVAILABLE).mean())
    return {
        "rate_per_s": round(rate_per_s),
        "refused_share": round(refused_share, 3),
        "statuses": prober.statuses,
        "routes": routes,
    }


def measure(model: BenchModel, rounds: int, seconds: float, connections: int) -> dict[str, Any]:
    """Return the latencies at each offered rate.

    Raises:
        BenchmarkError: the service does not start.
    """
    slo_s = SLO_MS.get(model.name, 10.0) / 1000
    environment = {"TABENTO_MODEL": model.tag, "BENTOML_DO_NOT_TRACK": "True"}
    with serve_bento(
        sys.executable, "service:Tabento", environment=environment, cores=frozenset({SERVER_CORE})
    ) as server:
        requests = requests_of(PEERS["tabento"], model)
        target = Target(server.address, requests, slo_s, connections=connections, core=GENERATOR_CORE)
        warm_up(target)
        stair = climb({"tabento": (target.poisson, slo_s, START_PER_S["tabento"])}, rounds, 1.0)["tabento"]
        qps: float = stair.to_json()["qps"]
        loads = [{"factor": factor, **probe_during(target, factor * qps, seconds)} for factor in FACTORS]
    return {
        "model": model.name,
        "tag": model.tag,
        "connections": connections,
        "limit_ms": LIMIT_MS,
        "qps": qps,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "loads": loads,
    }


def markdown(models: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of all routes at all rates."""
    lines = [
        "| model | offered | refused | route | connection | p50, ms | p99, ms | largest, ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for model in models:
        for load in model["loads"]:
            for route in load["routes"]:
                cells = (
                    model["model"],
                    f"{load['factor']:g} times, {load['rate_per_s']:,}/s",
                    f"{100 * load['refused_share']:.0f}%",
                    f"`{route['path']}`",
                    route["connection"],
                    *(f"{route[name]:g}" for name in ("p50_ms", "p99_ms", "largest_ms")),
                )
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, write and print. The status is 1 if an answer took longer than the limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.health_latency", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["california", "forest"])
    parser.add_argument("--rounds", type=int, default=20, help="the number of runs that find the rate (default 20)")
    parser.add_argument("--seconds", type=float, default=20.0, help="the length of each load (default 20)")
    parser.add_argument("--connections", type=int, default=256, help="the generator's connections (default 256)")
    parser.add_argument("--models-folder", type=Path, default=FOLDER, help="the folder of `benchmarks.models`")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    unwind_on_sigterm()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / "health_latency.json"
    models = []
    try:
        for name in arguments.models:
            sys.stderr.write(f"\n{name}\n")
            model = load_model(name, arguments.models_folder)
            models.append(measure(model, arguments.rounds, arguments.seconds, arguments.connections))
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    path.write_text(json.dumps({"machine": describe_machine(), "models": models}, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(models), encoding="utf-8")
    sys.stdout.write(markdown(models))
    late = [
        route
        for model in models
        for load in model["loads"]
        for route in load["routes"]
        if route["largest_ms"] > LIMIT_MS
    ]
    if late:
        sys.stderr.write(f"error: {len(late)} of the rows have an answer later than {LIMIT_MS:g} ms\n")
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
