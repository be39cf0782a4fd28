"""The batches of several models run in turns of the loop, the shortest first."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from runners.batcher import Limits, MicroBatcher
from runners.costs import BatchCosts
from runners.loop_turns import LoopTurns
from runners.policy import Coalesce
from runners.stats import Stats
from tests.runners.bench import HandOffload
from tests.runners.echo import EchoModel, Ticket
from tests.runners.manual_loop import ManualLoop


class _Models:
    """Batchers that share the turns of a loop by hand; ``ran`` has the index of the model of each batch."""

    def __init__(self, *row_s: float) -> None:
        self.loop = ManualLoop()
        self.turns = LoopTurns(self.loop)
        self.stats = Stats()
        self.offload = HandOffload()
        self.ran: list[int] = []
        self.batchers = [self._batcher(index, seconds) for index, seconds in enumerate(row_s)]
        self._requests = 0

    def _batcher(self, index: int, row_s: float) -> MicroBatcher:
        def spend(seconds: float) -> None:
            self.loop.now += seconds

        model = EchoModel(spend, 0.0, row_s)
        model.on_run = lambda _rows: self.ran.append(index)
        costs = BatchCosts(1024)
        costs.observe(1, row_s)
        limits = Limits(10_000, 4, 1.0, 4 * row_s)
        return MicroBatcher(model, self.loop, Coalesce(1.0, 1024), costs, limits, self.offload, self.turns, self.stats)

    def submit(self, index: int, count: int = 1) -> Ticket:
        """Submit a request to a model."""
        self._requests += 1
        ticket = Ticket(self._requests, count)
        self.batchers[index].submit(ticket.work(self.loop.now))
        return ticket

    def warm_up(self) -> None:
        """Let each model run one row, so that the time of a row is known."""
        for index in range(len(self.batchers)):
            self.submit(index)
            self.loop.turn(0.0)
        self.ran.clear()


def test_each_request_is_answered_by_its_own_model() -> None:
    """Rows of three models in one turn make three batches, and the counts are those of all."""
    models = _Models(0.001, 0.002, 0.003)
    tickets = [models.submit(index, 2) for index in (2, 0, 1, 0)]
    models.loop.turn(0.0)
    assert all(ticket.right for ticket in tickets)
    assert sorted(models.ran) == [0, 1, 2]
    assert models.stats.batch_rows.counts[:3] == [0, 2, 1]


def test_the_shortest_batch_runs_first() -> None:
    """A row of an inexpensive model that came last is answered before the rows of the expensive one."""
    models = _Models(0.100, 0.001)
    models.warm_up()
    models.submit(0)
    models.submit(1)
    models.loop.turn(0.0)
    assert models.ran == [1, 0]


def test_a_turn_ends_and_the_rest_is_first_in_the_next_one() -> None:
    """Requests are read between two long batches, and a short batch that came meanwhile does not overtake the postponed one."""
    models = _Models(0.010, 0.020, 0.001)
    models.warm_up()
    models.turns.turn_s = 0.005
    models.submit(1)
    models.submit(0)
    models.loop.turn(0.0)
    assert models.ran == [0]
    models.submit(2)
    models.loop.turn(0.0)
    models.loop.turn(0.0)
    assert models.ran == [0, 1, 2]


def test_large_requests_of_several_models_take_turns() -> None:
    """In each turn one model runs a slice of its large request; all are answered in the order of their rows."""
    models = _Models(0.001, 0.001)
    tickets = [models.submit(0, 12), models.submit(1, 12)]
    n_turns = 0
    while not models.loop.idle:
        models.loop.turn(0.0)
        n_turns += 1
        assert len(models.ran) == n_turns
    assert models.ran == [0, 1] * (n_turns // 2)
    assert all(ticket.right for ticket in tickets)


def test_small_requests_run_while_large_ones_of_another_model_have_the_turn() -> None:
    """Only large requests wait for their turn."""
    models = _Models(0.001, 0.001)
    models.submit(0, 12)
    models.submit(1, 12)
    small = [models.submit(0), models.submit(1)]
    models.loop.turn(0.0)
    assert all(ticket.right for ticket in small)


def test_a_batcher_that_raises_does_not_lose_the_others() -> None:
    """If a callback asks the process to end, the batches after it are not forgotten."""
    models = _Models(0.001, 0.002)
    models.warm_up()

    class Ending(Ticket):
        def finish(self, values: list[float] | None, error: Exception | None) -> None:
            raise SystemExit

    models.batchers[0].submit(Ending(77, 1).work(models.loop.now))
    other = models.submit(1)
    with pytest.raises(SystemExit):
        models.loop.turn(0.0)
    models.loop.turn(0.0)
    assert other.right


def test_batchers_without_rows_are_not_listed() -> None:
    """The cost of a pass does not grow with the models that have no requests."""
    models = _Models(*[0.001] * 20)
    assert models.turns.listed == []
    for index in range(20):
        models.submit(index)
    assert models.turns.queued_rows() == 20
    assert models.turns.is_waiting()
    models.loop.turn(0.0)
    models.submit(3)
    models.turns.prune()
    assert models.turns.listed == [models.batchers[3]]
    assert models.turns.backlog_s() == pytest.approx(0.001)
    models.turns.forget(models.batchers[3])
    assert models.turns.listed == []


def test_batches_in_threads_are_counted() -> None:
    """Passes are shorter while a thread competes for the core."""
    models = _Models(2.0)
    ticket = models.submit(0)
    models.loop.turn(0.0)
    assert models.turns.n_in_thread == 1
    models.offload.finish()
    assert models.turns.n_in_thread == 0
    assert ticket.right


@dataclass
class WaitingRows:
    """The queue of a batcher."""

    rows: int = 1
    holds_large: bool = False
    large_turn: int = 0
    has_large: bool = False

    def backlog_s(self) -> float:
        """Return no delay."""
        return 0.0

    def large_turn_s(self) -> float:
        """Return no time of large requests."""
        return 0.0


@dataclass(eq=False)
class NamedBatcher:
    """A batcher that notes its turns."""

    name: str
    cost_s: float
    order: list[str]
    queue: WaitingRows = field(default_factory=WaitingRows)
    is_listed: bool = False
    is_running: bool = False

    def dispatch(self) -> None:
        """Note the turn."""
        self.order.append(self.name)

    def expected_s(self) -> float:
        """Return the cost of the batch."""
        return self.cost_s


def _orders(turns: LoopTurns, loop: ManualLoop, batchers: list[NamedBatcher], order: list[str]) -> set[tuple[str, ...]]:
    """Return the different orders of 50 turns."""
    orders = set()
    for _ in range(50):
        for batcher in batchers:
            if not turns.due:
                loop.call_soon(turns.run)
            turns.due.append(batcher)
        order.clear()
        loop.turn(0.001)
        orders.add(tuple(order))
    return orders


def test_versions_of_one_model_take_turns_at_random() -> None:
    """The batches of a pair run in both orders, and a third model keeps its place; after the pair, the shortest runs first again."""
    loop = ManualLoop()
    order: list[str] = []
    turns = LoopTurns(loop)
    champion, challenger, other = (
        NamedBatcher(name, cost_s, order) for name, cost_s in (("champion", 0.9), ("challenger", 0.1), ("other", 0.5))
    )
    batchers = [champion, challenger, other]
    shortest_first = ("challenger", "other", "champion")
    assert _orders(turns, loop, batchers, order) == {shortest_first}
    turns.pair(champion, challenger)
    assert _orders(turns, loop, batchers, order) == {shortest_first, ("champion", "other", "challenger")}
    assert _orders(turns, loop, [champion, other], order) == {("other", "champion")}
    turns.unpair(champion, challenger)
    assert _orders(turns, loop, batchers, order) == {shortest_first}
