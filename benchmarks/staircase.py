"""Servers compared on a busy machine: all run at the same time and are measured in turns, each at a rate that adapts.

A search that takes minutes finds one server in a good moment of the machine and the next in a bad one. Here a round asks
every server once, for a second or two, so that all of them run at the same moments. A server that passes gets a higher rate
in the next round, one that fails less (the simple up-down method of psychophysics: Dixon and Mood, 1948; Levitt, 1971), so that its
rate settles at the point where half of such short runs pass. That is slightly above the rate that it would hold for a
long time. The benchmark compares ratios.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.earlystop import passes
from benchmarks.search import QUERIES_LEAST, RATE_LEAST_PER_S, RUN_S_MOST, Measure

FIRST_STEP = 2.0
"""The factor by which a rate moves until it first turns; each turn brings it nearer to one, as far as ``LAST_STEP``."""
LAST_STEP = 1.06
SETTLED_SHARE = 0.5
"""The share of the rounds, from the last one back, that counts."""


@dataclass
class Staircase:
    """One server's rates, round by round."""

    rate_per_s: float
    slo_s: float
    rates: list[float] = field(default_factory=list)
    """The rate of each round, per second."""
    outcomes: list[bool | None] = field(default_factory=list)
    """Whether the run passed; None if the generator was late."""
    last_step: float = LAST_STEP
    """The factor by which the rate moves in the end: a smaller factor distinguishes closer servers."""
    _step: float = FIRST_STEP

    def take(self, passed: bool | None) -> None:
        """Record the outcome of the round, and choose the next rate."""
        before = next((outcome for outcome in reversed(self.outcomes) if outcome is not None), passed)
        self.rates.append(self.rate_per_s)
        self.outcomes.append(passed)
        if passed is None:
            return
        if passed != before:
            self._step = max(self._step**0.5, self.last_step)
        self.rate_per_s = max(self.rate_per_s * (self._step if passed else 1 / self._step), RATE_LEAST_PER_S)

    def settled(self) -> list[float]:
        """Return the rates that count, one a round."""
        return self.rates[int(len(self.rates) * (1 - SETTLED_SHARE)) :]

    def to_json(self) -> dict[str, Any]:
        """Return median, quartiles and all rounds for JSON."""
        low, median, high = (float(value) for value in np.quantile(self.settled(), (0.25, 0.5, 0.75)))
        return {
            "qps": round(median, 1),
            "quartiles": [round(low, 1), round(high, 1)],
            "slo_ms": self.slo_s * 1e3,
            "rates": [round(rate, 1) for rate in self.rates],
            "outcomes": self.outcomes,
        }


def climb(
    servers: Mapping[str, tuple[Measure, float, float]],
    rounds: int,
    seconds: float,
    *,
    seed: int = 1,
    last_step: float = LAST_STEP,
    say: Callable[[str], object] = lambda line: sys.stderr.write(line + "\n"),
) -> dict[str, Staircase]:
    """Return each server's staircase.

    Args:
        servers: by name, the measurement, the p99 limit in seconds, and the first rate per second.
        rounds: the number of runs of each server.
        seconds: the length of a run; it is longer at low rates, see ``benchmarks.search``.
        seed: of the first round; in one round all have the same, so that equal rates are equal arrivals.
        last_step: the factor by which rates move in the end.
        say: takes a line of progress a round.
    """
    stairs = {name: Staircase(start, slo_s, last_step=last_step) for name, (_, slo_s, start) in servers.items()}
    names = list(servers)
    for number in range(rounds):
        first = number % len(names)  # none always comes after the same other
        for name in names[first:] + names[:first]:
            measure, slo_s, _ = servers[name]
            stair = stairs[name]
            lasting = max(seconds, min(QUERIES_LEAST / stair.rate_per_s, RUN_S_MOST))
            run = measure(stair.rate_per_s, lasting, seed + number)
            stair.take(passes(run.latencies_s(), slo_s) if run.valid(slo_s) else None)
        text = "  ".join(
            f"{name} {stair.rates[-1]:,.0f}/s {_SIGNS[stair.outcomes[-1]]}" for name, stair in stairs.items()
        )
        say(f"round {number + 1} of {rounds}: {text}")
    return stairs


_SIGNS = {True: "+", False: "-", None: "void"}


def ratio(numerator: Staircase, denominator: Staircase) -> dict[str, float]:
    """Return median and quartiles of the ratio of two servers' rates in the same rounds."""
    shares = np.array(numerator.settled()) / np.array(denominator.settled())
    low, median, high = (round(float(value), 3) for value in np.quantile(shares, (0.25, 0.5, 0.75)))
    return {"median": median, "low": low, "high": high}
