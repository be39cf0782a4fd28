"""How many requests a second would each policy hold within the p99 limit, on a modelled server?

A discrete-event simulation of one core: the real micro-batcher, policies and admission on a virtual clock, with the costs
of everything around them put in (``benchmarks/simulation/``). The figure is QPS@p99≤SLO: the highest scheduled rate at
which 99% of all requests are answered within the SLO, counted from their scheduled arrival, a refused one as late. With
``--overload`` it prints the results of the shipped policy at multiples of that rate.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.loadgen.schedule import Schedule, mmpp, poisson, trace
from benchmarks.policies import Aimd, FixedDelay, Immediate, MeanRegression
from benchmarks.process import BenchmarkError
from benchmarks.simulation.costs import DEFAULT_COSTS, Costs, ModelCosts, ServerCosts, load_costs
from benchmarks.simulation.overload import overload, overload_table
from benchmarks.simulation.server import SimulatedServer
from runners.policy import Coalesce, Policy
from runners.runner import RunnerOptions

PASS_SHARE = 0.99
"""The share of requests that must be in time."""
TOLERANCE = 0.02
"""The search ends when the rate that passes and the one that fails differ by less than this."""
LEAST_SHARE = 1 / 64
"""The search ends below this share of the core's highest possible rate."""

POLICIES: dict[str, Callable[[float, int], Policy]] = {
    "coalesce": lambda slo_s, max_rows: Coalesce(slo_s * RunnerOptions.batch_share, max_rows),
    "immediate": lambda _slo_s, _max_rows: Immediate(),
    # Guides of servers with such a setting advise to start with at most a tenth of the p99 limit.
    "fixed_delay": lambda slo_s, _max_rows: FixedDelay(slo_s / 10, 64),
    "aimd": lambda slo_s, max_rows: Aimd(slo_s / 2, max_rows),
    "mean_regression": lambda slo_s, max_rows: MeanRegression(slo_s, max_rows),
}
"""Makes a policy for an SLO in seconds and a largest batch in rows."""

DAY = (5, 4, 3, 3, 3, 4, 6, 9, 11, 13, 14, 15, 14, 13, 14, 15, 15, 14, 13, 12, 18, 13, 9, 6)
"""A day in hours, relative: a quiet night, a plateau, one flash crowd in the evening."""


def _trace(rate_per_s: float, seconds: float, seed: int) -> Schedule:
    interval_s = seconds / len(DAY)
    counts = [round(rate_per_s * seconds * hour / sum(DAY)) for hour in DAY]
    return trace(counts, interval_s, seed)


SHAPES: dict[str, Callable[[float, float, int], Schedule]] = {
    "poisson": poisson,
    # Ten times as fast as the live benchmark's bursts, since runs are short here.
    "bursty": lambda rate, seconds, seed: mmpp(rate, seconds, seed, burst_mean_s=0.02),
    "trace": _trace,
}
"""Makes a schedule from a mean rate per second, a length in seconds and a seed."""


@dataclass(frozen=True)
class Cell:
    """One figure of the table."""

    model: str
    shape: str
    policy: str
    costs: ModelCosts
    server: ServerCosts
    seconds: float
    seed: int


def capacity_per_s(cell: Cell) -> float:
    """Return QPS@p99≤SLO by bisection; 0 if the policy does not even hold a small share of the core's highest possible rate."""
    costs, server = cell.costs, cell.server
    max_rows = RunnerOptions(costs.slo_s).max_batch_rows

    def passes(rate_per_s: float) -> bool:
        simulated = SimulatedServer(server, costs, POLICIES[cell.policy](costs.slo_s, max_rows), seed=cell.seed)
        schedule = SHAPES[cell.shape](rate_per_s, cell.seconds, cell.seed)
        return simulated.run(schedule).within(costs.slo_s) >= PASS_SHARE

    # No rate above this can be held for long: it would leave no time for passes and batches.
    best = 1 / (server.read_s + costs.decode_s + costs.row_s + server.send_s)
    high, low = best, best / 2
    while not passes(low):
        high, low = low, low / 2
        if low < best * LEAST_SHARE:
            return 0.0
    while high / low > 1 + TOLERANCE:
        middle = math.sqrt(low * high)
        if passes(middle):
            low = middle
        else:
            high = middle
    return low


def compare(cells: list[Cell], processes: int) -> list[float]:
    """Return each cell's capacity, in their order, computed by some processes."""
    if processes == 1:
        return [capacity_per_s(cell) for cell in cells]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(capacity_per_s, cells))


def table(cells: list[Cell], figures: list[float]) -> str:
    """Return a table of requests per second: a line per model and shape, a column per policy, geometric means below."""
    rates = {(cell.model, cell.shape, cell.policy): figure for cell, figure in zip(cells, figures, strict=True)}
    policies = list(dict.fromkeys(cell.policy for cell in cells))
    lines = list(dict.fromkeys((cell.model, cell.shape) for cell in cells))
    width = max(map(len, policies)) + 2
    text = [f"{'model':<14}{'arrivals':<10}{''.join(f'{policy:>{width}}' for policy in policies)}"]
    for model, shape in lines:
        row = (f"{rates[model, shape, policy]:>{width},.0f}" for policy in policies)
        text.append(f"{model:<14}{shape:<10}{''.join(row)}")
    means = [_geometric_mean([rates[(*line, policy)] for line in lines]) for policy in policies]
    text.append(f"{'geometric mean':<24}{''.join(f'{mean:>{width},.0f}' for mean in means)}")
    return "\n".join(text)


def _geometric_mean(figures: list[float]) -> float:
    return math.exp(sum(map(math.log, figures)) / len(figures)) if min(figures) > 0 else 0.0


def _print_overload(costs: Costs, seconds: float, seed: int, as_json: bool) -> None:
    results = []
    for name, model in costs.models.items():
        capacity = capacity_per_s(Cell(name, "poisson", "coalesce", model, costs.server, seconds, seed))
        results += overload(name, model, costs.server, capacity, seconds, seed)
    content = {"seconds": seconds, "seed": seed, "overload": [result.to_json() for result in results]}
    sys.stdout.write((json.dumps(content) if as_json else overload_table(results)) + "\n")


def main() -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=__doc__)
    parser.add_argument("--costs", type=Path, help="measured costs as JSON (default: those in the code)")
    parser.add_argument("--seconds", type=float, default=2.0, help="simulated seconds per rate (default 2)")
    parser.add_argument("--seed", type=int, default=1, help="draws arrivals and noise (default 1)")
    parser.add_argument("--processes", type=int, default=2, help="how many cells at a time (default 2)")
    parser.add_argument("--overload", action="store_true", help="ask for more than can be done instead")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    try:
        costs = load_costs(arguments.costs) if arguments.costs else DEFAULT_COSTS
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if arguments.overload:
        _print_overload(costs, arguments.seconds, arguments.seed, arguments.json)
        return 0
    cells = [
        Cell(name, shape, policy, model, costs.server, arguments.seconds, arguments.seed)
        for name, model in costs.models.items()
        for shape in SHAPES
        for policy in POLICIES
    ]
    figures = compare(cells, arguments.processes)
    if arguments.json:
        rows = [
            {
                "model": cell.model,
                "arrivals": cell.shape,
                "policy": cell.policy,
                "slo_s": cell.costs.slo_s,
                "qps": figure,
            }
            for cell, figure in zip(cells, figures, strict=True)
        ]
        sys.stdout.write(json.dumps({"seconds": arguments.seconds, "seed": arguments.seed, "cells": rows}) + "\n")
    else:
        sys.stdout.write(table(cells, figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
