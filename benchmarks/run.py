"""Which rate does each server hold within the p99 limit, and how does it behave under overload? The whole comparison.

For each model: the servers are started in sequence, each on its own core. Each serves the same graph and gets the same rows
from the same generator on another core. Writes, for each model, ``NAME.json`` with every run, ``NAME.png`` and
``NAME.md`` to ``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bodies import BenchModel, load_model, read_bodies
from benchmarks.loadgen.requests import Requests, http_requests
from benchmarks.machine import describe_machine
from benchmarks.models import make_models
from benchmarks.peers.launch import launch_peer
from benchmarks.peers.registry import PEERS, Peer, contract_of
from benchmarks.process import ROOT, BenchmarkError, unwind_on_sigterm
from benchmarks.report import write_report
from benchmarks.scenarios import (
    Target,
    at_share,
    bursts,
    capacity,
    cold_start,
    overload,
    soak,
    warm_up,
    worker_of,
)

RESULTS = ROOT / "benchmarks" / "results"
SERVER_CORE, GENERATOR_CORE = 0, 1
SLO_MS = {"forest": 20.0}
"""The p99 limit by model in milliseconds; 10 for other models."""
LENIENT_SLO_MS = 100.0
"""The p99 limit for a server that holds no rate within the model's limit."""
LENIENT = ("bentoml_plain", "bentoml_batch", "fastapi_sklearn", "ray_serve")
"""Servers that hold almost no rate within ten milliseconds: only the lenient limit is measured."""
TRIES = 3
"""The number of attempts of a run in which the generator was late, before it is reported as void."""
SEARCH_TRIES = 3
"""The number of runs of a rate in the bisection before the rate is too high. Without it, one bad moment would decide for
servers whose tail changes."""
START_PER_S = {"tabento": 8_000.0, "constant": 10_000.0, "fastapi_ort": 3_000.0}
"""The first rate of the search; 200 a second for other servers."""
BODIES = 256
FACTORS = (1.5, 3.0)
OVERLOAD_CONNECTIONS = 256
"""Enough that requests wait in the server and not for a free connection in the generator."""
MANY_CONNECTIONS = 1_000
ROWS_START_PER_S = 300.0


@dataclass(frozen=True)
class Lengths:
    """The lengths of measurements in seconds."""

    search_s: float
    confirm_s: float
    scenario_s: float
    soak_minutes: float


SHORT = Lengths(search_s=2.0, confirm_s=4.0, scenario_s=4.0, soak_minutes=0.0)
FULL = Lengths(search_s=6.0, confirm_s=30.0, scenario_s=20.0, soak_minutes=10.0)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def requests_of(
    peer: Peer, model: BenchModel, *, batch: bool = False, headers: Mapping[str, str] | None = None
) -> Requests:
    """Return the requests for a server, with additional headers, and with the expected answers."""
    contract = contract_of(model)
    bodies = read_bodies(model.batch if batch else model.single, BODIES // 4 if batch else BODIES)
    requests = [peer.request(body, contract) for body in bodies]
    return http_requests(
        [content for _, content in requests],
        [peer.expected(body) for body in bodies],
        path=requests[0][0],
        headers=headers,
        rows_each=len(bodies[0].rows),
    )


def not_void(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the result of a run; a run in which the generator was late is repeated a few times."""
    for _ in range(TRIES - 1):
        result = run()
        if result.get("valid", True):
            return result
    return run()


def _rows(peer: Peer, model: BenchModel, target: Target, lengths: Lengths) -> dict[str, Any]:
    """Return the rate of requests of many rows that a server holds within the lenient limit."""
    rows = replace(target, requests=requests_of(peer, model, batch=True), slo_s=LENIENT_SLO_MS / 1000)
    return capacity(rows, ROWS_START_PER_S, lengths.search_s, confirm_s=lengths.confirm_s)


def measure(peer: Peer, model: BenchModel, slo_ms: float, lengths: Lengths) -> dict[str, Any]:
    """Measure one server in all scenarios.

    Raises:
        BenchmarkError: the server does not start.
    """
    result: dict[str, Any] = {"name": peer.title, "server": peer.name}
    start = START_PER_S.get(peer.name, 200.0)
    is_tabento = peer.name == "tabento"
    with launch_peer(peer, model, frozenset({SERVER_CORE})) as server:
        target = Target(server.address, requests_of(peer, model), slo_ms / 1000, core=GENERATOR_CORE)
        result["ready_s"] = round(server.ready_s, 2)
        warm_up(target)
        if peer.name in LENIENT:
            target = replace(target, slo_s=LENIENT_SLO_MS / 1000)
        capacity_result = capacity(target, start, lengths.search_s, confirm_s=lengths.confirm_s, tries=SEARCH_TRIES)
        if capacity_result["qps"] is None:
            target = replace(target, slo_s=LENIENT_SLO_MS / 1000)
            capacity_result = capacity(target, start, lengths.search_s, confirm_s=lengths.confirm_s, tries=SEARCH_TRIES)
        result["capacity"] = capacity_result
        qps = capacity_result["qps"]
        if qps is None:
            return result
        seconds = lengths.scenario_s
        result["share"] = not_void(partial(at_share, target, qps, seconds))
        result["overload"] = [
            not_void(partial(overload, target, qps, seconds, factor=factor, connections=OVERLOAD_CONNECTIONS))
            for factor in FACTORS
        ]
        if is_tabento:
            result["overload_many_connections"] = [
                not_void(partial(overload, target, qps, seconds, factor=factor, connections=MANY_CONNECTIONS))
                for factor in FACTORS
            ]
        crowded = replace(target, connections=OVERLOAD_CONNECTIONS)
        result["bursts"] = not_void(partial(bursts, crowded, qps, seconds))
        if peer.batch_path is not None and not is_tabento:
            result["rows"] = _rows(peer, model, target, lengths)
    if is_tabento:
        # The server gets the lenient limit as its setting, because these requests are measured against it.
        promise = {"TABENTO_SLO_P99_MS": f"{LENIENT_SLO_MS:g}"}
        with launch_peer(peer, model, frozenset({SERVER_CORE}), promise) as server:
            warm_up(replace(target, address=server.address))
            result["rows"] = _rows(peer, model, replace(target, address=server.address), lengths)
        with launch_peer(peer, model, frozenset({SERVER_CORE})) as server:
            result["cold_start"] = cold_start(replace(target, address=server.address), qps)
            if lengths.soak_minutes:
                result["soak"] = soak(
                    replace(target, address=server.address, connections=OVERLOAD_CONNECTIONS),
                    qps,
                    worker_of(server.pid),
                    minutes=lengths.soak_minutes,
                )
    return result


def compare(model: BenchModel, servers: list[str], lengths: Lengths, folder: Path) -> Path:
    """Measure servers on one model and write the results; stored results of other servers stay.

    Raises:
        BenchmarkError: a server does not start.
    """
    slo_ms = SLO_MS.get(model.name, 10.0)
    path = folder / f"{model.name}.json"
    results_by_server = json.loads(path.read_text(encoding="utf-8"))["servers"] if path.exists() else []
    for name in servers:
        _say(f"\n{model.name}: {PEERS[name].title}")
        measured = measure(PEERS[name], model, slo_ms, lengths)
        measured["measured_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        results_by_server = [entry for entry in results_by_server if entry["server"] != name] + [measured]
        results = {
            "title": f"{model.name}: one server core, requests of one row, p99 ≤ {slo_ms:g} ms",
            "machine": describe_machine(),
            "slo_ms": slo_ms,
            "model": model.tag,
            "servers": results_by_server,
        }
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        write_report(results, path.with_suffix(".png"), path.with_suffix(".md"))
    return path


def main() -> int:
    """Measure, write and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--full", action="store_true", help="long runs and a soak; hours instead of minutes")
    parser.add_argument("--models", nargs="+", help="which models (default: all three)")
    parser.add_argument("--servers", nargs="+", choices=sorted(PEERS), help="which servers (default: all)")
    parser.add_argument("--data", help="a CSV file, URL or 'synthetic', for the shipped model and the forest")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where results go (default: benchmarks/results)")
    arguments = parser.parse_args()
    unwind_on_sigterm()
    lengths = FULL if arguments.full else SHORT
    try:
        make_models(arguments.data, tuple(arguments.models) if arguments.models else None)
        for name in arguments.models or ("california", "forest", "wide"):
            path = compare(load_model(name), arguments.servers or list(PEERS), lengths, arguments.folder)
            sys.stdout.write(path.with_suffix(".md").read_text(encoding="utf-8") + "\n")
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
