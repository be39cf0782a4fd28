"""Admission lets in what a pass can do, learns what that is, and refuses the rest."""

from __future__ import annotations

import pytest

from runners.admission import (
    CALM_PASS_SHARE,
    FIRST_REQUEST_S,
    FLOOR_SHARE,
    PASS_SHARE,
    SHORT_PASS_SHARE,
    Admission,
)
from runners.meter import TURNS
from tests.runners.turns import Turns

SLO_S = 0.010
CALM_S = SLO_S * CALM_PASS_SHARE
BUDGET_S = SLO_S * PASS_SHARE
SHORT_S = SLO_S * SHORT_PASS_SHARE


class _Bench:
    """An admission on a loop by hand, with a model and a queue that tests can set."""

    def __init__(self) -> None:
        self.loop = Turns()
        self.row_s = 0.0
        self.backlog_s = 0.0
        self.model_s = 0.0
        self.admission = Admission(self.loop, SLO_S, lambda: self.row_s, lambda: self.backlog_s, lambda: self.model_s)

    def read(self, requests: int, seconds: float, rows: float = 1.0) -> int:
        """Read requests in one turn that lasts so long; return how many were let in."""
        admitted = sum(self.admission.admit(rows) for _ in range(requests))
        self.loop.turn(seconds)
        return admitted


def test_an_idle_service_lets_everybody_in() -> None:
    """A few requests now and then are never refused."""
    bench = _Bench()
    for _ in range(100):
        assert bench.read(3, 0.0002) == 3
        for _ in range(TURNS):
            bench.loop.turn(0.002)


def test_a_slow_machine_is_no_reason_to_refuse_a_few() -> None:
    """Passes that are long with only a few requests in them say nothing about what a request costs."""
    bench = _Bench()
    for _ in range(500):
        assert bench.read(5, 0.005) == 5


def test_a_pass_takes_what_its_budget_allows() -> None:
    """Of a thousand requests in one pass so many are let in as cost no more than the budget of a calm time."""
    bench = _Bench()
    bench.read(1, 0.0)
    assert bench.read(1000, 0.003) == pytest.approx(CALM_S / FIRST_REQUEST_S, abs=1)


def test_a_clump_is_let_in_and_lasting_overload_is_not() -> None:
    """After a calm time a pass may be long; once more than a few are refused, pass after pass, it may not."""
    bench = _Bench()
    bench.row_s = 460e-6
    cost_s = FIRST_REQUEST_S + bench.row_s
    for _ in range(100):
        assert bench.read(2, 2 * cost_s) == 2
    assert bench.read(20, CALM_S) == pytest.approx(CALM_S / cost_s, abs=1)
    for _ in range(100):
        admitted = sum(bench.admission.admit() for _ in range(20))
        bench.model_s += admitted * bench.row_s
        bench.loop.turn(admitted * cost_s)
    assert admitted == pytest.approx(BUDGET_S / cost_s, abs=1)


@pytest.mark.parametrize("cost_s", [20e-6, 150e-6])
def test_costs_are_learned(cost_s: float) -> None:
    """After some full passes the learned cost is the real one, and as many are let in as really fit."""
    bench = _Bench()
    admitted = bench.read(20, 20 * cost_s)
    for _ in range(2000):
        admitted = bench.read(max(admitted, 1), admitted * cost_s)
    assert bench.admission.request_s == pytest.approx(cost_s, rel=0.1)
    bench.read(1, cost_s)
    assert bench.read(1000, 0.0) == pytest.approx(CALM_S / cost_s, rel=0.15)


def test_under_lasting_overload_passes_keep_their_length() -> None:
    """With three times as many requests as fit, each pass ends up as long as a short one may be, refusals included."""
    bench = _Bench()
    answer_s, refusal_s, per_s = 50e-6, 8e-6, 3 / 50e-6
    length, lengths, answered = BUDGET_S, [], 0
    for _ in range(3000):
        waiting = int(length * per_s)
        admitted = sum(bench.admission.admit() for _ in range(waiting))
        length = max(admitted * answer_s + (waiting - admitted) * refusal_s, 1e-4)
        bench.loop.turn(length)
        lengths.append(length)
        answered += admitted
    late = sorted(lengths[1000:])
    assert late[len(late) // 2] == pytest.approx(SHORT_S, rel=0.35)
    assert late[-1] < SLO_S
    best = (1 - per_s * refusal_s) / (answer_s - refusal_s)
    assert answered / sum(lengths) > 0.8 * best


def test_passes_stay_long_where_refusing_costs_nothing() -> None:
    """Where the model is dear, refusing the surplus takes no time that matters, and passes keep their full length."""
    bench = _Bench()
    answer_s, refusal_s = 500e-6, 10e-6
    bench.row_s = 460e-6
    length, lengths = BUDGET_S, []
    for _ in range(2000):
        waiting = int(2 * length / answer_s)
        admitted = sum(bench.admission.admit() for _ in range(waiting))
        bench.model_s += admitted * bench.row_s
        length = max(admitted * answer_s + (waiting - admitted) * refusal_s, 1e-4)
        bench.loop.turn(length)
        lengths.append(length)
    late = sorted(lengths[1000:])
    assert late[len(late) // 2] == pytest.approx(BUDGET_S, rel=0.2)


def test_refusals_never_take_all_the_time() -> None:
    """With more refusals than a pass has time for, some requests are still let in."""
    bench = _Bench()
    for _ in range(10):
        bench.read(500, SLO_S / 2)
    assert bench.read(500, 0.0) == pytest.approx(FLOOR_SHARE * SHORT_S / bench.admission.request_s, abs=1)


def test_a_pause_of_the_machine_is_no_reason_to_refuse() -> None:
    """A long pass of few requests was not made long by them: those behind it are answered, late as they are."""
    bench = _Bench()
    bench.read(1, 0.0)
    bench.read(2, 0.050)
    assert bench.read(5, 0.0002) == 5


def test_one_pause_does_not_spoil_what_was_learned() -> None:
    """A pass that took twenty times as long as expected does not double the cost."""
    bench = _Bench()
    for _ in range(50):
        bench.read(20, 20 * FIRST_REQUEST_S)
    before = bench.admission.request_s
    bench.read(20, 400 * FIRST_REQUEST_S)
    assert bench.admission.request_s < before * 2


def test_rows_count() -> None:
    """Requests of many rows are dearer: fewer fit into a pass."""
    bench = _Bench()
    bench.row_s = 5e-6
    bench.read(1, 0.0)
    assert bench.read(1000, 0.0, rows=100) == pytest.approx(CALM_S / (FIRST_REQUEST_S + 100 * 5e-6), abs=1)


def test_a_request_dearer_than_a_pass_is_let_in_alone() -> None:
    """Otherwise it would never be answered; nothing more is let in beside it."""
    bench = _Bench()
    bench.row_s = 5e-6
    bench.read(1, 0.0)
    assert [bench.admission.admit(10_000), bench.admission.admit(1)] == [True, False]


def test_what_waits_in_the_queue_counts() -> None:
    """While the queue holds a pass's worth of work nobody is let in."""
    bench = _Bench()
    bench.backlog_s = CALM_S
    bench.read(1, 0.0)
    assert bench.read(10, 0.0) == 0
    bench.backlog_s = 0.0
    bench.read(1, 0.0)
    assert bench.read(10, 0.0) == 10


def test_the_models_time_is_not_counted_twice() -> None:
    """What the model took within a pass is known by rows, and left out of the cost of a request."""
    bench = _Bench()
    for _ in range(2000):
        bench.read(20, 20 * 40e-6 + 0.001)
        bench.model_s += 0.001
    assert bench.admission.request_s == pytest.approx(40e-6, rel=0.1)
