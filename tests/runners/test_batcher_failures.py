"""The micro-batcher, step by step: who gets no predictions, and that nobody else is touched by it."""

from __future__ import annotations

import pytest

from benchmarks.simulation.requester import CallbackRequester
from runners.errors import ExpiredError, GoneError, InferenceError, QueueFullError, RunnerError
from tests.runners.bench import Bench, in_thread
from tests.runners.echo import Ticket


def test_a_row_that_breaks_the_model_fails_its_own_request_only() -> None:
    """The batch is run again by halves; the error names the row, and what went wrong."""
    bench = Bench()
    bench.model.raises = {3002.0}
    tickets = [bench.submit(4) for _ in range(4)]
    bench.run()
    assert [ticket.right for ticket in tickets] == [True, True, False, True]
    error = tickets[2].error
    assert isinstance(error, InferenceError)
    assert error.row == 2
    assert "this row breaks the model" in str(error)


def test_a_failed_batch_is_halved_no_more_often_than_needed() -> None:
    """Eight single rows with one bad: eight, four and four, then two and two, then one and one."""
    bench = Bench()
    bench.model.raises = {6000.0}
    for _ in range(8):
        bench.submit()
    bench.run()
    assert bench.batches == [8, 4, 4, 2, 1, 1, 2]
    assert bench.batcher.stats.retried == 3
    assert bench.batcher.stats.dropped == {"failed": 1}


def test_the_row_is_counted_from_the_start_of_the_request() -> None:
    """A row in the second slice is named by its place in the request, and the third slice is not run."""
    bench = Bench(slice_rows=10)
    bench.model.raises = {1017.0}
    ticket = bench.submit(30)
    bench.run()
    error = ticket.error
    assert isinstance(error, InferenceError)
    assert error.row == 17
    assert 1020.0 not in {row for rows in bench.model.runs for row in rows}
    assert bench.batcher.queued_rows == 0


def test_a_failure_that_passes_by_is_answered_after_all() -> None:
    """Where no row fails alone, the request gets its predictions."""
    bench = Bench()

    def stumble(rows: list[float]) -> None:
        if not bench.model.runs:
            bench.model.runs.append(rows)
            raise MemoryError("for once")

    bench.model.on_run = stumble
    ticket = bench.submit(5)
    bench.run()
    assert ticket.right


@pytest.mark.parametrize("fault", ["drops", "adds"])
def test_predictions_of_another_number_than_rows_are_refused(fault: str) -> None:
    """Nobody gets another's predictions: both numbers are in the message, and the row is found."""
    bench = Bench()
    setattr(bench.model, fault, {2003.0})
    tickets = [bench.submit(), bench.submit(5), bench.submit()]
    bench.run()
    assert [ticket.right for ticket in tickets] == [True, False, True]
    error = tickets[1].error
    assert isinstance(error, InferenceError)
    assert error.row == 3
    got = 0 if fault == "drops" else 2
    assert f"1 rows went into the model, but it returned {got} predictions" in str(error)


def test_an_expired_request_is_dropped_unrun() -> None:
    """Its deadline passed while it waited: the model never sees it."""
    bench = Bench()
    late, ticket = bench.submit(within=0.5), bench.submit(within=1.5)
    bench.loop.now += 1.0
    bench.run()
    assert isinstance(late.error, ExpiredError)
    assert ticket.right
    assert bench.model.runs == [[2000.0]]
    assert bench.batcher.stats.dropped == {"expired": 1}


def test_a_request_that_was_begun_is_ended_past_the_slo() -> None:
    """A deadline that is only the SLO counts for the first row: what was begun is not thrown away."""
    bench = Bench(slice_rows=1, batch_s=1.0)
    ticket = bench.submit(3, within=0.5)
    bench.run()
    assert ticket.right


def test_a_strict_deadline_counts_for_the_last_row_too() -> None:
    """A caller's own deadline stops a request half way; the rest of its rows is not run."""
    bench = Bench(slice_rows=1, batch_s=1.0)
    ticket = bench.submit(3, within=1.5, strict=True)
    bench.run()
    assert isinstance(ticket.error, ExpiredError)
    assert bench.batches == [1, 1]
    assert bench.batcher.queued_rows == 0


def test_rows_of_clients_that_left_are_not_run() -> None:
    """Neither before the first slice nor between two."""
    bench = Bench(slice_rows=1)
    left: list[bool] = []
    before = bench.submit(is_gone=lambda: True)
    halfway = bench.submit(3, is_gone=lambda: len(bench.model.runs) == 1)
    after = bench.submit(is_gone=lambda: bool(left))
    bench.run()
    assert isinstance(before.error, GoneError)
    assert isinstance(halfway.error, GoneError)
    assert after.right
    assert bench.model.runs == [[3000.0, 2000.0]]
    assert bench.batcher.stats.dropped == {"gone": 2}


def test_a_thread_that_fails_answers_its_batch() -> None:
    """Everyone in it hears why, and the next batch is run."""
    bench = in_thread()
    tickets = [bench.submit(), bench.submit()]
    bench.run()
    bench.offload.lose()
    for ticket in tickets:
        assert isinstance(ticket.error, RunnerError)
        assert "the thread died" in str(ticket.error)
    after = bench.submit()
    bench.run()
    bench.offload.finish()
    assert after.right


def test_a_thread_that_cannot_be_started_answers_its_batch() -> None:
    """An executor that was shut down is an error to those who wait, not a silence."""
    bench = in_thread()

    def refuse(function: object, done: object) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    bench.batcher._offload = refuse
    ticket = bench.submit()
    bench.run()
    assert "no thread was available" in str(ticket.error)
    assert bench.batcher.queued_rows == 0


def test_a_failed_batch_teaches_nothing() -> None:
    """What a batch took that was run in pieces, or failed at once, is not the cost of one."""
    bench = Bench()
    bench.model.raises = {1000.0}
    bench.submit()
    bench.run()
    assert bench.batcher.costs.predict(1) == 0.0


def test_a_full_queue_refuses() -> None:
    """At once, with the number of rows that wait; the model is not run for it."""
    bench = Bench(max_queue_rows=3)
    tickets = [bench.submit(2), bench.submit(2), bench.submit()]
    assert isinstance(tickets[1].error, QueueFullError)
    assert "2 rows are waiting" in str(tickets[1].error)
    bench.run()
    assert tickets[0].right
    assert tickets[2].right
    assert bench.batches == [3]
    assert bench.batcher.stats.dropped == {"queue_full": 1}


def test_a_request_larger_than_the_queue_is_taken_where_nothing_waits() -> None:
    """Otherwise it could never be answered."""
    bench = Bench(max_queue_rows=3)
    large, next_one = bench.submit(100), bench.submit()
    assert isinstance(next_one.error, QueueFullError)
    bench.run()
    assert large.right


def test_a_drop_whose_client_asks_again_sees_the_queue_as_it_is() -> None:
    """While an expired request is answered, the rest of a sliced one still counts as waiting."""
    bench = Bench(slice_rows=1, max_queue_rows=4)
    large = bench.submit(3)
    second_ticket = Ticket(9, 3)
    expired = Ticket(8, 1).work(deadline=0.0)
    expired.requester = CallbackRequester(lambda values, error: bench.batcher.submit(second_ticket.work()))
    bench.batcher.submit(expired)
    bench.run()
    assert large.right
    assert isinstance(second_ticket.error, QueueFullError)
