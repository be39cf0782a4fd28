"""The queue of rows, seen through the micro-batcher: large requests are sliced and take turns, small ones go along."""

from __future__ import annotations

import pytest

from runners.policy import Coalesce
from tests.runners.bench import Bench
from tests.runners.echo import wide_answers_to


def test_a_large_request_is_sliced_and_put_together_in_order() -> None:
    """Its slices share batches with single rows that came later, which don't wait for the whole of it."""
    bench = Bench(slice_rows=10)
    large = bench.submit(25)
    single = bench.submit()
    bench.loop.turn(0.0)
    assert bench.batches == [11]
    assert single.right
    assert large.answers == []
    late = bench.submit()
    bench.loop.turn(0.0)
    assert bench.batches == [11, 11]
    assert late.right
    bench.run()
    assert bench.batches == [11, 11, 5]
    assert large.right


def test_answers_of_several_numbers_are_put_together_by_rows() -> None:
    """A sliced request of a classifier gets one list of numbers a row, and a single row its own."""
    bench = Bench(slice_rows=2, wide=True)
    large, single = bench.submit(5), bench.submit()
    bench.run()
    assert bench.batches == [3, 2, 1]
    assert large.values == wide_answers_to(1, 5)
    assert single.values == wide_answers_to(2, 1)


def test_sliced_requests_keep_their_order() -> None:
    """In each batch the older one's rows come first."""
    bench = Bench(slice_rows=2)
    tickets = [bench.submit(5), bench.submit(5)]
    bench.run()
    assert bench.model.runs == [[1000, 1001, 2000, 2001], [1002, 1003, 2002, 2003], [1004, 2004]]
    assert all(ticket.right for ticket in tickets)


def test_small_requests_go_along_no_matter_how_many_large_ones_wait() -> None:
    """The rows of large requests fill a part of each batch only; small ones are in the very next batch, in front."""
    costs_by_size = {rows: rows * 0.001 for rows in (1, 2, 4, 8, 16, 32, 64)}
    bench = Bench(slice_rows=10, large_s=0.020, batch_s=0.0, row_s=0.001, known_seconds=costs_by_size)
    large = [bench.submit(100) for _ in range(50)]
    bench.loop.turn(0.0)
    singles = [bench.submit() for _ in range(3)]
    bench.loop.turn(0.0)
    assert all(ticket.right for ticket in singles)
    assert bench.model.runs[1][:3] == [51_000, 52_000, 53_000]
    assert bench.batches == [20, 23]
    bench.run()
    assert all(ticket.right for ticket in large)


def test_large_requests_take_turns() -> None:
    """Where not all of them have room in a batch, those that had none are first in the next."""
    bench = Bench(slice_rows=2, policy=Coalesce(1.0, 4))
    tickets = [bench.submit(3), bench.submit(3), bench.submit(3)]
    bench.run()
    assert bench.model.runs == [[1000, 1001, 2000, 2001], [3000, 3001, 1002, 2002], [3002]]
    assert all(ticket.right for ticket in tickets)


def test_large_requests_move_on_under_any_load_of_small_ones() -> None:
    """A quarter of each full batch is theirs; if a batch has a single row only, every fourth batch is."""
    for batch_rows, batches in ((8, 5), (1, 40)):
        bench = Bench(slice_rows=4, policy=Coalesce(1.0, batch_rows))
        large = bench.submit(10)
        for _ in range(batches):
            for _ in range(batch_rows):
                bench.submit()
            bench.loop.turn(0.0)
        assert large.right
        assert bench.batches == [batch_rows] * batches


def test_rows_whose_batches_cost_much_anyway_are_not_sliced_thin() -> None:
    """If a batch costs far more than its rows, a slice of full size is hardly longer than one row."""
    bench = Bench(slice_rows=64, large_s=0.001, batch_s=0.005, known_seconds={1: 0.005, 64: 0.0055})
    ticket = bench.submit(128)
    bench.run()
    assert ticket.right
    assert bench.batches == [64, 64]


def test_a_request_of_expensive_rows_is_large_by_its_time() -> None:
    """A slice is at most what runs within the time that large requests have of a batch."""
    bench = Bench(slice_rows=64, large_s=0.008, batch_s=0.0, row_s=0.001, known_seconds={1: 0.001, 64: 0.064})
    assert bench.batcher.queue.slice_rows == 8
    large, single = bench.submit(20), bench.submit()
    bench.loop.turn(0.0)
    assert single.right
    assert bench.batches == [9]
    bench.run()
    assert large.right


def test_the_size_of_a_slice_follows_the_model() -> None:
    """A model that turns out more expensive than at its warm-up has shorter slices before long."""
    bench = Bench(slice_rows=64, large_s=0.008, batch_s=0.0, row_s=0.001, known_seconds={1: 0.0001, 64: 0.0064})
    assert bench.batcher.queue.slice_rows == 64
    for _ in range(10):
        bench.submit(900)
    bench.run()
    assert bench.batcher.queue.slice_rows < 64
    assert bench.batcher.queue.slice_rows == bench.batcher.costs.rows_within(0.008, 64)


def test_it_is_learned_how_long_large_requests_take_for_their_time_in_the_model() -> None:
    """Half of each batch is theirs, and between two batches the loop has as much to do again: a stretch of four."""
    bench = Bench(slice_rows=10, policy=Coalesce(1.0, 20), batch_s=0.0, row_s=0.001)
    assert bench.batcher.queue.large_stretch == 1.0
    for _ in range(20):
        bench.submit(500)
        bench.loop.turn(0.0)
        while bench.batcher.queued_rows:
            bench.submit(10)
            bench.loop.turn(0.020)
    assert bench.batcher.queue.large_stretch == pytest.approx(4.0, rel=0.1)
