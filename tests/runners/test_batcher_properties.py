"""What holds of the micro-batcher whatever comes: requests of any size and fate, on a simulated clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.policies import Aimd, FixedDelay, Immediate, MeanRegression
from benchmarks.simulation.loop import SimulatedLoop
from benchmarks.simulation.requester import CallbackRequester
from runners.batcher import Limits, MicroBatcher
from runners.costs import BatchCosts
from runners.errors import DrainingError, ExpiredError, GoneError, InferenceError, QueueFullError, RunnerError
from runners.policy import Coalesce, Policy
from tests.examples import examples
from tests.runners.echo import PLACES, EchoModel, Ticket

NEVER = float("inf")
BATCH_S, ROW_S = 1e-3, 1e-5

POLICIES: dict[str, Callable[[], Policy]] = {
    "coalesce": lambda: Coalesce(0.005, 256),
    "small_batches": lambda: Coalesce(0.005, 7),
    "immediate": Immediate,
    "fixed_delay": lambda: FixedDelay(0.002, 50),
    "aimd": lambda: Aimd(0.002, 100),
    "mean_regression": lambda: MeanRegression(0.01, 100),
}


@dataclass(frozen=True)
class Request:
    """What comes, and what becomes of it on the way."""

    at_s: float
    rows: int
    faults: tuple[tuple[int, str], ...] = ()
    """Rows that break the model, and how."""
    deadline_s: float = NEVER
    """From its arrival."""
    strict: bool = False
    gone_s: float = NEVER
    """When its client leaves, from its arrival."""
    asks_again: bool = False
    """Whether its answer has the client send a single row more, at once."""


@dataclass(frozen=True)
class World:
    """All that happens in one example."""

    requests: tuple[Request, ...]
    policy: str
    slice_rows: int
    max_queue_rows: int
    inline_s: float
    hold_rows: int
    drain_s: float
    bad_threads: frozenset[int]
    """Which batches that go to the thread find it broken: even ones at its start, odd ones while it runs."""


@dataclass
class Story:
    """What did happen."""

    tickets: list[Ticket] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    submitted_s: list[float] = field(default_factory=list)
    first_run_s: dict[int, float] = field(default_factory=dict)
    """When the first row of a request was first run, in the order in which that happened."""
    rows_run: set[int] = field(default_factory=set)
    """The requests of which a row was run."""
    rows_run_of: dict[int, float] = field(default_factory=dict)
    """The last row of each request that was run."""
    drained_at: list[float] = field(default_factory=list)
    answered_at_drain: list[bool] = field(default_factory=list)


def _requests() -> st.SearchStrategy[Request]:
    times = st.integers(0, 40).map(lambda halves: halves * 0.0005)
    sizes = st.one_of(st.integers(1, 3), st.integers(1, 3), st.integers(1, 300))
    return sizes.flatmap(
        lambda rows: st.builds(
            Request,
            at_s=times,
            rows=st.just(rows),
            faults=st.one_of(
                st.just(()),
                st.lists(
                    st.tuples(st.integers(0, rows - 1), st.sampled_from(["raises", "drops", "adds"])), max_size=3
                ).map(tuple),
            ),
            deadline_s=st.one_of(st.just(NEVER), times),
            strict=st.booleans(),
            gone_s=st.one_of(st.just(NEVER), times),
            asks_again=st.booleans(),
        )
    )


WORLDS = st.builds(
    World,
    requests=st.lists(_requests(), min_size=1, max_size=12).map(
        lambda requests: tuple(sorted(requests, key=lambda request: request.at_s))
    ),
    policy=st.sampled_from(sorted(POLICIES)),
    slice_rows=st.sampled_from([2, 16, 64, 500]),
    max_queue_rows=st.sampled_from([1, 10, 100, 10_000]),
    inline_s=st.sampled_from([0.0, 0.0015, NEVER]),
    hold_rows=st.sampled_from([0, 0, 2, 50, 20_000]),
    drain_s=st.one_of(st.just(1.0), st.integers(0, 40).map(lambda halves: halves * 0.0005 + 0.0001)),
    bad_threads=st.one_of(st.just(frozenset[int]()), st.frozensets(st.integers(0, 5), max_size=3)),
)


class Play:
    """Lets a world happen, and looks at the bounds all the while."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.story = Story()
        self.loop = SimulatedLoop(pass_s=1e-5, switch_s=1e-4, read_limit=4)
        self.model = EchoModel(self.loop.spend, BATCH_S, ROW_S)
        self.model.on_run = self._on_run
        costs = BatchCosts(512)
        for size in (1, 8, 64, 512):
            costs.observe(size, BATCH_S + size * ROW_S)
        self._to_thread = 0
        limits = Limits(world.max_queue_rows, world.slice_rows, world.inline_s)
        self.batcher = MicroBatcher(self.model, self.loop, POLICIES[world.policy](), costs, limits, self._offload)

    def run(self) -> Story:
        """Let it happen."""
        if self.world.hold_rows:
            self.batcher.hold(self.world.hold_rows)
        self.loop.call_later(self.world.drain_s, self.batcher.drain, self._on_drained)
        arrivals = [request.at_s for request in self.world.requests]
        self.loop.run(arrivals, lambda index: self._submit(self.world.requests[index]))
        self._look()
        return self.story

    def _submit(self, request: Request) -> None:
        story, now = self.story, self.loop.time()
        number = len(story.tickets)
        ticket = Ticket(number, request.rows)
        story.tickets.append(ticket)
        story.requests.append(request)
        story.submitted_s.append(now)
        for row, how in request.faults:
            getattr(self.model, how).add(float(number * PLACES + row))
        work = ticket.work(
            now,
            now + request.deadline_s,
            strict=request.strict,
            is_gone=lambda: self.loop.time() >= now + request.gone_s,
        )

        def finish(values: list[float] | None, error: Exception | None) -> None:
            ticket.finish(values, error)
            if request.asks_again:
                self._submit(Request(now, 1))

        work.requester = CallbackRequester(finish, ticket.is_abandoned)
        self.batcher.submit(work)
        self._look()

    def _on_run(self, rows: list[float]) -> None:
        places: dict[int, list[float]] = {}
        for row in rows:
            places.setdefault(int(row) // PLACES, []).append(row)
        small = [number for number in places if self.story.requests[number].rows <= self.world.slice_rows]
        assert small == sorted(small), "small requests are in the order in which they came"
        assert list(places)[: len(small)] == small, "large requests come behind them"
        for number, its_rows in places.items():
            before = self.story.rows_run_of.setdefault(number, its_rows[0] - 1)
            if before != its_rows[0] - 1:  # a batch that failed is run again by halves
                assert its_rows[0] <= before
            assert its_rows == [its_rows[0] + step for step in range(len(its_rows))], "rows of a request are in order"
            self.story.rows_run_of[number] = max(its_rows[-1], before)
        for row in rows:
            number = int(row) // PLACES
            self.story.rows_run.add(number)
            if row % PLACES == 0:
                self.story.first_run_s.setdefault(number, self.loop.time())
        self._look()

    def _offload(self, function: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        number = self._to_thread
        self._to_thread += 1
        if number not in self.world.bad_threads:
            self.loop.offload(function, done)
        elif number % 2:
            self.loop.call_later(0.001, done, None, OSError("the thread died"))
        else:
            raise RuntimeError("no thread")

    def _on_drained(self) -> None:
        story = self.story
        story.drained_at.append(self.loop.time())
        story.answered_at_drain = [bool(ticket.answers) for ticket in story.tickets]

    def _look(self) -> None:
        """The bound holds: only a request that is larger than the queue, let in when it was empty, may exceed it."""
        waiting = self.batcher.queued_rows
        largest = max((ticket.count for ticket in self.story.tickets), default=0)
        assert 0 <= waiting <= max(self.world.max_queue_rows, largest)
        if waiting > self.world.max_queue_rows:
            assert len(self.batcher.queue._small) + len(self.batcher.queue._large) == 1
        assert waiting == sum(
            work.count - work.n_taken for work in (*self.batcher.queue._small, *self.batcher.queue._large)
        )
        assert self.batcher.queue._large_rows == sum(work.count - work.n_taken for work in self.batcher.queue._large)


@settings(max_examples=examples(150), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS)
def test_whatever_happens_each_request_is_answered_once_and_rightly(world: World) -> None:
    """Its own rows' predictions, or the reason that fits; the queue is empty at the end, and the bound always held."""
    play = Play(world)
    story = play.run()
    assert play.batcher.queued_rows == 0
    for ticket, request, submitted in zip(story.tickets, story.requests, story.submitted_s, strict=True):
        ((values, error),) = ticket.answers
        if values is not None:
            assert ticket.right
            assert not request.faults
        elif isinstance(error, InferenceError):
            assert error.row == min(row for row, _ in request.faults)
        elif isinstance(error, ExpiredError):
            assert request.deadline_s < NEVER
            assert request.strict or ticket.request not in story.rows_run
        elif isinstance(error, GoneError):
            assert request.gone_s < NEVER
        elif isinstance(error, QueueFullError | DrainingError):
            assert ticket.request not in story.rows_run
            assert not isinstance(error, DrainingError) or submitted >= world.drain_s
        else:
            assert isinstance(error, RunnerError)
            assert "thread" in str(error)
            assert world.bad_threads


@settings(max_examples=examples(150), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS)
def test_requests_are_begun_in_order_and_in_time(world: World) -> None:
    """Of small requests, and of large ones, first come is first run; none runs late, or after its client has left."""
    story = Play(world).run()
    for large in (False, True):
        started_requests = [
            number for number in story.first_run_s if (story.requests[number].rows > world.slice_rows) is large
        ]
        assert started_requests == sorted(started_requests)
    for number, moment in story.first_run_s.items():
        since = story.submitted_s[number]
        assert moment <= since + story.requests[number].deadline_s
        assert moment < since + story.requests[number].gone_s


@settings(max_examples=examples(150), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS)
def test_drain_answers_all_that_came_before_and_refuses_all_after(world: World) -> None:
    """Its end is told once, when everybody who was there has an answer; whoever comes later costs no run."""
    story = Play(world).run()
    assert len(story.drained_at) == 1
    assert all(story.answered_at_drain)
    for number in range(len(story.answered_at_drain), len(story.tickets)):
        assert isinstance(story.tickets[number].error, DrainingError)
        assert number not in story.rows_run


@settings(max_examples=examples(50), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, st.integers(0, 10_000))
def test_a_row_that_breaks_the_model_changes_nobody_elses_answer(world: World, selected: int) -> None:
    """In a world where nobody leaves, expires or drains early, all but the faulty are answered with success."""
    calm = [
        Request(request.at_s, request.rows, request.faults if index == selected % len(world.requests) else ())
        for index, request in enumerate(world.requests)
    ]
    story = Play(World(tuple(calm), world.policy, world.slice_rows, 10_000, world.inline_s, 0, 10.0, frozenset())).run()
    for ticket, request in zip(story.tickets, story.requests, strict=True):
        assert ticket.right is not bool(request.faults)
