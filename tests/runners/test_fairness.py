"""A client of single rows is not refused because of its neighbors while the core has time: on a simulated clock.

The runner is the real one, costs are those of the modelled server. Counts are exact, since the clock is simulated.
"""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from benchmarks.loadgen.schedule import poisson
from benchmarks.simulation.costs import ModelCosts, ServerCosts
from benchmarks.simulation.server import OK, SimulatedServer
from tests.runners.simulated_clients import Kind, SimulatedClients

SERVER = ServerCosts()
CHEAP = ModelCosts(row_s=5e-6, batch_s=25e-6, decode_s=1.5e-6, slo_s=0.010)
"""Gradient boosting on nine columns; a lone row takes six times as long as one of a batch."""
EXPENSIVE = ModelCosts(row_s=64e-6, batch_s=200e-6, decode_s=1.5e-6, slo_s=0.020)
"""A forest of 200 trees; a lone row takes four times as long as one of a batch."""
HURRIED = ModelCosts(row_s=64e-6, batch_s=200e-6, decode_s=1.5e-6, slo_s=0.010)
"""The same with half of the time."""
MODELS = pytest.mark.parametrize("model", [CHEAP, EXPENSIVE, HURRIED], ids=["cheap", "expensive", "hurried"])
NEIGHBORS = {
    "1,000 rows in a closed loop": Kind(rows=1_000, begin_s=0.2),
    "1,000 rows in sixteen closed loops": Kind(rows=1_000, connections=16, begin_s=0.2),
    "1,000 rows now and then": Kind(rows=1_000, rest_s=0.05, begin_s=0.2),
    "256 rows now and then": Kind(rows=256, rest_s=0.05, begin_s=0.2),
    "100 rows in sixteen closed loops": Kind(rows=100, connections=16, begin_s=0.2),
    "64 rows in sixteen closed loops": Kind(rows=64, connections=16, begin_s=0.2),
    "20 rows in eight closed loops": Kind(rows=20, connections=8, begin_s=0.2),
    "20 rows in 32 closed loops": Kind(rows=20, connections=32, begin_s=0.2),
    "20 rows with one invalid in a closed loop": Kind(rows=20, invalid=True, begin_s=0.2),
    "20 rows with one invalid in four closed loops": Kind(rows=20, connections=4, invalid=True, begin_s=0.2),
}


def _copy(kind: Kind) -> Kind:
    return Kind(kind.rows, kind.connections, kind.rest_s, kind.begin_s, kind.requests, kind.invalid)


def _run(model: ModelCosts, *kinds: Kind, seconds: float = 1.5) -> None:
    SimulatedClients(SERVER, model, kinds, seed=1).run(seconds)


@MODELS
@pytest.mark.parametrize("name", NEIGHBORS)
def test_a_good_client_is_neither_refused_nor_late(model: ModelCosts, name: str) -> None:
    """One client of single rows at 250 a second, beside each kind of expensive neighbor, whatever that one asks for."""
    good, neighbor = Kind(rest_s=0.004), _copy(NEIGHBORS[name])
    _run(model, good, neighbor)
    assert good.answered > 100
    assert good.refused == 0
    assert good.late(model.slo_s) == 0
    assert neighbor.answered + neighbor.invalid_answers > 0


@MODELS
def test_single_rows_behind_a_request_of_many_go_along(model: ModelCosts) -> None:
    """A row that comes 3 ms after a request of 256 rows waits for the batch that runs, and goes along in the next."""
    good = Kind(begin_s=0.503, rest_s=0.1, requests=15)
    batch_clients = Kind(rows=256, begin_s=0.5, rest_s=0.1, requests=15)
    _run(model, Kind(rest_s=0.01), good, batch_clients, seconds=5.0)
    assert (good.answered, good.refused, good.late(model.slo_s)) == (15, 0, 0)
    assert batch_clients.refused == 0


@MODELS
def test_a_request_of_many_rows_alone_is_never_refused(model: ModelCosts) -> None:
    """It is late only by its own size: a closed loop of 1,000 rows is answered each time, with single rows beside it."""
    batch_clients = Kind(rows=1_000)
    _run(model, batch_clients, Kind(rest_s=0.002))
    own_s = model.batch_s + 1_000 * (model.row_s + model.decode_s + SERVER.encode_row_s)
    assert batch_clients.refused == 0
    assert batch_clients.late(2 * own_s + model.slo_s) == 0


@MODELS
def test_busy_clients_of_single_rows_do_not_shut_out_a_large_request(model: ModelCosts) -> None:
    """Eight closed loops of single rows fill the core, and still a request of 1,000 rows is answered, and they in time."""
    good, batch_clients = Kind(connections=8), Kind(rows=1_000, rest_s=0.05, begin_s=0.2)
    _run(model, good, batch_clients)
    assert good.refused == 0
    assert good.late(model.slo_s) == 0
    assert batch_clients.answered >= 5
    assert batch_clients.refused <= batch_clients.answered


@MODELS
def test_large_requests_share_what_there_is(model: ModelCosts) -> None:
    """Four equal closed loops of large requests: none gets less than a third of what another gets."""
    kinds = [Kind(rows=300, begin_s=0.01 * number) for number in range(4)]
    _run(model, *kinds, seconds=5.0)
    n_answered = [kind.answered for kind in kinds]
    assert min(n_answered) > 0
    assert max(n_answered) <= 3 * min(n_answered)


@pytest.mark.parametrize("factor", [1.5, 3.0])
@MODELS
def test_more_large_requests_than_can_be_done_are_refused_and_the_rest_in_time(
    model: ModelCosts, factor: float
) -> None:
    """Open arrivals of 100 rows beyond what the core can do: it stays busy with answers that keep the promise."""
    rows = 100
    best_per_s = 1 / (SERVER.read_s + SERVER.send_s + rows * (model.row_s + model.decode_s))
    slo_s = max(model.slo_s, 4 / best_per_s)
    promised_s = msgspec.structs.replace(model, slo_s=slo_s)
    server = SimulatedServer(SERVER, promised_s, None, rows=rows, seed=1)
    outcome = server.run(poisson(factor * best_per_s, 3.0, 1))
    n_answered = outcome.status == OK
    good = np.sum(n_answered & (outcome.latency_s <= slo_s))
    assert good > 0.7 * best_per_s * outcome.seconds
    assert good > 0.95 * np.sum(n_answered)


def test_a_size_that_was_measured_too_expensive_is_tried_again() -> None:
    """A pause of the machine at warm-up made full slices look fifty times as expensive: that is unlearned, not kept."""
    good, batch_clients = Kind(rest_s=0.004), Kind(rows=400, rest_s=0.01)
    clients = SimulatedClients(SERVER, CHEAP, [good, batch_clients], seed=1)
    costs = clients.runner.batcher.costs
    for bucket in range(4, len(costs._seconds)):
        costs._seconds[bucket] = 50 * (costs._seconds[bucket] or 0.0)
    clients.run(20.0)
    assert good.refused == 0
    assert costs.predict(64) < 4 * (CHEAP.batch_s + 64 * CHEAP.row_s)
