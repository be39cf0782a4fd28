"""Timing in turns: each is called, nobody is forgotten, garbage collection is as it was."""

from __future__ import annotations

import gc
from functools import partial

from benchmarks.zoo.timing import in_turns


def test_each_is_timed() -> None:
    """A figure above zero for each name, and the collector runs again afterwards."""
    calls: list[str] = []
    runs = {name: partial(calls.append, name) for name in ("one", "other")}
    costs = in_turns(runs, rounds=2, round_s=1e-5)
    assert set(costs) == {"one", "other"}
    assert min(costs.values()) > 0
    assert set(calls) == {"one", "other"}
    assert gc.isenabled()


def test_slow_calls_are_repeated_all_the_same() -> None:
    """A call that takes longer than a round is made at least twice a round, beside two to warm up."""
    calls: list[int] = []
    in_turns({"slow": lambda: calls.append(1)}, rounds=3, round_s=1e-12)
    assert len(calls) == 2 + 3 * 2
