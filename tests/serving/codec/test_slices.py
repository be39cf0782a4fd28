"""Slices of work give other callbacks of the event loop their turn."""

from __future__ import annotations

import asyncio

import pytest

from serving.codec.slices import SLICE_UNITS, SliceScheduler, SliceTime, Steps, WorkMeter, run_steps


def _untold(seconds: float) -> None:
    """Take no note of how long a slice took."""


def _counting(name: str, slices: int, log: list[str]) -> Steps[str]:
    """Log each slice."""
    for number in range(slices):
        log.append(f"{name}{number}")
        yield
    log.append(f"{name} ends")
    return name


def test_a_meter_ends_a_slice_after_its_units() -> None:
    """The slice is over once its units are spent; the next one begins there."""
    meter = WorkMeter()
    assert not meter.spend(SLICE_UNITS - 1)
    assert meter.spend(10)
    assert not meter.spend(SLICE_UNITS - 1)
    assert meter.spend(1)
    assert meter.units == 2 * SLICE_UNITS + 9


def test_a_synchronous_caller_gets_the_result() -> None:
    """Steps are run to their end at once."""
    log: list[str] = []
    assert run_steps(_counting("a", 2, log)) == "a"
    assert log == ["a0", "a1", "a ends"]


def test_a_computation_without_slices_does_not_wait() -> None:
    """What is done within its first slice is answered before any other callback runs."""

    async def run() -> list[str]:
        log: list[str] = []
        asyncio.get_running_loop().call_soon(log.append, "another callback")
        assert await SliceScheduler().run(_counting("a", 0, log), _untold) == "a"
        return log.copy()

    assert asyncio.run(run()) == ["a ends"]


def test_callbacks_run_between_slices() -> None:
    """Each pass of the loop has at most one slice that is not a first one."""

    async def run() -> list[str]:
        log: list[str] = []
        loop = asyncio.get_running_loop()

        def tick() -> None:
            log.append("tick")
            loop.call_soon(tick)

        loop.call_soon(tick)
        scheduler = SliceScheduler()
        await asyncio.gather(*(scheduler.run(_counting(name, 4, log), _untold) for name in "abc"))
        return log

    slices_of_passes = [0]
    for entry in asyncio.run(run()):
        if entry == "tick":
            slices_of_passes.append(0)
        else:
            slices_of_passes[-1] += 1
    assert sum(slices_of_passes) == 3 * 5
    # The three first slices run at once, in the first pass or, with their tasks, in the second.
    assert sorted(slices_of_passes)[-2] <= 1


def test_computations_take_turns() -> None:
    """A short computation is not held up by a long one that came before."""

    async def run() -> list[str]:
        log: list[str] = []
        scheduler = SliceScheduler()
        await asyncio.gather(
            scheduler.run(_counting("long", 50, log), _untold), scheduler.run(_counting("short", 2, log), _untold)
        )
        return log

    log = asyncio.run(run())
    assert log.index("short ends") < log.index("long5")


def test_an_error_reaches_the_caller_and_frees_the_turn() -> None:
    """What a computation raises in a later slice is raised to its caller, and others go on."""

    def failing() -> Steps[str]:
        yield
        raise ValueError("wrong")

    async def run() -> str:
        scheduler = SliceScheduler()
        with pytest.raises(ValueError, match="wrong"):
            await scheduler.run(failing(), _untold)
        return await scheduler.run(_counting("a", 3, []), _untold)

    assert asyncio.run(run()) == "a"


def test_a_cancelled_caller_ends_its_computation() -> None:
    """The generator is closed, and the turn is handed on."""
    closed: list[bool] = []

    def endless() -> Steps[str]:
        try:
            while True:
                yield
        finally:
            closed.append(True)

    async def run() -> str:
        scheduler = SliceScheduler()
        task = asyncio.ensure_future(scheduler.run(endless(), _untold))
        other = asyncio.ensure_future(scheduler.run(_counting("a", 3, []), _untold))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        result = await other
        with pytest.raises(asyncio.CancelledError):
            await task
        return result

    assert asyncio.run(run()) == "a"
    assert closed == [True]


@pytest.mark.parametrize("fails", [False, True])
def test_each_slice_is_told_of(fails: bool) -> None:
    """With its seconds, the last one too, also if it raises."""
    reported_s: list[float] = []

    def steps() -> Steps[str]:
        yield
        yield
        if fails:
            raise ValueError("wrong")
        return "a"

    async def run() -> None:
        try:
            await SliceScheduler().run(steps(), reported_s.append)
        except ValueError:
            assert fails

    asyncio.run(run())
    assert len(reported_s) == 3
    assert min(reported_s) >= 0.0


def test_the_time_of_slices_is_added_up() -> None:
    """And each is handed on."""
    reported_s: list[float] = []
    total = SliceTime(reported_s.append)
    for seconds in (0.25, 0.5):
        total(seconds)
    assert (total.total_s, reported_s) == (0.75, [0.25, 0.5])
