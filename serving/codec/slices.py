"""Slices of work: between two slices of a large body, other requests get their turn.

A decoder is a generator that yields when it has done a slice of work. A synchronous caller runs it to its end. On the
event loop, other callbacks run between two slices.

Work is counted in units, not in seconds, so that a body is always cut into the same slices. A unit is the work that a
byte costs on average, about 10 ns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from time import perf_counter
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]
"""A computation that yields between slices and returns its result."""

SLICE_UNITS = 50_000
"""The work of one slice: about half a millisecond."""


class WorkMeter:
    """Counts the work of one body, in units."""

    __slots__ = ("_slice_end", "units")

    def __init__(self) -> None:
        self.units = 0
        """The work so far."""
        self._slice_end = SLICE_UNITS

    def spend(self, units: int) -> bool:
        """Add work. Returns whether the slice is over, so that the caller has to yield."""
        self.units += units
        if self.units < self._slice_end:
            return False
        self._slice_end = self.units + SLICE_UNITS
        return True


def run_steps(steps: Steps[T]) -> T:
    """Run a computation to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


class SliceScheduler:
    """Runs computations on an event loop, at most one further slice in each pass of the loop.

    Regardless of the number of large bodies, a pass of the loop is longer by one slice only. The computations take
    turns. The first slice runs immediately, so that a small body does not wait.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, steps: Steps[T], worked: Callable[[float], object]) -> T:
        """Run a computation to its end and return its result.

        Args:
            steps: the computation.
            worked: called after each slice with its seconds.

        Raises:
            Exception: what the computation raises.
        """
        try:
            _run_slice(steps, worked)
            while True:
                # The lock is fair: it is handed on in the order of waiting. It is held for one pass of the loop.
                async with self._turn:
                    await asyncio.sleep(0)
                    _run_slice(steps, worked)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            steps.close()


class SliceTime:
    """Adds up the seconds of one computation's slices.

    Args:
        worked: called for each slice as well.
    """

    __slots__ = ("_worked", "total_s")

    def __init__(self, worked: Callable[[float], object]) -> None:
        self._worked = worked
        self.total_s = 0.0

    def __call__(self, seconds: float) -> None:
        """Add a slice."""
        self.total_s += seconds
        self._worked(seconds)


def _run_slice(steps: Steps[T], worked: Callable[[float], object]) -> None:
    """Run one slice, and report its duration, also if it was the last one."""
    started_s = perf_counter()
    try:
        next(steps)
    finally:
        worked(perf_counter() - started_s)
