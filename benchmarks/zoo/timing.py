"""What a row costs in one graph and in another, on one thread, in turns so that both meet the same moods of the machine."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from training.parity.sessions import open_session

ROUNDS = 25
"""Each graph is measured in this many rounds, in turns; its best round counts, as the others met a disturbance."""
ROUND_S = 0.005
"""How long one round of one graph takes."""
RUNS_MIN = 2

Feed = Mapping[str, NDArray[Any]]


def session(model: bytes) -> onnxruntime.InferenceSession:
    """Open a graph as the service does; what fails is raised, and not written between the lines of progress as well."""
    return open_session(model, log_severity=4)


def in_turns(
    runs: Mapping[str, Callable[[], object]], rounds: int = ROUNDS, round_s: float = ROUND_S
) -> dict[str, float]:
    """Return what one call of each takes, in seconds: the mean over its best round."""
    counts = {name: max(RUNS_MIN, int(round_s / _once(run))) for name, run in runs.items()}
    best = dict.fromkeys(runs, float("inf"))
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, run in runs.items():
                began = time.perf_counter()
                for _ in range(counts[name]):
                    run()
                best[name] = min(best[name], (time.perf_counter() - began) / counts[name])
    finally:
        if was_enabled:
            gc.enable()
    return best


def _once(run: Callable[[], object]) -> float:
    """Return what a call takes once the graph is warm, roughly, in seconds."""
    run()
    began = time.perf_counter()
    run()
    return max(time.perf_counter() - began, 1e-7)


def runner(opened: onnxruntime.InferenceSession, outputs: list[str] | None, feed: Feed) -> Callable[[], object]:
    """Return a call that runs a graph on given rows."""
    given = dict(feed)

    def run() -> object:
        return opened.run(outputs, given)

    return run
