"""How many answers of a modelled server are good under overload?

The rates are multiples of the rate that the server holds within its p99 limit. A request costs more on many connections, whose sockets
do not fit into the caches: the factors are those that were measured live (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import msgspec
import numpy as np

from benchmarks.loadgen.schedule import poisson
from benchmarks.simulation.costs import ModelCosts, ServerCosts
from benchmarks.simulation.server import OK, OVERLOADED, SimulatedServer

FACTORS = (1.5, 3.0)
CONNECTIONS: dict[int, Callable[[ServerCosts], ServerCosts]] = {
    256: lambda costs: msgspec.structs.replace(costs, refuse_s=costs.refuse_s * 1.2),
    1_000: lambda costs: msgspec.structs.replace(
        costs, read_s=costs.read_s * 1.4, send_s=costs.send_s * 1.4, refuse_s=costs.refuse_s * 1.7
    ),
}
"""The server's costs by the number of connections."""


@dataclass(frozen=True)
class Overload:
    """The outcome of one overload."""

    model: str
    factor: float
    """The offered rate as a multiple of the capacity."""
    connections: int
    good_share: float
    """Answers within the p99 limit, as a share of the capacity."""
    answered_p99_ms: float
    """The 99th percentile of the latency of answers with success."""
    refused_p99_ms: float
    """The same of refusals."""

    def to_json(self) -> dict[str, object]:
        """Return the figures by their names."""
        return asdict(self)


def overload(
    name: str, model: ModelCosts, server: ServerCosts, capacity_per_s: float, seconds: float, seed: int
) -> list[Overload]:
    """Return the outcomes at each multiple of a server's capacity, with few and with many connections.

    Args:
        name: the model's name.
        model: its costs, and its p99 limit.
        server: the costs of everything else.
        capacity_per_s: the rate that it holds within its p99 limit.
        seconds: the length of each run.
        seed: draws arrivals and noise.
    """
    results = []
    for connections, costs_of in CONNECTIONS.items():
        for factor in FACTORS:
            simulated = SimulatedServer(costs_of(server), model, None, seed=seed)
            outcome = simulated.run(poisson(factor * capacity_per_s, seconds, seed))
            good = float(np.sum((outcome.status == OK) & (outcome.latency_s <= model.slo_s)))
            share = good / outcome.seconds / capacity_per_s
            answered_ms, refused_ms = (outcome.p99_s(status) * 1e3 for status in (OK, OVERLOADED))
            results.append(Overload(name, factor, connections, share, answered_ms, refused_ms))
    return results


def overload_table(results: list[Overload]) -> str:
    """Return the results as a table."""
    lines = [
        f"{'model':<14}{'offered':>8}{'connections':>13}{'good share':>12}{'p99 answered ms':>17}{'p99 refused ms':>16}"
    ]
    lines += [
        f"{result.model:<14}{result.factor:>7g}x{result.connections:>13,}{result.good_share:>12.3f}"
        f"{result.answered_p99_ms:>17.2f}{result.refused_p99_ms:>16.2f}"
        for result in results
    ]
    return "\n".join(lines)
