"""Tests of the challenger's work in the shadow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rollout.shadow.batch import ShadowBatch
from rollout.shadow.shadow import COMPARE_EVERY, COMPARE_FIRST, PAUSE_S, REQUEST_MAX_ROWS, Shadow
from runners.costs import BatchCosts
from tests.rollout.shadow.free_time import FreeTime
from tests.runners.echo import EchoModel, answers_to, rows_of
from tests.runners.manual_loop import ManualLoop

ROW_S = 1e-4


class Champion:
    """The champion's batcher."""

    batch_s = 0.002


class ShadowBench:
    """A shadow of an echo model on a manual loop."""

    def __init__(self, free_s: float = 1.0, max_rows: int = 1_000, inline_s: float = 10.0) -> None:
        self.loop = ManualLoop()
        self.free_time = FreeTime(free_s)
        self.model = EchoModel(self._spend, row_s=3 * ROW_S)
        self.champion_model = EchoModel(self._spend, row_s=ROW_S)
        self.batches: list[ShadowBatch] = []
        self.in_thread: list[tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]] = []
        costs = BatchCosts(1024)
        for rows in (1, 64, 1024):
            costs.observe(rows, rows * ROW_S)
        self.shadow = Shadow(
            self.model,
            self.champion_model,
            costs,
            Champion(),
            self.loop,
            lambda function, done: self.in_thread.append((function, done)),
            self.free_time,
            None,
            self.batches.append,
            max_rows,
            inline_s,
        )

    def _spend(self, seconds: float) -> None:
        self.loop.now += seconds

    def answer(self, request: int, count: int = 1) -> None:
        """Report an answer of the champion."""
        self.shadow.count_answer(rows_of(request, count), count, answers_to(request, count), b"r%d" % request, 0.01)

    def run(self) -> None:
        """Let the pause pass, and the free time begin."""
        self.loop.turn(PAUSE_S)
        self.loop.turn(0.0)
        self.free_time.offer()

    @property
    def compared(self) -> list[bytes]:
        """The ids of the requests that were compared."""
        return [request.request_id for batch in self.batches for request in batch.requests]


def test_requests_are_answered_together_after_a_pause() -> None:
    """The rows of several requests run in one batch, after the champion's answers and not with them."""
    bench = ShadowBench()
    for request in range(3):
        bench.answer(request, count=request + 1)
    assert bench.batches == []
    bench.run()
    (batch,) = bench.batches
    assert batch.rows == 6
    assert batch.answers == [answers_to(request, request + 1) for request in range(3)]
    assert [request.batch_s for request in batch.requests] == [Champion.batch_s] * 3
    assert bench.shadow.waiting_rows == 0


def test_a_cached_answer_took_no_time_in_the_model() -> None:
    """The last batch was not the one of a cached answer, so its time is not part of the latency."""
    bench = ShadowBench()
    bench.shadow.count_answer(rows_of(1, 1), 1, answers_to(1, 1), b"r1", 0.0001, from_cache=True)
    bench.run()
    assert bench.batches[0].requests[0].batch_s == 0.0


def test_without_free_time_rows_wait_and_are_dropped_first() -> None:
    """Under load nothing runs; the queue is bounded, and the rows that find no room are counted."""
    bench = ShadowBench(free_s=0.0, max_rows=10)
    for request in range(15):
        bench.answer(request)
    bench.run()
    assert bench.batches == []
    assert (bench.shadow.waiting_rows, bench.shadow.dropped_rows) == (10, 5)
    bench.free_time.free_s = 1.0
    bench.run()
    assert bench.compared == [b"r%d" % request for request in range(10)]


def test_a_batch_fits_into_the_free_time() -> None:
    """A batch has no more rows than are predicted to fit; the others run in the next one."""
    bench = ShadowBench(free_s=20 * ROW_S)
    for request in range(30):
        bench.answer(request)
    bench.run()
    assert 5 <= bench.batches[0].rows <= 20
    assert bench.free_time.taken_s[0] <= 20 * ROW_S
    for _ in range(5):
        bench.run()
    assert bench.compared == [b"r%d" % request for request in range(30)]


def test_a_large_request_is_compared_in_part() -> None:
    """Of a request of many rows the first are compared, and the others are counted as dropped."""
    bench = ShadowBench()
    bench.answer(1, count=REQUEST_MAX_ROWS + 44)
    bench.run()
    assert bench.batches[0].requests[0].n_rows == REQUEST_MAX_ROWS
    assert bench.shadow.dropped_rows == 44


def test_a_row_that_fails_is_an_error_of_its_request_only() -> None:
    """A batch that fails is run again by halves, until the failing request is known."""
    bench = ShadowBench()
    bench.model.raises = {2000.0}
    for request in range(5):
        bench.answer(request)
    bench.run()
    answers = bench.batches[0].answers
    assert answers[2] is None
    assert [index for index, values in enumerate(answers) if values is None] == [2]


def test_the_costs_of_both_models_are_compared_on_the_same_rows() -> None:
    """The champion runs the first batches and some later ones as well; this is not part of the cost of the shadow."""
    bench = ShadowBench()
    for request in range(3 * COMPARE_EVERY):
        bench.answer(request)
        bench.run()
    compared = [index for index, batch in enumerate(bench.batches) if batch.champion_s is not None]
    orders = [bench.batches[index].champion_first for index in range(COMPARE_FIRST)]
    assert sum(orders) == COMPARE_FIRST // 2
    assert compared == [*range(COMPARE_FIRST), 2 * COMPARE_EVERY]
    for index in compared:
        batch = bench.batches[index]
        assert batch.seconds == pytest.approx(3 * ROW_S)
        assert batch.champion_s == pytest.approx(ROW_S)
    assert bench.shadow.taken_s == pytest.approx(3 * ROW_S * 3 * COMPARE_EVERY)


def test_an_expensive_row_runs_in_the_thread() -> None:
    """A row that takes longer than the free time does not hold the loop; the next batch waits for the thread."""
    bench = ShadowBench(free_s=ROW_S / 2)
    bench.answer(1)
    bench.answer(2)
    bench.run()
    assert bench.batches == []
    ((function, done),) = bench.in_thread
    bench.run()
    assert len(bench.in_thread) == 1
    done(function(), None)
    assert bench.compared == [b"r1"]


def test_a_failed_thread_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    """If the thread fails, the log has the reason, and later rows are compared."""
    bench = ShadowBench(inline_s=0.0)
    bench.answer(1)
    bench.run()
    bench.in_thread.pop()[1](None, RuntimeError("no memory"))
    assert "no memory" in caplog.text
    bench.answer(2)
    bench.run()
    function, done = bench.in_thread.pop()
    done(function(), None)
    assert bench.compared == [b"r2"]


def test_a_stopped_shadow_runs_nothing() -> None:
    """After the stop no row runs, also if a turn was asked for or the thread still works."""
    bench = ShadowBench()
    bench.answer(1)
    bench.loop.turn(PAUSE_S)
    bench.loop.turn(0.0)
    bench.shadow.stop()
    bench.free_time.offer()
    bench.answer(2)
    bench.run()
    assert bench.batches == []
    assert bench.shadow.dropped_rows == 2
