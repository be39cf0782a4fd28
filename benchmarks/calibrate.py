"""What does the simulator say when it is fed with this machine's own costs, and what does the live server do?

The server's costs per request are learned from one model under load (what the service itself has learned about its
passes, read from its metrics); each model's costs are measured without any server. Nothing is fitted to the capacities
that are then predicted. Writes ``benchmarks/results/simulator.json`` and prints predicted against live.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import numpy as np

from benchmarks.bodies import BenchModel, load_model, read_bodies
from benchmarks.loadgen.arrivals import poisson
from benchmarks.machine import describe_machine
from benchmarks.peers.launch import launched
from benchmarks.peers.registry import PEERS
from benchmarks.process import BenchmarkError, on_core
from benchmarks.run import GENERATOR_CORE, RESULTS, SERVER_CORE, SLO_MS, START_PER_S, requests_of
from benchmarks.scenarios import Target, capacity, warm_up
from benchmarks.simulation.costs import Costs, ModelCosts, ServerCosts
from benchmarks.simulator import Cell, capacity_per_s
from bundle.contract import Contract
from runners.session import OnnxSession
from serving.decode import Decoder

SATURATED_PER_S = 60_000.0
SATURATED_S = 4.0
SIZES = (1, 8, 16, 32, 64, 128)
ROUNDS = 30
DECODES = 2_000
SEND_SHARE = 0.4
"""The share of a request's own cost that comes after the model has run: from the profile in docs/benchmarks.md."""


@dataclass(frozen=True)
class Learned:
    """What the service has learned of its passes, in seconds."""

    request_s: float
    refusal_s: float


def model_costs(model: BenchModel, slo_s: float) -> ModelCosts:
    """Measure decoding a request and running batches, on the server's core, without a server."""
    contract = Contract.model_validate_json(model.contract.read_bytes())
    session = OnnxSession(model.model, len(contract.features))
    decoder = Decoder(contract, 1000)
    rows = [json.dumps(body.rows[0]).encode() for body in read_bodies(model.single, 256)]
    with on_core(SERVER_CORE):
        data = [decoder.decode(row).data for row in rows]
        began = time.perf_counter()
        for number in range(DECODES):
            decoder.decode(rows[number % len(rows)])
        decode_s = (time.perf_counter() - began) / DECODES
        seconds = []
        for size in SIZES:
            batch = b"".join(data[number % len(data)] for number in range(size))
            taken = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                session.run_bytes(batch, size)
                taken.append(time.perf_counter() - began)
            seconds.append(float(np.median(taken)))
    row_s, batch_s = np.polyfit(SIZES, seconds, 1)
    return ModelCosts(row_s=float(row_s), batch_s=max(float(batch_s), 1e-6), decode_s=decode_s, slo_s=slo_s)


def learned_costs(exposition: str) -> Learned:
    """Read what a service has learned of its passes from the text of its metrics.

    Raises:
        BenchmarkError: a metric is not there.
    """
    found = {
        kind: float(line.rpartition(" ")[2])
        for line in exposition.splitlines()
        for kind in ("request", "refusal")
        if line.startswith(f"tabento_{kind}_cost_seconds")
    }
    if len(found) != 2:
        raise BenchmarkError(f"expected tabento_request_cost_seconds and tabento_refusal_cost_seconds, got {found}")
    return Learned(found["request"], found["refusal"])


def measure_live(model: BenchModel, slo_s: float, seconds: float) -> tuple[Learned, dict[str, Any]]:
    """Return what a live server has learned when it was saturated, and its capacity."""
    tabento = PEERS["tabento"]
    with launched(tabento, model, frozenset({SERVER_CORE})) as server:
        target = Target(server.address, requests_of(tabento, model), slo_s, connections=256, core=GENERATOR_CORE)
        warm_up(target)
        target.load(poisson(SATURATED_PER_S, SATURATED_S, 77), 77)
        with urlopen(f"{server.address}/metrics", timeout=10) as answer:
            learned = learned_costs(answer.read().decode())
        target = Target(server.address, requests_of(tabento, model), slo_s, core=GENERATOR_CORE)
        found = capacity(target, START_PER_S["tabento"] / 4, seconds, confirm_s=2 * seconds)
    return learned, found


def main() -> int:
    """Measure, simulate, compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibrate", description=__doc__)
    parser.add_argument(
        "--models", nargs="+", default=["california", "forest", "wide"], help="the first one calibrates"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="the length of a run of a search (default 3)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    try:
        models = {name: load_model(name) for name in arguments.models}
        costs = {name: model_costs(model, SLO_MS.get(name, 10.0) / 1000) for name, model in models.items()}
        live = {name: measure_live(model, costs[name].slo_s, arguments.seconds) for name, model in models.items()}
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    first = arguments.models[0]
    learned = live[first][0]
    own_s = max(learned.request_s - costs[first].decode_s, 1e-6)
    server = ServerCosts(
        read_s=own_s * (1 - SEND_SHARE), send_s=own_s * SEND_SHARE, refuse_s=learned.refusal_s, pass_s=5e-6
    )
    compared = {}
    for name in models:
        predicted = capacity_per_s(Cell(name, "poisson", "coalesce", costs[name], server, 2.0, 1))
        measured = live[name][1]["qps"]
        share = None if measured is None else round(predicted / measured, 3)
        compared[name] = {"predicted_per_s": round(predicted, 1), "live_per_s": measured, "predicted_to_live": share}
        sys.stdout.write(f"{name:12} predicted {predicted:10,.0f}/s  live {measured or 0:10,.0f}/s  ratio {share}\n")
    content = {
        "machine": describe_machine(),
        "calibrated_on": first,
        "costs": msgspec.to_builtins(Costs(server, costs)),
        "learned": {
            name: {"request_s": found.request_s, "refusal_s": found.refusal_s} for name, (found, _) in live.items()
        },
        "compared": compared,
    }
    path = arguments.folder / "simulator.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
