"""Several models on one loop: each keeps its SLO and its fair share. On a simulated clock, so counts are exact."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.simulation.costs import ModelCosts, ServerCosts
from tests.runners.simulated_clients import Kind, SimulatedClients

SERVER = ServerCosts()
CHEAP = ModelCosts(row_s=5e-6, batch_s=25e-6, decode_s=1.5e-6, slo_s=0.010)
"""Gradient boosting on nine columns."""
MEDIUM = ModelCosts(row_s=64e-6, batch_s=200e-6, decode_s=1.5e-6, slo_s=0.020)
"""A forest of 200 trees."""
FOREST = ModelCosts(row_s=1e-3, batch_s=200e-6, decode_s=1.5e-6, slo_s=0.050)
"""A model with rows of a millisecond, and five times as much time."""
SLOW = ModelCosts(row_s=15e-3, batch_s=1e-3, decode_s=1.5e-6, slo_s=0.100)
"""A row takes longer than the whole SLO of the inexpensive model, so its batches run in a thread."""
BEGIN_S = 0.3
"""Floods begin at this time: until then costs are learned."""


def _run(models: list[ModelCosts], *kinds: Kind, seconds: float = 2.0, idle_models: int = 0) -> SimulatedClients:
    clients = SimulatedClients(SERVER, models, kinds, idle_models=idle_models, seed=1)
    clients.run(seconds)
    return clients


def test_a_flood_to_an_expensive_model_does_not_refuse_rows_of_an_inexpensive_one() -> None:
    """The forest gets three times the requests that it can answer; the other model gets all of its answers in time."""
    cheap, forest = Kind(per_s=2_000), Kind(model=1, per_s=3_000, begin_s=BEGIN_S)
    _run([CHEAP, FOREST], cheap, forest)
    assert cheap.refused < 0.01 * cheap.answered
    assert cheap.late(CHEAP.slo_s) == 0
    assert forest.late(FOREST.slo_s) == 0
    assert forest.answered > 700 * (2.0 - BEGIN_S)


def test_a_flood_to_an_inexpensive_model_does_not_refuse_rows_of_an_expensive_one() -> None:
    """A hundred requests a second to the forest are a tenth of the core, which it gets beside 60,000 requests to the other model."""
    cheap, forest = Kind(per_s=60_000, begin_s=BEGIN_S), Kind(model=1, per_s=100)
    _run([CHEAP, FOREST], cheap, forest, seconds=0.9)
    assert forest.refused < 0.06 * forest.answered
    assert forest.late(FOREST.slo_s) == 0
    assert cheap.answered > 8_000
    assert cheap.late(CHEAP.slo_s) < 0.01 * cheap.answered


def test_two_floods_share_the_time() -> None:
    """The model's time of both is alike, though one has rows of a two-hundredth of the other's."""
    cheap, forest = Kind(per_s=40_000), Kind(model=1, per_s=3_000)
    _run([CHEAP, FOREST], cheap, forest, seconds=0.4)
    request_s = SERVER.read_s + SERVER.send_s + CHEAP.row_s + CHEAP.decode_s
    times_s = (cheap.answered * request_s, forest.answered * FOREST.row_s)
    assert max(times_s) < 2.5 * min(times_s)
    assert cheap.late(CHEAP.slo_s) < 0.01 * cheap.answered


def test_a_tight_slo_shortens_the_passes_of_all() -> None:
    """Beside a forest whose own passes may take 32 ms, a model with an SLO of 4 ms is answered within it."""
    tight, forest = Kind(per_s=1_000), Kind(model=1, per_s=3_000)
    _run([msgspec.structs.replace(CHEAP, slo_s=0.004), FOREST], tight, forest)
    assert tight.late(0.004) == 0
    assert tight.refused < 0.01 * tight.answered
    assert forest.answered > 700


def test_a_row_a_second_is_answered_beside_a_flood() -> None:
    """A model with hardly any requests has no measured demand; its requests are admitted all the same."""
    rare, forest = Kind(rest_s=1.0, begin_s=BEGIN_S), Kind(model=1, per_s=1_500)
    _run([CHEAP, FOREST], rare, forest, seconds=5.0)
    assert (rare.answered, rare.refused) == (5, 0)
    assert rare.late(CHEAP.slo_s) == 0


@pytest.mark.parametrize("per_s", [1_000, 4_000])
def test_rows_that_are_longer_than_a_pass_do_not_starve(per_s: float) -> None:
    """Rows of 15 ms beside a busy model with an SLO of 10 ms: they save up the time of several passes."""
    cheap, slow = Kind(per_s=per_s), Kind(model=1, connections=2, rest_s=0.05)
    _run([CHEAP, SLOW], cheap, slow, seconds=1.0)
    assert slow.answered >= 5
    assert slow.late(SLOW.slo_s) == 0
    assert cheap.late(CHEAP.slo_s) == 0
    assert cheap.refused < 0.05 * cheap.answered


def test_large_requests_of_several_models_do_not_delay_single_rows() -> None:
    """Large requests of two models run in turns, so a single row waits for the slices of one of them."""
    single = Kind(per_s=1_000)
    large = [Kind(model=model, rows=rows, connections=2, rest_s=0.05) for model, rows in ((1, 500), (2, 50))]
    _run([CHEAP, MEDIUM, FOREST], single, *large)
    assert single.late(CHEAP.slo_s) < 0.001 * single.answered
    assert single.refused < 0.005 * single.answered
    assert min(kind.answered for kind in large) > 3


def test_three_models_below_the_capacity_are_all_answered() -> None:
    """At nine tenths of the core nothing is late, and next to nothing is refused."""
    kinds = [Kind(per_s=5_000), Kind(model=1, per_s=2_000), Kind(model=2, per_s=200)]
    models = [CHEAP, MEDIUM, FOREST]
    _run(models, *kinds, seconds=1.0)
    for kind in kinds:
        assert kind.refused < 0.005 * kind.answered
        assert kind.late(models[kind.model].slo_s) == 0


def test_many_models_hold_the_rate_of_one() -> None:
    """Requests to a hundred models, most of them rare, are answered as if they were requests to one."""
    shares = [1.0 / (rank + 1) for rank in range(100)]
    kinds = [Kind(model=rank, per_s=12_000 * share / sum(shares)) for rank, share in enumerate(shares)]
    _run([CHEAP] * 100, *kinds, seconds=0.4)
    assert sum(kind.refused for kind in kinds) == 0
    assert sum(kind.late(CHEAP.slo_s) for kind in kinds) == 0


def test_idle_models_change_no_decision() -> None:
    """The latency of each request is the same with fifty more models on the loop that nobody asks."""
    single, neighbour = Kind(per_s=30_000), Kind(per_s=30_000)
    _run([MEDIUM], single, seconds=0.2)
    _run([MEDIUM], neighbour, seconds=0.2, idle_models=50)
    assert single.refused > 0
    assert (single.answered, single.refused, single.latency_s) == (
        neighbour.answered,
        neighbour.refused,
        neighbour.latency_s,
    )
