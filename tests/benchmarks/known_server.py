"""Servers of a known capacity that replace live ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class KnownRun:
    """A run whose answers all take the same time."""

    def __init__(self, latency_s: float, queries: int, valid: bool) -> None:
        self._latencies = np.full(queries, latency_s)
        self._valid = valid

    def latencies_s(self) -> NDArray[np.float64]:
        """Return one latency a query."""
        return self._latencies

    def valid(self, slo_s: float) -> bool:
        """Return the value that the test chose."""
        return self._valid

    def summary(self, slo_s: float) -> dict[str, Any]:
        """Return an empty summary: the search uses the latencies only."""
        return {"accepted_ms": None}


class KnownServer:
    """A server that answers in time up to a rate, and a generator that keeps up to another."""

    def __init__(
        self, holds: Callable[[float, int], bool], generator: Callable[[int], float] = lambda run: 1e9
    ) -> None:
        self.runs: list[tuple[float, float, int]] = []
        self._holds = holds
        self._generator = generator

    def __call__(self, rate_per_s: float, seconds: float, seed: int) -> KnownRun:
        """Run a rate."""
        run = len(self.runs)
        self.runs.append((rate_per_s, seconds, seed))
        latency_s = 0.001 if self._holds(rate_per_s, run) else 0.1
        return KnownRun(latency_s, int(rate_per_s * seconds), rate_per_s <= self._generator(run))
