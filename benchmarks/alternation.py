"""The duration of several functions, measured in alternation, so that the computer's load affects all of them alike.

Imports the standard library only, because contestants of the league run in environments of their own.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

ROUND_S = 0.005
"""The duration of one round of one function."""
RUNS_MIN = 2
"""The minimum number of calls in one round."""


def time_in_alternation(
    runs: Mapping[str, Callable[[], object]], rounds: int, round_s: float = ROUND_S
) -> dict[str, float]:
    """Return the seconds of one call of each function: the mean over its best round.

    Args:
        runs: the functions by name.
        rounds: the number of rounds of each function. The best round is the result, because the others were disturbed.
        round_s: the approximate duration of one round.
    """
    counts = {name: max(RUNS_MIN, int(round_s / _seconds_of_one_call(run))) for name, run in runs.items()}
    best = dict.fromkeys(runs, float("inf"))
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, run in runs.items():
                started_s = time.perf_counter()
                for _ in range(counts[name]):
                    run()
                best[name] = min(best[name], (time.perf_counter() - started_s) / counts[name])
    finally:
        if was_enabled:
            gc.enable()
    return best


def _seconds_of_one_call(run: Callable[[], object]) -> float:
    """Return the approximate seconds of a call after one call to warm up."""
    run()
    started_s = time.perf_counter()
    run()
    return max(time.perf_counter() - started_s, 1e-7)
