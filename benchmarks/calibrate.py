"""Does the simulator predict the live server's capacity from the costs of this machine?

The server's costs per request are read from the service's metrics, which has learned the costs of its passes from one
model under load. The cost of a model's batches is read from the metrics too, quiet and saturated: other work between two
batches removes the trees from the caches, so that a batch takes up to twice as long as in a loop. Nothing is fitted to
the predicted capacities. Writes ``benchmarks/results/simulator.json`` and prints predicted against live.
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

from benchmarks.bodies import BenchModel, load_model, read_bodies
from benchmarks.loadgen.schedule import poisson
from benchmarks.machine import describe_machine
from benchmarks.peers.launch import launch_peer
from benchmarks.peers.registry import PEERS
from benchmarks.process import BenchmarkError, on_cores, unwind_on_sigterm
from benchmarks.run import GENERATOR_CORE, RESULTS, SERVER_CORE, SLO_MS, START_PER_S, requests_of
from benchmarks.scenarios import Target, warm_up
from benchmarks.simulation.costs import Costs, ModelCosts, ServerCosts
from benchmarks.simulator import Cell, capacity_per_s
from benchmarks.staircase import climb
from serving.codec.decode import Decoder
from tabento.bundle.contract import Contract

SATURATED_PER_S = 60_000.0
SATURATED_S = 4.0
DECODES = 2_000
ROUNDS = 30
"""The number of runs of each live server, see ``benchmarks.staircase``."""
SEND_SHARE = 0.6
"""The share of a request's cost after the model's run: from the profile in docs/benchmarks.md."""
MIN_GROWTH = 1.5
"""The smallest ratio of a saturated server's batch size to a quiet server's."""


@dataclass(frozen=True)
class LearnedCosts:
    """A service's costs from its metrics: learned seconds of its passes, and the sums over its batches."""

    request_s: float
    refusal_s: float
    batches: float
    rows: float
    batches_s: float


_METRICS = {
    "request_s": "tabento_request_cost_seconds",
    "refusal_s": "tabento_refusal_cost_seconds",
    "batches": "tabento_batch_rows_count",
    "rows": "tabento_batch_rows_sum",
    "batches_s": "tabento_batch_seconds_sum",
}


def learned_costs(exposition: str) -> LearnedCosts:
    """Read a service's costs from the text of its metrics.

    Raises:
        BenchmarkError: a metric is missing.
    """
    values = {
        line.split("{")[0].split(" ")[0]: float(line.rpartition(" ")[2])
        for line in exposition.splitlines()
        if line and not line.startswith("#")
    }
    if missing := [metric for metric in _METRICS.values() if metric not in values]:
        raise BenchmarkError(
            f"expected the metrics {', '.join(_METRICS.values())}, but {', '.join(missing)} is missing"
        )
    return LearnedCosts(**{name: values[metric] for name, metric in _METRICS.items()})


def batch_costs(begin: LearnedCosts, quiet: LearnedCosts, busy: LearnedCosts) -> tuple[float, float]:
    """Return the costs of a batch and of a row in it, in seconds: a line through small and large batches.

    Args:
        begin: before any request.
        quiet: after a load under which batches are small.
        busy: after a load, following that, under which they are large.

    Raises:
        BenchmarkError: the batches did not grow.
    """
    small, large = (
        ((after.rows - before.rows) / max(count, 1.0), (after.batches_s - before.batches_s) / max(count, 1.0))
        for before, after in ((begin, quiet), (quiet, busy))
        for count in [after.batches - before.batches]
    )
    if large[0] < MIN_GROWTH * small[0]:
        raise BenchmarkError(f"expected larger batches under more load, got {small[0]:.3g} and {large[0]:.3g} rows")
    row_s = max((large[1] - small[1]) / (large[0] - small[0]), 1e-7)
    return max(small[1] - row_s * small[0], 1e-6), row_s


def decode_seconds(model: BenchModel) -> float:
    """Measure decoding a request of one row, on the server's core, without a server."""
    decoder = Decoder(Contract.model_validate_json(model.contract.read_bytes()), 1000)
    rows = [json.dumps(body.rows[0]).encode() for body in read_bodies(model.single, 256)]
    with on_cores(frozenset({SERVER_CORE})):
        start_s = time.perf_counter()
        for number in range(DECODES):
            decoder.decode(rows[number % len(rows)])
        return (time.perf_counter() - start_s) / DECODES


def measure_live(model: BenchModel, slo_s: float, seconds: float) -> tuple[LearnedCosts, ModelCosts, dict[str, Any]]:
    """Return the costs that a saturated server has learned, its model's costs, and the server's capacity."""
    tabento = PEERS["tabento"]
    with launch_peer(tabento, model, frozenset({SERVER_CORE})) as server:

        def read_costs() -> LearnedCosts:
            with urlopen(f"{server.address}/metrics", timeout=10) as answer:
                return learned_costs(answer.read().decode())

        target = Target(server.address, requests_of(tabento, model), slo_s, connections=256, core=GENERATOR_CORE)
        begin = read_costs()
        warm_up(target)
        quiet = read_costs()
        target.load(poisson(SATURATED_PER_S, SATURATED_S, 77), 77)
        busy = read_costs()
        target = Target(server.address, requests_of(tabento, model), slo_s, core=GENERATOR_CORE)
        stair = climb({model.name: (target.poisson, slo_s, START_PER_S["tabento"])}, ROUNDS, seconds)[model.name]
    batch_s, row_s = batch_costs(begin, quiet, busy)
    costs = ModelCosts(row_s=row_s, batch_s=batch_s, decode_s=decode_seconds(model), slo_s=slo_s)
    return busy, costs, stair.to_json()


def main() -> int:
    """Measure, simulate, compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibrate", description=__doc__)
    parser.add_argument(
        "--models", nargs="+", default=["california", "forest", "wide"], help="the first one calibrates"
    )
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each time (default 1.5)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    unwind_on_sigterm()
    try:
        models = {name: load_model(name) for name in arguments.models}
        live = {
            name: measure_live(model, SLO_MS.get(name, 10.0) / 1000, arguments.seconds)
            for name, model in models.items()
        }
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    costs = {name: model_costs for name, (_, model_costs, _) in live.items()}
    first = arguments.models[0]
    learned = live[first][0]
    own_s = max(learned.request_s - costs[first].decode_s, 1e-6)
    server = ServerCosts(
        read_s=own_s * (1 - SEND_SHARE), send_s=own_s * SEND_SHARE, refuse_s=learned.refusal_s, pass_s=5e-6
    )
    compared = {}
    for name in models:
        predicted = capacity_per_s(Cell(name, "poisson", "coalesce", costs[name], server, 2.0, 1))
        measured = live[name][2]["qps"]
        share = None if measured is None else round(predicted / measured, 3)
        compared[name] = {"predicted_per_s": round(predicted, 1), "live_per_s": measured, "predicted_to_live": share}
        sys.stdout.write(f"{name:12} predicted {predicted:10,.0f}/s  live {measured or 0:10,.0f}/s  ratio {share}\n")
    content = {
        "machine": describe_machine(),
        "calibrated_on": first,
        "costs": msgspec.to_builtins(Costs(server, costs)),
        "learned": {
            name: {"request_s": service_costs.request_s, "refusal_s": service_costs.refusal_s}
            for name, (service_costs, _, _) in live.items()
        },
        "compared": compared,
    }
    path = arguments.folder / "simulator.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
