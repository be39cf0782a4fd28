"""Admission lets in what a pass can do, learns what that is, and refuses the rest."""

from __future__ import annotations

import pytest

from runners.admission import FIRST_DECODE_ROW_S, Admission
from runners.loop_budget import FIRST_REQUEST_S, LoopBudget
from runners.meter import TURNS
from runners.pass_length import CALM_PASS_SHARE, FLOOR_SHARE, PASS_SHARE, SHORT_PASS_SHARE
from tests.runners.manual_loop import ManualLoop

SLO_S = 0.010
CALM_S = SLO_S * CALM_PASS_SHARE
BUDGET_S = SLO_S * PASS_SHARE
SHORT_S = SLO_S * SHORT_PASS_SHARE


class _Queue:
    """The figures of a batcher and of its queue, set by tests."""

    def __init__(self) -> None:
        self.rows = 1
        self.slice_rows = 1_000_000
        self.answer_row_s = 0.0
        self.row = 0.0
        self.sliced_row_s = 1.0
        self.large_stretch = 1.0
        self.large_bound_s = 0.0
        self.backlog = 0.0
        self.turn = 0.0
        self.large_backlog = 0.0
        self.is_listed = False
        self.is_running = False
        self.holds_large = False
        self.has_large = False
        self.large_turn = 0

    @property
    def queue(self) -> _Queue:
        """See ``runners.account.Batcher``."""
        return self

    def row_s(self) -> float:
        """See ``runners.account.Queue``."""
        return self.row

    def backlog_s(self) -> float:
        """See ``runners.account.Queue``."""
        return self.backlog

    def large_turn_s(self) -> float:
        """See ``runners.account.Queue``."""
        return self.turn

    def large_backlog_s(self) -> float:
        """See ``runners.account.Queue``."""
        return self.large_backlog

    def scale_times(self, ratio: float) -> None:
        """See ``runners.account.Batcher``."""

    def expected_s(self) -> float:
        """See ``runners.loop_turns.TurnBatcher``."""
        return self.row * self.rows

    def dispatch(self) -> None:
        """See ``runners.loop_turns.TurnBatcher``."""


class _Bench:
    """An admission on a loop by hand, with a queue that tests can set."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.queue = _Queue()
        self.budget = LoopBudget(self.loop)
        self.budget.turns.enlist(self.queue)
        self.admission = Admission(self.loop, SLO_S, self.queue, self.budget)

    def read(self, requests: int, seconds: float, rows: float = 1.0) -> int:
        """Read requests in one turn of a given length; return the number of admitted ones."""
        admitted = sum(self.admission.admit(rows) for _ in range(requests))
        self.loop.turn(seconds)
        return admitted


def test_an_idle_service_lets_everybody_in() -> None:
    """A service with few requests never refuses one."""
    bench = _Bench()
    for _ in range(100):
        assert bench.read(3, 0.0002) == 3
        for _ in range(TURNS):
            bench.loop.turn(0.002)


def test_a_slow_machine_is_no_reason_to_refuse_a_few() -> None:
    """Admission does not learn the cost of a request from long passes with few requests."""
    bench = _Bench()
    for _ in range(500):
        assert bench.read(5, 0.005) == 5


def test_a_pass_takes_what_its_budget_allows() -> None:
    """Of a thousand requests in one pass, admission admits those whose cost is within the budget of a calm time."""
    bench = _Bench()
    bench.read(1, 0.0)
    assert bench.read(1000, 0.003) == pytest.approx(CALM_S / FIRST_REQUEST_S, abs=1)


def test_a_clump_is_let_in_and_lasting_overload_is_not() -> None:
    """After a calm time a pass may be long; once more than a few are refused, pass after pass, it may not."""
    bench = _Bench()
    bench.queue.row = 460e-6
    cost_s = FIRST_REQUEST_S + bench.queue.row
    for _ in range(100):
        assert bench.read(2, 2 * cost_s) == 2
    assert bench.read(20, CALM_S) == pytest.approx(CALM_S / cost_s, abs=1)
    for _ in range(100):
        admitted = sum(bench.admission.admit() for _ in range(20))
        bench.budget.turns.measured_s += admitted * bench.queue.row
        bench.loop.turn(admitted * cost_s)
    assert admitted == pytest.approx(BUDGET_S / cost_s, abs=1)


@pytest.mark.parametrize("cost_s", [20e-6, 150e-6])
def test_costs_are_learned(cost_s: float) -> None:
    """After some full passes the learned cost is the real one, and the number of admitted requests fits the pass."""
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
    length, lengths, n_answered = BUDGET_S, [], 0
    for _ in range(3000):
        waiting = int(length * per_s)
        admitted = sum(bench.admission.admit() for _ in range(waiting))
        length = max(admitted * answer_s + (waiting - admitted) * refusal_s, 1e-4)
        bench.loop.turn(length)
        lengths.append(length)
        n_answered += admitted
    late = sorted(lengths[1000:])
    assert late[len(late) // 2] == pytest.approx(SHORT_S, rel=0.35)
    assert late[-1] < SLO_S
    best = (1 - per_s * refusal_s) / (answer_s - refusal_s)
    assert n_answered / sum(lengths) > 0.8 * best


def test_passes_stay_long_where_refusing_costs_nothing() -> None:
    """With an expensive model, refusing the surplus takes little time, and passes keep their full length."""
    bench = _Bench()
    answer_s, refusal_s = 500e-6, 10e-6
    bench.queue.row = 460e-6
    length, lengths = BUDGET_S, []
    for _ in range(2000):
        waiting = int(2 * length / answer_s)
        admitted = sum(bench.admission.admit() for _ in range(waiting))
        bench.budget.turns.measured_s += admitted * bench.queue.row
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


def test_what_was_learned_under_attack_is_forgotten_at_low_load() -> None:
    """Work that was none of the requests' own made them look expensive; short passes of a few correct that."""
    bench = _Bench()
    for _ in range(300):
        bench.read(10, 10 * 20 * FIRST_REQUEST_S)
    assert bench.admission.request_s > 10 * FIRST_REQUEST_S
    for _ in range(200):
        bench.read(2, 2 * FIRST_REQUEST_S)
    assert bench.admission.request_s < 2 * FIRST_REQUEST_S


def test_rows_count() -> None:
    """Requests of many rows cost more, so fewer fit into a pass, and they leave room for single rows beside them."""
    bench = _Bench()
    bench.queue.row = 5e-6
    bench.read(1, 0.0)
    extra_s = 99 * (5e-6 + FIRST_DECODE_ROW_S)
    cost_s = FIRST_REQUEST_S + 5e-6 + extra_s
    assert bench.read(1000, 0.0, rows=100) == pytest.approx((CALM_S - extra_s) / cost_s, abs=1)
    bench.read(1, 0.0)
    batch_requests, single = 0, 0
    while bench.admission.admit(100):
        batch_requests += 1
    while bench.admission.admit(1):
        single += 1
    assert batch_requests > 1
    assert single >= int(extra_s / (FIRST_REQUEST_S + 5e-6))


def test_further_rows_cost_what_they_cost_in_a_larger_batch() -> None:
    """Batches of single rows say little about the cost of a row beside others."""
    bench = _Bench()
    bench.queue.row, bench.queue.sliced_row_s = 400e-6, 4e-6
    bench.read(1, 0.0)
    extra_s = 19 * (4e-6 + FIRST_DECODE_ROW_S)
    cost_s = FIRST_REQUEST_S + 400e-6 + extra_s
    assert bench.read(1000, 0.0, rows=20) == pytest.approx((CALM_S - extra_s) / cost_s, abs=1)


def test_answering_many_rows_is_part_of_the_cost() -> None:
    """What the batcher measured of answers of many rows is charged for each row beyond the first."""
    bench = _Bench()
    bench.queue.answer_row_s = 10e-6
    bench.read(1, 0.0)
    extra_s = 99 * (10e-6 + FIRST_DECODE_ROW_S)
    assert bench.read(1000, 0.0, rows=100) == pytest.approx((CALM_S - extra_s) / (FIRST_REQUEST_S + extra_s), abs=1)


def test_decoding_is_learned_by_rows() -> None:
    """Its time counts for later requests of many rows, and is left out of the cost of a request."""
    bench = _Bench()
    for _ in range(200):
        for _ in range(20):
            assert bench.admission.admit()
        bench.admission.worked(0.0005)
        bench.admission.decoded(100, 0.0005)
        bench.loop.turn(20 * FIRST_REQUEST_S + 0.0005)
    assert bench.admission.request_s == pytest.approx(FIRST_REQUEST_S, rel=0.05)
    extra_s = 99 * 5e-6
    bench.loop.turn(1.0)
    bench.loop.turn(1.0)
    bench.read(1, 0.0)
    expected = (CALM_S - extra_s) / (FIRST_REQUEST_S + extra_s)
    assert bench.read(1000, 0.0, rows=100) == pytest.approx(expected, abs=1)


def test_an_invalid_request_teaches_nothing() -> None:
    """The time to name its faults is not a request's cost."""
    bench = _Bench()
    for _ in range(200):
        for _ in range(20):
            assert bench.admission.admit()
        bench.admission.worked(0.001)
        bench.admission.rejected(1.0, 0.001)
        bench.loop.turn(20 * FIRST_REQUEST_S + 0.001)
    assert bench.admission.request_s == pytest.approx(FIRST_REQUEST_S, rel=0.05)


def test_an_invalid_request_is_charged_with_its_decoding_only() -> None:
    """Its rows never reach the model, so others of the same pass have that time."""
    bench = _Bench()
    bench.queue.row = 300e-6
    bench.read(1, 0.0)
    assert bench.admission.admit(10)
    bench.admission.rejected(10, 0.0005)
    left_s = CALM_S - FIRST_REQUEST_S - 0.0005
    assert bench.read(1000, 0.0) == pytest.approx(left_s / (FIRST_REQUEST_S + 300e-6), abs=1)


def test_requests_of_many_rows_are_charged_by_how_many_are_valid() -> None:
    """While all of them are invalid they are charged with the search for faults, and no longer with rows in the model."""
    bench = _Bench()
    bench.queue.row = bench.queue.sliced_row_s = 300e-6
    for _ in range(100):
        bench.admission.admit(20)
        bench.admission.rejected(20, 20 * 5e-6)
        bench.read(0, 0.001)
    extra_s = 19 * 5e-6
    cost_s = FIRST_REQUEST_S + 300e-6 + extra_s
    bench.read(1, 0.0)
    assert bench.read(1000, 0.0, rows=20) == pytest.approx((CALM_S - extra_s) / cost_s, abs=1)
    for _ in range(100):
        bench.admission.admit(20)
        bench.admission.decoded(20, 20 * FIRST_DECODE_ROW_S)
        bench.read(0, 0.001)
    extra_s = 19 * (300e-6 + FIRST_DECODE_ROW_S)
    cost_s = FIRST_REQUEST_S + 300e-6 + extra_s
    bench.read(1, 0.0)
    assert bench.read(1000, 0.0, rows=20) == pytest.approx((CALM_S - extra_s) / cost_s, abs=1)


def test_a_large_request_is_charged_with_its_turn() -> None:
    """Single rows wait for the part of the next batch that large requests take, and not for the other rows."""
    bench = _Bench()
    queue = bench.queue
    queue.slice_rows, queue.row, queue.large_bound_s = 20, 50e-6, 0.001
    bench.read(1, 0.0)
    assert bench.admission.admit(500)
    left_s = CALM_S - FIRST_REQUEST_S - 50e-6 - 499 * FIRST_DECODE_ROW_S - 0.001
    assert bench.read(1000, 0.0) == pytest.approx(left_s / (FIRST_REQUEST_S + 50e-6), abs=1)


def test_large_requests_wait_for_each_other_within_reason() -> None:
    """One is refused if it would be late because of those before it, unless its own rows take longer; single rows are not."""
    bench = _Bench()
    queue = bench.queue
    queue.slice_rows, queue.row, queue.large_bound_s, queue.sliced_row_s = 20, 50e-6, 0.001, 50e-6
    queue.turn, queue.backlog, queue.large_backlog = 0.001, 0.001, 0.005
    bench.read(1, 0.0)
    assert [bench.admission.admit(rows) for rows in (50, 90, 1)] == [True, False, True]
    queue.large_backlog = 0.020
    bench.read(1, 0.0)
    assert [bench.admission.admit(rows) for rows in (300, 600, 600, 1)] == [False, True, False, True]


def test_the_wait_of_large_requests_counts_what_else_is_done() -> None:
    """If they have a quarter of the time, those before take four times as long."""
    bench = _Bench()
    queue = bench.queue
    queue.slice_rows, queue.row, queue.large_bound_s, queue.sliced_row_s = 20, 50e-6, 0.001, 50e-6
    queue.large_backlog = 0.002
    bench.read(1, 0.0)
    assert bench.admission.admit(30)
    queue.large_stretch = 4.0
    bench.read(1, 0.0)
    assert not bench.admission.admit(30)


def test_refusing_large_requests_does_not_shorten_passes() -> None:
    """They are refused for the sake of others: single rows have the pass of a calm time."""
    bench = _Bench()
    queue = bench.queue
    queue.slice_rows, queue.row, queue.large_bound_s, queue.large_backlog = 20, 50e-6, 0.001, 1.0
    for _ in range(200):
        assert not bench.admission.admit(100)
        assert bench.read(1, 0.001) == 1
    assert bench.read(1000, 0.0) == pytest.approx(CALM_S / (FIRST_REQUEST_S + 50e-6), abs=2)


def test_a_request_that_costs_more_than_a_pass_is_let_in_alone() -> None:
    """Otherwise it would never be answered; no other request is admitted to the same pass."""
    bench = _Bench()
    bench.queue.row = 5e-6
    bench.read(1, 0.0)
    assert [bench.admission.admit(10_000), bench.admission.admit(1)] == [True, False]


def test_what_waits_in_the_queue_counts() -> None:
    """While the queue has the work of a full pass, no request is admitted."""
    bench = _Bench()
    bench.queue.backlog = CALM_S
    bench.read(1, 0.0)
    assert bench.read(10, 0.0) == 0
    bench.queue.backlog = 0.0
    bench.read(1, 0.0)
    assert bench.read(10, 0.0) == 10


def test_the_models_time_is_not_counted_twice() -> None:
    """What the model took within a pass is known by rows, and left out of the cost of a request."""
    bench = _Bench()
    for _ in range(2000):
        bench.read(20, 20 * 40e-6 + 0.001)
        bench.budget.turns.measured_s += 0.001
    assert bench.admission.request_s == pytest.approx(40e-6, rel=0.1)
