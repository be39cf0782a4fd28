"""Timing in alternation: each graph is called, and garbage collection keeps its state."""

from __future__ import annotations

import gc
from functools import partial

from benchmarks.alternation import time_in_alternation


def test_each_is_timed() -> None:
    """Each name has a time above zero, and the garbage collector is enabled afterwards."""
    calls: list[str] = []
    runs = {name: partial(calls.append, name) for name in ("one", "other")}
    costs = time_in_alternation(runs, rounds=2, round_s=1e-5)
    assert set(costs) == {"one", "other"}
    assert min(costs.values()) > 0
    assert set(calls) == {"one", "other"}
    assert gc.isenabled()


def test_slow_calls_are_repeated() -> None:
    """A call that is longer than a round runs at least twice a round, after two calls to warm up."""
    calls: list[int] = []
    time_in_alternation({"slow": lambda: calls.append(1)}, rounds=3, round_s=1e-12)
    assert len(calls) == 2 + 3 * 2
