"""Shadow work runs in time that no request needs."""

from __future__ import annotations

import logging

import pytest

from runners.costs import BatchCosts
from runners.loop_budget import LoopBudget
from runners.meter import TURNS
from runners.runner import Runner, RunnerOptions
from runners.spare_time import CALM_S, LONGEST_PIECE_SHARE, PIECE_SHARE, RETRY_S
from tests.runners.bench import HandOffload
from tests.runners.echo import EchoModel, Ticket
from tests.runners.manual_loop import ManualLoop

SLO_S = 0.010


class _Service:
    """One model on a loop by hand, and what shadow work sees of it."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.budget = LoopBudget(self.loop)
        costs = BatchCosts(1024)
        costs.observe(1, 0.0001)
        options = RunnerOptions(SLO_S)
        self.runner = Runner(EchoModel(), self.loop, HandOffload(), options, costs, shared=self.budget)
        self.calls = 0
        self.runner.admission.admit()  # sets the SLO
        self.end_pass()

    def called(self) -> None:
        """Count a call for shadow work."""
        self.calls += 1

    def end_pass(self) -> None:
        """Turn the loop until no request is read any more."""
        for _ in range(TURNS):
            self.loop.turn(0.0)


def test_an_idle_loop_has_a_piece_of_time() -> None:
    """A piece is short compared with the SLO, however long the loop was idle."""
    service = _Service()
    assert service.budget.spare_s() == 0.0
    service.loop.now += 5.0
    assert service.budget.spare_s() == pytest.approx(SLO_S * PIECE_SHARE)


def test_time_that_was_taken_is_gone() -> None:
    """What is taken comes back by the allowed share of time only."""
    service = _Service()
    service.budget.spare.loop_share = 0.25
    service.budget.spare_s()
    service.loop.now += 5.0
    assert service.budget.take_spare(0.0008)
    assert not service.budget.take_spare(0.0008)
    assert service.budget.spare.taken_s == pytest.approx(0.0008)
    service.loop.now += 0.0004
    assert service.budget.spare_s() == pytest.approx(0.0002 + 0.25 * 0.0004)


@pytest.mark.parametrize("seconds", [-1.0, 0.5, float("nan")])
def test_more_than_there_is_cannot_be_taken(seconds: float) -> None:
    """Neither too much nor a senseless number is taken."""
    service = _Service()
    service.budget.spare_s()
    service.loop.now += 5.0
    assert not service.budget.take_spare(seconds)
    assert service.budget.spare.taken_s == 0.0


def test_a_busy_loop_has_none() -> None:
    """While requests are read in each turn there is no spare time, and time of that kind is not counted as idle."""
    service = _Service()
    service.budget.call_when_free(service.called)
    for _ in range(500):
        service.runner.admission.admit()
        assert service.budget.spare_s() == 0.0
        service.loop.turn(0.001)
    assert service.calls == 0
    service.end_pass()
    assert service.budget.spare_s() == 0.0


def test_rows_that_wait_come_first() -> None:
    """An idle loop with rows in a queue, for instance behind a batch in a thread, has no spare time."""
    service = _Service()
    service.budget.spare_s()
    service.loop.now += 5.0
    ticket = Ticket(1, 1)
    service.runner.batcher.submit(ticket.work(service.loop.now))
    assert service.budget.spare_s() == 0.0
    service.loop.turn(0.0)
    assert ticket.right
    assert service.budget.spare_s() > 0.0


def test_after_a_refusal_there_is_none_for_a_while() -> None:
    """A service that had to refuse a request has no time to give away, though its loop may be idle now."""
    service = _Service()
    service.budget.spare_s()
    for _ in range(2):
        for _ in range(1000):
            service.runner.admission.admit()
        service.loop.turn(0.001)
    service.end_pass()
    service.loop.now += 0.9 * CALM_S
    assert service.budget.spare_s() == 0.0
    service.loop.now += 0.2 * CALM_S
    assert service.budget.spare_s() > 0.0


def test_shadow_work_is_called_when_the_loop_has_time() -> None:
    """Each callback is called once, in the order of the requests for time."""
    service = _Service()
    calls: list[int] = []
    for number in range(3):
        service.budget.call_when_free(lambda number=number: calls.append(number))  # type: ignore[misc]
    for _ in range(10):
        service.loop.turn(RETRY_S)
    assert calls == [0, 1, 2]
    for _ in range(10):
        service.loop.turn(RETRY_S)
    assert calls == [0, 1, 2]


def test_shadow_work_that_came_during_a_pass_is_called_after_it() -> None:
    """The end of a pass offers the time; a new pass takes it back."""
    service = _Service()
    service.budget.spare_s()
    service.loop.now += 5.0
    service.runner.admission.admit()
    service.budget.call_when_free(service.called)
    service.loop.turn(0.0)
    assert service.calls == 0
    service.end_pass()
    service.loop.turn(0.0)
    assert service.calls == 1


def test_a_row_that_is_longer_than_a_piece_gets_its_time() -> None:
    """A model whose single row takes a third of the SLO waits until the loop was idle for as long."""
    service = _Service()
    need_s = SLO_S / 3
    outcomes: list[bool] = []
    service.budget.call_when_free(lambda: outcomes.append(service.budget.take_spare(need_s)), need_s)
    for _ in range(10):
        service.loop.turn(RETRY_S)
    assert outcomes == [True]


def test_a_row_that_is_longer_than_the_slo_is_called_with_the_longest_piece() -> None:
    """The callback decides what to do with less than it needs."""
    service = _Service()
    spare_s: list[float] = []
    service.budget.call_when_free(lambda: spare_s.append(service.budget.spare_s()), 1.0)
    for _ in range(10):
        service.loop.turn(RETRY_S)
    assert spare_s == pytest.approx([SLO_S * LONGEST_PIECE_SHARE])


def test_shadow_work_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The next callback is called as usual."""
    service = _Service()

    def fail() -> None:
        raise ValueError("no challenger")

    service.budget.call_when_free(fail)
    service.budget.call_when_free(service.called)
    with caplog.at_level(logging.ERROR):
        for _ in range(10):
            service.loop.turn(RETRY_S)
    assert service.calls == 1
    assert "no challenger" in caplog.text
