"""Passes are measured while the loop works, and not while it sleeps."""

from __future__ import annotations

import pytest

from runners.meter import TURNS, LoopMeter
from tests.runners.manual_loop import ManualLoop


def test_the_distance_of_two_busy_passes_is_the_length_of_the_first() -> None:
    """Requests in consecutive turns: the time from one pass's beginning to the next is what the pass took."""
    loop, passes = ManualLoop(), list[float]()
    meter = LoopMeter(loop, passes.append)
    for _ in range(3):
        meter.arrival()
        loop.turn(0.002)
    assert passes == pytest.approx([0.0, 0.002, 0.002])


def test_many_requests_of_one_turn_make_one_pass() -> None:
    """A pass begins once, however many requests it has."""
    loop, passes = ManualLoop(), list[float]()
    meter = LoopMeter(loop, passes.append)
    for _ in range(50):
        meter.arrival()
    assert passes == [0.0]


def test_sleep_is_no_work() -> None:
    """After some turns without a request the loop may sleep; the next pass starts from nothing."""
    loop, passes = ManualLoop(), list[float]()
    meter = LoopMeter(loop, passes.append)
    meter.arrival()
    for _ in range(TURNS):
        loop.turn(0.001)
    assert loop.idle
    loop.now += 5.0
    meter.arrival()
    assert passes == [0.0, 0.0]


def test_the_turns_of_an_answer_belong_to_the_pass() -> None:
    """A request that comes while the ones before are still being run and answered continues their stretch."""
    loop, passes = ManualLoop(), list[float]()
    meter = LoopMeter(loop, passes.append)
    meter.arrival()
    for _ in range(TURNS - 1):
        loop.turn(0.004)
    meter.arrival()
    assert passes == pytest.approx([0.0, 0.004 * (TURNS - 1)])
