"""Work in slices gives others their turn, tells what it took, and ends as the whole computation would."""

from __future__ import annotations

import asyncio

import pytest

from serving.codec.slices import SLICE_UNITS, SliceScheduler, SliceTime, Steps, WorkMeter, run_steps


def _count(slices: int, order: list[str], name: str, *, fails: bool = False) -> Steps[str]:
    for index in range(slices):
        order.append(f"{name}{index}")
        if index < slices - 1:
            yield
    if fails:
        raise ValueError(name)
    return name


def test_a_slice_is_over_after_its_units() -> None:
    """However they are spent, the next slice has as many again."""
    meter = WorkMeter()
    assert [meter.spend(SLICE_UNITS // 2) for _ in range(4)] == [False, True, False, True]
    assert meter.units == 2 * SLICE_UNITS


def test_a_synchronous_caller_runs_to_the_end() -> None:
    """All slices, one after the other."""
    order: list[str] = []
    assert run_steps(_count(3, order, "a")) == "a"
    assert order == ["a0", "a1", "a2"]


def test_computations_take_turns() -> None:
    """Their first slices run at once; then one slice runs in each pass of the loop, in turns, and each is told of."""
    order: list[str] = []
    told: list[float] = []

    async def run() -> list[str]:
        scheduler = SliceScheduler()
        return await asyncio.gather(*(scheduler.run(_count(3, order, name), told.append) for name in "ab"))

    assert asyncio.run(run()) == ["a", "b"]
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert len(told) == 6
    assert min(told) >= 0.0


def test_a_computation_that_fails_does_not_hold_the_turn() -> None:
    """Its error reaches its caller, its last slice is told of, and the others go on."""
    order: list[str] = []
    told: list[float] = []

    async def run() -> str:
        scheduler = SliceScheduler()
        failing = asyncio.create_task(scheduler.run(_count(2, order, "a", fails=True), told.append))
        other = asyncio.create_task(scheduler.run(_count(4, order, "b"), told.append))
        with pytest.raises(ValueError, match="a"):
            await failing
        return await other

    assert asyncio.run(run()) == "b"
    assert len(told) == 6


def test_a_computation_that_is_cancelled_does_not_hold_the_turn() -> None:
    """A client's request that the watchdog ended leaves the loop to the others."""
    order: list[str] = []

    async def run() -> str:
        scheduler = SliceScheduler()
        cancelled = asyncio.create_task(scheduler.run(_count(1_000_000, order, "a"), lambda seconds: None))
        while len(order) < 2:
            await asyncio.sleep(0)
        cancelled.cancel()
        return await scheduler.run(_count(3, order, "b"), lambda seconds: None)

    assert asyncio.run(run()) == "b"


def test_the_time_of_slices_is_added_up() -> None:
    """And each is handed on."""
    told: list[float] = []
    total = SliceTime(told.append)
    for seconds in (0.25, 0.5):
        total(seconds)
    assert (total.total_s, told) == (0.75, [0.25, 0.5])
