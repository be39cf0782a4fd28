"""Whatever the callbacks of some requests do, the micro-batcher answers all others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.policies import Immediate
from benchmarks.simulation.loop import SimulatedLoop
from benchmarks.simulation.requester import CallbackRequester
from runners.batcher import Limits, MicroBatcher
from runners.costs import BatchCosts
from runners.errors import GoneError, RunnerError
from runners.policy import Coalesce, Policy
from tests.examples import examples
from tests.runners.bench import Bench, in_thread
from tests.runners.echo import EchoModel, Ticket


def _raise(*_: object) -> NoReturn:
    raise ConnectionResetError("the transport is closed")


def _silent(bench: Bench, rows: int = 1, **options: Any) -> None:
    """Submit a request whose ``finish`` raises."""
    work = Ticket(900, rows).work(**options)
    work.requester = CallbackRequester(_raise, work.requester.is_abandoned)
    work.requester.request_id = "silent-1"  # type: ignore[attr-defined]
    bench.batcher.submit(work)


@pytest.mark.parametrize("make", [Bench, in_thread], ids=["on the loop", "in the thread"])
def test_an_answer_that_raises_touches_nobody_else(make: Callable[[], Bench], caplog: pytest.LogCaptureFixture) -> None:
    """Everybody else of the batch is answered, the next batch runs, and the exception is logged once and counted."""
    bench = make()
    before = bench.submit(3)
    _silent(bench, rows=2)
    after = bench.submit()
    with caplog.at_level(logging.ERROR, "tabento.runners"):
        bench.run()
        if bench.offload.waiting:
            bench.offload.finish()
    assert before.right
    assert after.right
    (record,) = caplog.records
    assert record.name == "tabento.runners"
    assert record.exc_info is not None
    assert record.exc_info[0] is ConnectionResetError
    assert record.request_id == "silent-1"  # type: ignore[attr-defined]
    assert bench.batcher.stats.callback_errors == 1
    assert bench.batcher.queued_rows == 0
    later = bench.submit()
    bench.run()
    if bench.offload.waiting:
        bench.offload.finish()
    assert later.right


def test_a_batch_whose_answers_all_raise_still_teaches_its_cost() -> None:
    """The model's time is known, whatever the clients do."""
    bench = Bench(batch_s=0.002)
    _silent(bench)
    bench.run()
    assert bench.batcher.costs.predict(1) == pytest.approx(0.002)


def test_the_answer_to_a_failed_row_may_raise() -> None:
    """A request of several slices that fails leaves the queue before its callback is called."""
    bench = Bench(slice_rows=2)
    bench.model.raises = {900_001.0}
    _silent(bench, rows=6)
    other = bench.submit(5)
    bench.run()
    assert other.right
    assert bench.batcher.queued_rows == 0
    assert bench.batcher.stats.dropped == {"failed": 1}


def test_the_answer_to_a_dropped_request_may_raise() -> None:
    """Expired, gone, too many or draining: ``submit`` does not raise, and the rest is answered."""
    bench = Bench(max_queue_rows=4)
    _silent(bench, deadline=-1.0)
    _silent(bench, is_gone=lambda: True)
    ticket = bench.submit()
    _silent(bench, rows=10)
    bench.run()
    bench.batcher.drain(lambda: None)
    _silent(bench)
    assert ticket.right
    assert bench.batcher.stats.dropped == {"expired": 1, "gone": 1, "queue_full": 1, "draining": 1}
    assert bench.batcher.stats.callback_errors == 4


def test_a_client_of_whom_it_cannot_be_told_is_answered() -> None:
    """If the question whether a client has left raises, its rows are run, and the exception is counted."""
    bench = Bench()
    ticket, other = bench.submit(is_gone=_raise), bench.submit()
    bench.run()
    assert ticket.right
    assert other.right
    assert bench.batcher.stats.callback_errors == 1


def test_everybody_hears_the_end_of_a_drain() -> None:
    """One who raises keeps it from nobody, neither at once nor after the last batch."""
    reports: list[int] = []
    bench = Bench()
    bench.submit()
    bench.batcher.drain(_raise)
    bench.batcher.drain(lambda: reports.append(1))
    bench.run()
    bench.batcher.drain(_raise)
    bench.batcher.drain(lambda: reports.append(2))
    assert reports == [1, 2]
    assert bench.batcher.stats.callback_errors == 2


def test_a_batch_that_cannot_be_put_together_is_answered() -> None:
    """An error outside of the model, for want of memory, is an error to all of its requests, not a silence."""
    bench = Bench()

    def run(*_: object) -> list[object]:
        raise MemoryError("no room for the rows")

    bench.batcher._batch.run = run  # type: ignore[method-assign, assignment]
    tickets = [bench.submit(), bench.submit(2)]
    bench.run()
    for ticket in tickets:
        assert isinstance(ticket.error, RunnerError)
        assert "no room for the rows" in str(ticket.error)


def test_an_exit_is_not_swallowed() -> None:
    """The process is asked to end: that goes on to the loop, and the batcher can still be drained."""
    bench = Bench()

    def leave(*_: object) -> None:
        raise SystemExit(3)

    work = Ticket(1, 1).work()
    work.requester = CallbackRequester(leave)
    bench.batcher.submit(work)
    with pytest.raises(SystemExit):
        bench.run()
    reports: list[int] = []
    bench.batcher.drain(lambda: reports.append(1))
    assert reports == [1]


@dataclass(frozen=True)
class Caller:
    """A request and what its callbacks do."""

    at_s: float
    rows: int
    breaks_model: bool
    expires: bool
    answer: str
    """What ``done`` does: ``keep`` the answer, ``raise``, submit ``again``, ``drain``; the last two may raise as well."""
    departure: str
    """The behaviour of ``is_abandoned``: the client ``stays`` or has ``left``, or the call does ``raise``."""


CALLERS = st.builds(
    Caller,
    at_s=st.integers(0, 20).map(lambda halves: halves * 0.0005),
    rows=st.one_of(st.integers(1, 3), st.integers(1, 60)),
    breaks_model=st.sampled_from([False, False, False, True]),
    expires=st.sampled_from([False, False, False, True]),
    answer=st.sampled_from(["keep", "keep", "raise", "again", "again raise", "drain", "drain raise"]),
    departure=st.sampled_from(["stays", "stays", "left", "raise"]),
)


@settings(max_examples=examples(300), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(CALLERS, min_size=1, max_size=12),
    st.sampled_from([Coalesce(0.005, 256), Coalesce(0.005, 5), Immediate()]),
    st.sampled_from([0.0, float("inf")]),
    st.sampled_from([4, 16]),
    st.sampled_from([20, 10_000]),
)
def test_whatever_callbacks_do_each_request_is_answered_once(
    callers: list[Caller], policy: Policy, inline_s: float, slice_rows: int, max_queue_rows: int
) -> None:
    """They raise, submit, drain and mix these; every request gets one answer, every drain its end, and nothing is left."""
    loop = SimulatedLoop(pass_s=1e-5, switch_s=1e-4)
    model = EchoModel(loop.spend, 1e-3, 1e-5)
    costs = BatchCosts(512)
    for size in (1, 8, 64, 512):
        costs.observe(size, 1e-3 + size * 1e-5)
    limits = Limits(max_queue_rows, slice_rows, inline_s, 0.0012)
    batcher = MicroBatcher(model, loop, policy, costs, limits, loop.offload)
    tickets: list[Ticket] = []
    raised = drains = 0
    drained: list[bool] = []

    def drain() -> None:
        nonlocal drains
        drains += 1
        batcher.drain(on_drained)

    def on_drained() -> None:
        drained.append(batcher.queued_rows == 0)
        if len(drained) % 2:
            nonlocal raised
            raised += 1
            raise RuntimeError("told")

    def submit(caller: Caller) -> None:
        number = len(tickets)
        ticket = Ticket(number, caller.rows)
        tickets.append(ticket)
        if caller.breaks_model:
            model.raises.add(float(number * 1000))
        work = ticket.work(loop.time(), -1.0 if caller.expires else float("inf"))

        def fail() -> None:
            nonlocal raised
            raised += 1
            raise OSError("the transport is closed")

        def finish(values: list[float] | None, error: Exception | None) -> None:
            ticket.finish(values, error)
            if "again" in caller.answer and len(tickets) < 60:
                submit(Caller(0.0, 1, False, False, "keep", "stays"))
            if "drain" in caller.answer:
                drain()
            if "raise" in caller.answer:
                fail()

        def is_gone() -> bool:
            if caller.departure == "raise":
                fail()
            return caller.departure == "left"

        work.requester = CallbackRequester(finish, is_gone)
        batcher.submit(work)

    callers = sorted(callers, key=lambda caller: caller.at_s)
    loop.run([caller.at_s for caller in callers], lambda index: submit(callers[index]))
    drain()
    loop.run()
    for ticket in tickets:
        ((values, error),) = ticket.answers
        assert values is None or ticket.right
        assert not isinstance(error, GoneError) or values is None
    assert batcher.queued_rows == 0
    assert (batcher.is_running, batcher._arranged, batcher.queue._large_rows) == (False, False, 0)
    assert not any((batcher.queue._small, batcher.queue._large, batcher._drained))
    assert len(drained) == drains
    assert all(drained)
    assert batcher.stats.callback_errors == raised
