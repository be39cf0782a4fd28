"""All models of a loop share its passes."""

from __future__ import annotations

import pytest

from runners.costs import BatchCosts
from runners.loop_budget import ACTIVE_S, FIRST_REQUEST_S, SHARING_S, LoopBudget
from runners.meter import TURNS
from runners.pass_length import CALM_PASS_SHARE
from runners.runner import Runner, RunnerOptions
from tests.runners.bench import HandOffload
from tests.runners.echo import EchoModel, Ticket
from tests.runners.manual_loop import ManualLoop

TIGHT_S = 0.010
LOOSE_S = 0.050


class _Service:
    """Models on one loop by hand; a model for each SLO, with rows that cost nothing."""

    def __init__(self, *slo_s: float, row_s: float = 0.0) -> None:
        self.loop = ManualLoop()
        self.budget = LoopBudget(self.loop)
        self.runners = []
        for seconds in slo_s:
            costs = BatchCosts(1024)
            for rows in (1, 64, 1024):
                costs.observe(rows, rows * row_s)
            options = RunnerOptions(seconds)
            self.runners.append(Runner(EchoModel(), self.loop, HandOffload(), options, costs, shared=self.budget))

    def read(self, model: int, requests: int) -> int:
        """Read requests to a model; return the number of admitted ones."""
        admission = self.runners[model].admission
        return sum(admission.admit() for _ in range(requests))

    def rest(self, seconds: float) -> None:
        """Let the loop sleep."""
        for _ in range(TURNS):
            self.loop.turn(0.0)
        self.loop.now += seconds


def test_the_requests_of_all_models_fill_the_same_pass() -> None:
    """Two models with the same SLO admit together what one alone would."""
    service = _Service(TIGHT_S, TIGHT_S)
    pass_requests = TIGHT_S * CALM_PASS_SHARE / FIRST_REQUEST_S
    half = int(pass_requests / 2)
    assert service.read(0, half) == half
    assert service.read(1, 1000) == pytest.approx(pass_requests - half, abs=2)


def test_a_model_with_a_tight_slo_shortens_passes_while_it_has_requests() -> None:
    """After its last request was long ago, passes are as long as the other model allows."""
    service = _Service(TIGHT_S, LOOSE_S)
    service.read(1, 1)
    assert service.budget.length.slo_s == LOOSE_S
    service.read(0, 1)
    assert service.budget.length.slo_s == TIGHT_S
    service.rest(0.9 * ACTIVE_S)
    service.read(1, 1)
    assert service.budget.length.slo_s == TIGHT_S
    service.rest(0.2 * ACTIVE_S)
    service.read(1, 1)
    service.rest(SHARING_S)
    assert service.budget.length.slo_s == LOOSE_S
    assert service.read(1, 10_000) == pytest.approx(LOOSE_S * CALM_PASS_SHARE / FIRST_REQUEST_S, abs=2)


def test_batches_are_as_short_as_the_tightest_slo_allows() -> None:
    """A model with a loose SLO runs smaller batches beside a model with a tight one, and its own again afterwards."""
    service = _Service(TIGHT_S, LOOSE_S, row_s=0.001)
    model = service.runners[1].batcher._batch

    def batch_rows() -> int:
        tickets = [Ticket(number, 1) for number in range(50)]
        for ticket in tickets:
            service.runners[1].batcher.submit(ticket.work(service.loop.now))
        rows = service.runners[1].batcher._take(service.loop.now)[1]
        while not service.loop.idle:
            service.loop.turn(0.0)
        return rows

    service.read(1, 1)
    assert batch_rows() == 25
    service.read(0, 1)
    service.rest(0.0)
    service.read(1, 1)
    assert batch_rows() == 5
    service.rest(2 * ACTIVE_S)
    service.read(1, 1)
    service.rest(0.0)
    service.read(1, 1)
    assert batch_rows() == 25
    assert model is service.runners[1].batcher._batch


def test_each_model_has_its_own_cost_of_a_request() -> None:
    """From passes of both kinds of requests in changing numbers, the cost of each is learned."""
    service = _Service(TIGHT_S, TIGHT_S)
    costs_s = (20e-6, 120e-6)
    for number in range(6000):
        n_first, n_second = (30, 2) if number % 2 else (4, 15)
        admitted = service.read(0, n_first), service.read(1, n_second)
        service.loop.turn(sum(count * cost_s for count, cost_s in zip(admitted, costs_s, strict=True)))
    learned_s = [runner.admission.request_s for runner in service.runners]
    assert learned_s == pytest.approx(costs_s, rel=0.15)


def test_a_new_model_starts_with_the_cost_of_the_others() -> None:
    """A model that is loaded later is not charged with a guess."""
    service = _Service(TIGHT_S, TIGHT_S)
    for _ in range(3000):
        service.loop.turn(service.read(0, 40) * 20e-6)
    assert service.runners[1].admission.request_s == FIRST_REQUEST_S
    service.read(1, 1)
    assert service.runners[1].admission.request_s == pytest.approx(20e-6, rel=0.1)


def test_an_expensive_model_does_not_lower_the_cost_of_the_others() -> None:
    """If the cost of a model is far too high, only that cost is lowered by the passes that it shares."""
    service = _Service(TIGHT_S, TIGHT_S)
    first, second = (runner.admission for runner in service.runners)
    service.read(0, 1)
    service.read(1, 1)
    service.loop.turn(40e-6)
    first.request_s, second.request_s = 19e-6, 500e-6
    for _ in range(2000):
        service.loop.turn(20e-6 * (service.read(0, 1) + service.read(1, 1)))
    assert first.request_s == pytest.approx(19e-6, rel=0.05)
    assert second.request_s < 60e-6


def test_waiting_rows_of_all_models_count() -> None:
    """While the queue of one model has the work of a full pass, no other request is admitted beyond its model's share."""
    service = _Service(TIGHT_S, TIGHT_S, row_s=0.001)
    service.read(0, 1)
    service.rest(0.0)
    for number in range(60):
        service.runners[1].batcher.submit(Ticket(number, 1).work(service.loop.now))
    assert service.budget.queued_rows() == 60
    service.budget.turns.due.clear()  # the batch is late
    service.read(0, 1)
    assert service.budget.allowance_s < 0.0
    assert service.read(0, 10) == 0


def test_idle_models_are_not_asked() -> None:
    """A pass reads no number of a model without requests."""
    service = _Service(*[TIGHT_S] * 200)
    for runner in service.runners[1:]:
        del runner.batcher.queue  # any use of it would raise AttributeError
    for _ in range(100):
        service.read(0, 20)
        service.loop.turn(0.001)
    assert service.budget.turns.listed == []


def test_a_model_that_left_is_forgotten() -> None:
    """Neither its SLO nor its share has an effect any more, from the next pass on."""
    service = _Service(TIGHT_S, LOOSE_S)
    service.read(0, 5)
    service.read(1, 5)
    shared = [service.budget.is_shared]
    service.runners[0].close()
    shared.append(service.budget.is_shared)
    assert shared == [True, False]
    assert service.budget.length.slo_s == LOOSE_S
    assert (service.budget.kept_s, service.runners[1].admission.quota_s) == (0.0, 0.0)
    service.rest(0.0)
    assert service.read(1, 10_000) == pytest.approx(LOOSE_S * CALM_PASS_SHARE / FIRST_REQUEST_S, abs=2)
    service.runners[0].close()


def test_all_batchers_have_the_same_counts() -> None:
    """The counts of the loop are those of all of its models; whether a model failed is its own."""
    service = _Service(TIGHT_S, TIGHT_S)
    first, second = (runner.batcher for runner in service.runners)
    assert first.stats is second.stats is service.budget.stats
    first._batch._model.raises = {1000.0}  # type: ignore[attr-defined]
    tickets = [Ticket(1, 1), Ticket(2, 1)]
    first.submit(tickets[0].work(service.loop.now))
    second.submit(tickets[1].work(service.loop.now))
    service.loop.turn(0.0)
    assert tickets[0].error is not None
    assert tickets[1].right
    assert (first.last_failed, second.last_failed) == (True, False)
    assert service.budget.stats.dropped == {"failed": 1}
