"""The micro-batcher, step by step: who is run with whom, when, and where."""

from __future__ import annotations

import pytest

from benchmarks.policies import FixedDelay, Immediate
from benchmarks.simulation.requester import CallbackRequester
from runners.errors import DrainingError
from runners.policy import Coalesce
from tests.runners.bench import Bench, in_thread
from tests.runners.echo import Ticket, rows_of


def test_requests_of_one_pass_are_one_batch() -> None:
    """What arrives in one pass of the loop is run at its end, together, and each gets its own predictions."""
    bench = Bench()
    tickets = [bench.submit(), bench.submit(3), bench.submit(2)]
    assert bench.batches == []
    bench.loop.turn(0.0)
    assert bench.batches == [6]
    assert all(ticket.right for ticket in tickets)
    assert bench.loop.idle


def test_nothing_waits_when_idle() -> None:
    """A lone request is run in the very next turn; no timer is set."""
    bench = Bench()
    ticket = bench.submit()
    bench.loop.turn(0.0)
    assert ticket.right
    assert bench.loop._later == []


def test_more_rows_than_a_batch_may_have_go_into_the_next_pass() -> None:
    """The policy bounds a batch; the loop gets to read in between."""
    bench = Bench(policy=Coalesce(1.0, 4))
    tickets = [bench.submit(3), bench.submit(3)]
    bench.loop.turn(0.0)
    assert bench.batches == [4]
    assert tickets[0].right
    assert tickets[1].answers == []
    bench.loop.turn(0.0)
    assert bench.batches == [4, 2]
    assert tickets[1].right


def test_hold_makes_a_certain_batch() -> None:
    """Nothing is run until so many rows wait; then they are one batch, and all goes on as before."""
    bench = Bench()
    bench.batcher.hold(3)
    tickets = [bench.submit(), bench.submit()]
    bench.run()
    assert bench.batches == []
    tickets.append(bench.submit())
    bench.run()
    assert bench.batches == [3]
    assert all(ticket.right for ticket in tickets)
    assert bench.submit() is not None
    bench.run()
    assert bench.batches == [3, 1]
    assert bench.batcher.stats.released == {"hold": 1, "pass": 1}


def test_hold_also_stops_what_was_arranged_already() -> None:
    """Rows that were submitted just before are part of the batch that is held."""
    bench = Bench()
    first = bench.submit()
    bench.batcher.hold(2)
    bench.run()
    assert first.answers == []
    bench.submit()
    bench.run()
    assert bench.batches == [2]


def test_a_dear_batch_runs_in_the_thread_while_the_loop_collects_the_next() -> None:
    """One batch at a time; what arrives meanwhile is the next one."""
    bench = in_thread()
    first = bench.submit()
    bench.run()
    assert len(bench.offload.waiting) == 1
    assert first.answers == []
    rest = [bench.submit(), bench.submit()]
    bench.run()
    assert len(bench.offload.waiting) == 1
    bench.offload.finish()
    assert first.right
    bench.run()
    bench.offload.finish()
    assert all(ticket.right for ticket in rest)
    assert bench.batches == [1, 2]


def test_a_cheap_batch_runs_on_the_loop() -> None:
    """The prediction decides; the time on the loop is added up for the admission."""
    bench = Bench(inline_s=0.001, batch_s=0.0005)
    bench.batcher.costs.observe(1, 0.0005)
    assert bench.submit() is not None
    bench.run()
    assert bench.offload.waiting == []
    assert bench.batcher.turns.measured_s == pytest.approx(0.0005)


def test_drain_answers_what_was_taken_and_refuses_the_rest() -> None:
    """The end is told once everything has been answered, not before."""
    bench = in_thread()
    reports: list[str] = []
    tickets = [bench.submit(), bench.submit(100)]
    bench.batcher.drain(lambda: reports.append("drained"))
    refused_ticket = bench.submit()
    assert isinstance(refused_ticket.error, DrainingError)
    bench.run()
    assert reports == []
    while bench.offload.waiting:
        assert reports == []
        bench.offload.finish()
        bench.run()
    assert reports == ["drained"]
    assert all(ticket.right for ticket in tickets)
    assert set(bench.batcher.stats.released) == {"drain"}


def test_drain_of_an_idle_batcher_ends_at_once() -> None:
    """Also when it is asked for a second time."""
    bench = Bench()
    reports: list[int] = []
    bench.batcher.drain(lambda: reports.append(1))
    bench.batcher.drain(lambda: reports.append(2))
    assert reports == [1, 2]


def test_drain_waits_for_neither_hold_nor_delay() -> None:
    """Whoever waits for a batch that will not come is answered now."""
    for bench in (Bench(policy=FixedDelay(10.0, 100)), Bench()):
        if isinstance(bench.batcher._policy, Coalesce):
            bench.batcher.hold(100)
        ticket = bench.submit()
        bench.run()
        assert ticket.answers == []
        bench.batcher.drain(lambda: None)
        bench.run()
        assert ticket.right


def test_drain_from_within_an_answer_waits_for_the_rest_of_the_batch() -> None:
    """The end is not told while others of the same batch still wait for their answer."""
    bench = Bench()
    order: list[str] = []
    first, second = Ticket(1, 1).work(), Ticket(2, 1).work()
    first.requester = CallbackRequester(lambda values, error: bench.batcher.drain(lambda: order.append("drained")))
    second.requester = CallbackRequester(lambda values, error: order.append("answered"))
    bench.batcher.submit(first)
    bench.batcher.submit(second)
    bench.run()
    assert order == ["answered", "drained"]


def test_a_request_submitted_from_within_an_answer_is_the_next_batch() -> None:
    """And it is arranged once."""
    bench = Bench()
    second_ticket = Ticket(9, 1)
    work = Ticket(1, 1).work()
    work.requester = CallbackRequester(lambda values, error: bench.batcher.submit(second_ticket.work()))
    bench.batcher.submit(work)
    bench.loop.turn(0.0)
    assert len(bench.loop._soon) == 1
    bench.run()
    assert second_ticket.right
    assert bench.batches == [1, 1]


def test_a_policy_may_have_each_request_run_at_once() -> None:
    """Within ``submit``, one request a batch, before the next is read."""
    bench = Bench(policy=Immediate())
    first, second = bench.submit(3), bench.submit()
    assert first.right
    assert second.right
    assert bench.batches == [3, 1]
    assert bench.batcher.stats.released == {"at_once": 2}


def test_a_policy_may_delay_until_a_time_or_a_full_batch() -> None:
    """The delay ends with the timer, or sooner with the row that fills the batch; then no timer is left."""
    bench = Bench(policy=FixedDelay(0.5, 3))
    first = bench.submit()
    bench.run()
    assert first.answers == []
    bench.loop.now += 0.5
    bench.loop.turn(0.0)
    bench.run()
    assert first.right
    rest = [bench.submit() for _ in range(3)]
    bench.run()
    assert all(ticket.right for ticket in rest)
    assert bench.batches == [1, 3]
    assert bench.batcher.stats.released == {"delay": 1, "full": 1}
    bench.loop.now += 10.0
    bench.loop.turn(0.0)
    assert bench.loop.idle


def test_stats_tell_waits_rows_seconds_and_predictions() -> None:
    """One wait a request, the other three one a batch."""
    bench = Bench(batch_s=0.002)
    bench.submit()
    bench.submit(2)
    bench.loop.now += 0.03
    bench.run()
    bench.submit(3)
    bench.run()
    stats = bench.batcher.stats
    assert sum(stats.wait_s.counts) == 3
    assert stats.wait_s.total == pytest.approx(0.06)
    assert stats.batch_rows.total == 6
    assert sum(stats.batch_rows.counts) == 2
    assert stats.batch_s.total == pytest.approx(0.004)
    assert sum(stats.predicted_ratio.counts) == 1  # of the first batch nothing was predicted


def test_backlog_and_row_cost_follow_what_was_measured() -> None:
    """Small requests are priced by slices, a large one by its turn in the next batch; a row by the batches that were."""
    bench = Bench(slice_rows=4, known_seconds={4: 0.004})
    assert bench.batcher.queue.backlog_s() == 0.0
    bench.submit(6)
    assert bench.batcher.queue.backlog_s() == bench.batcher.queue.large_turn_s() == pytest.approx(0.004)
    assert bench.batcher.queue.large_backlog_s() == pytest.approx(0.006)
    bench.submit(2)
    assert bench.batcher.queue.backlog_s() == pytest.approx(0.004 + 0.002)
    bench = Bench(slice_rows=4, known_seconds={4: 0.004})
    bench.submit(6)
    assert bench.batcher.row_s() == pytest.approx(0.001)
    bench.run()
    assert bench.batcher.row_s() == pytest.approx(0.001 / 4 + 0.1 * (0.001 / 2 - 0.001 / 4))


def test_a_pause_of_the_machine_hardly_moves_the_cost_of_a_row() -> None:
    """A batch that takes a hundred times as long counts twice; a cost that stays high is learned nevertheless."""
    bench = Bench(batch_s=0.001)
    bench.submit()
    bench.run()
    bench.model.batch_s = 0.1
    bench.submit()
    bench.run()
    assert bench.batcher.row_s() == pytest.approx(0.001 + 0.1 * 0.001)
    for _ in range(60):
        bench.submit()
        bench.run()
    assert bench.batcher.row_s() == pytest.approx(0.1, rel=0.1)


def test_rows_reach_the_model_as_they_were_sent() -> None:
    """A request that is a batch of its own is handed over without a copy."""
    bench = Bench()
    seen: list[bytes] = []
    run = bench.model.run_bytes

    def run_bytes(data: bytes, count: int) -> list[float]:
        seen.append(data)
        return run(data, count)

    bench.model.run_bytes = run_bytes  # type: ignore[method-assign]
    work = Ticket(7, 5).work()
    bench.batcher.submit(work)
    bench.run()
    assert seen == [rows_of(7, 5)]
    assert seen[0] is work.data
