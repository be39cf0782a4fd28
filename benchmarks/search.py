"""Which rate does a server hold? MLPerf's Server metric, QPS@p99<=SLO: the highest scheduled rate whose run passes.

Doubling from a start until a run fails, bisection between the last that passed and the first that failed, then a longer
run at that rate; if the run fails, the rate goes down by steps until a run passes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.earlystop import PERCENTILE, passes
from benchmarks.process import BenchmarkError

QUERIES_LEAST = 2_000
"""Runs at low rates last longer, so that they have this many queries: of 2,000 the test allows 9 late ones, and a run
is not decided by one hiccup of the machine."""
RUN_S_MOST = 60.0
"""But no longer than this; a server that holds less than 33 queries a second is judged on fewer."""
RATE_LEAST_PER_S = 8.0
"""Below this, a run of ``RUN_S_MOST`` could not pass the early-stopping test: it has too few queries."""
RATE_MOST_PER_S = 400_000.0
"""Above this the search ends: no generator on one core gets there."""
VOID_RATES_MOST = 3
"""If the generator was late at this number of rates in a row, each half of the previous rate, the reason is not the rate that
the generator cannot keep, but the machine that does not let it."""
STEP_DOWN = 0.97
STEPS_DOWN = 12
"""A confirmation may fall by 3% twelve times, to 0.69 of the bisection's rate; after that there is another problem."""


class Run(Protocol):
    """The result of a measurement: ``benchmarks.loadgen.result.LoadResult``, or a stand-in of a simulator."""

    def latencies_s(self) -> NDArray[np.float64]:
        """Return seconds from each scheduled arrival to its answer, infinite for none."""
        ...

    def valid(self, slo_s: float) -> bool:
        """Return whether the generator was in time."""
        ...

    def summary(self, slo_s: float) -> dict[str, Any]:
        """Return the run's figures for JSON."""
        ...


Measure = Callable[[float, float, int], Run]
"""Runs a load: (rate per second, seconds, seed) -> its outcome."""


@dataclass(frozen=True)
class Attempt:
    """One run of a search."""

    phase: Literal["search", "confirm"]
    rate_per_s: float
    seconds: float
    seed: int
    passed: bool
    void: bool
    """The generator itself was late; the run has no information about the server."""
    summary: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the attempt for JSON."""
        outcome = "void" if self.void else "passed" if self.passed else "failed"
        fields = {"phase": self.phase, "asked_per_s": round(self.rate_per_s, 1), "seed": self.seed, "outcome": outcome}
        return {**fields, **self.summary}


@dataclass(frozen=True)
class Capacity:
    """The result of a search."""

    rate_per_s: float | None
    """The highest rate that was confirmed; None if no rate was."""
    limited_by: Literal["server", "generator", "search"]
    """The reason that the rate is not higher. ``generator``: above this rate runs were void, so the server may hold more;
    ``search``: the highest rate that is tried passed."""
    slo_s: float
    attempts: list[Attempt] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the capacity and all its runs for JSON."""
        return {
            "qps": None if self.rate_per_s is None else round(self.rate_per_s, 1),
            "slo_ms": self.slo_s * 1e3,
            "limited_by": self.limited_by,
            "runs": [attempt.to_json() for attempt in self.attempts],
        }


def find_capacity(
    measure: Measure,
    slo_s: float,
    start_per_s: float,
    seconds: float,
    tolerance: float = 0.03,
    *,
    confirm_s: float | None = None,
    seed: int = 1,
    tries: int = 1,
    most_per_s: float = RATE_MOST_PER_S,
    percentile: float = PERCENTILE,
    say: Callable[[str], object] | None = None,
) -> Capacity:
    """Return the highest scheduled rate at which a server keeps its percentile within the SLO.

    Every run has a seed of its own: the first ``seed``, the next one more, so that a search can be repeated.

    Args:
        measure: runs a load.
        slo_s: the latency that the percentile of the answers must keep, in seconds.
        start_per_s: the first rate.
        seconds: how long a run lasts; longer at low rates (``QUERIES_LEAST``), and at least ``slo_s / tolerance``.
        tolerance: the bisection ends when passed and failed rate are this close, relatively.
        confirm_s: the length of the confirmation; by default three times ``seconds``.
        seed: the first run's.
        tries: the largest number of runs of a rate in the bisection; a confirmation has one run.
        most_per_s: the highest rate to try.
        percentile: the share of the answers that must be in time. Runs have more queries for a higher percentile.
        say: takes progress lines; by default they go to standard error.

    Raises:
        ValueError: a figure is out of range.
        BenchmarkError: the generator is late even at low rates: the machine is not quiet.
    """
    if not (slo_s > 0 and start_per_s > 0 and seconds > 0 and tolerance > 0 and tries >= 1):
        raise ValueError(
            "expected slo_s, start_per_s, seconds and tolerance above 0 and tries of at least 1, got"
            f" {slo_s}, {start_per_s}, {seconds}, {tolerance} and {tries}"
        )
    search = _Search(measure, slo_s, tolerance, seed, say or _to_stderr, percentile)
    low, high = search.bracket(min(start_per_s, most_per_s), seconds, tries, most_per_s)
    if low is None:
        return Capacity(None, search.limited_by, slo_s, search.attempts)
    while high is not None and high / low > 1 + tolerance:
        middle = (low * high) ** 0.5
        if search.holds(middle, seconds, tries):
            low = middle
        else:
            high = middle
    limit = search.limit_at(high)
    for step in range(STEPS_DOWN + 1):
        rate = low * STEP_DOWN**step
        if search.attempt("confirm", rate, 3 * seconds if confirm_s is None else confirm_s).passed:
            return Capacity(rate, limit, slo_s, search.attempts)
        limit = search.limited_by
    return Capacity(None, limit, slo_s, search.attempts)


class _Search:
    """The runs of one search, in order."""

    def __init__(
        self,
        measure: Measure,
        slo_s: float,
        tolerance: float,
        seed: int,
        say: Callable[[str], object],
        percentile: float,
    ) -> None:
        self._measure = measure
        # At a rate slightly above its capacity, a server's backlog grows slowly: a run must last
        # until an excess of the tolerance has added up to the SLO.
        self._least_s = slo_s / tolerance
        self._slo_s = slo_s
        self._seed = seed
        self._say = say
        self._percentile = percentile
        self._queries_least = QUERIES_LEAST * (1 - PERCENTILE) / (1 - percentile)
        self.attempts: list[Attempt] = []

    @property
    def limited_by(self) -> Literal["server", "generator"]:
        """The part that failed in the last run."""
        return "generator" if self.attempts[-1].void else "server"

    def limit_at(self, rate_per_s: float | None) -> Literal["server", "generator", "search"]:
        """Return the part that failed at a rate."""
        if rate_per_s is None:
            return "search"
        runs = [attempt for attempt in self.attempts if attempt.rate_per_s == rate_per_s]
        return "generator" if runs and runs[-1].void else "server"

    def bracket(self, rate: float, seconds: float, tries: int, most_per_s: float) -> tuple[float | None, float | None]:
        """Return a rate that holds and a rate that fails, at most a factor of two apart; None if there is no such rate."""
        if self.holds(rate, seconds, tries):
            while rate < most_per_s:
                above = min(2 * rate, most_per_s)
                if not self.holds(above, seconds, tries):
                    return rate, above
                rate = above
            return rate, None
        void_rates = int(self.attempts[-1].void)
        while rate / 2 >= RATE_LEAST_PER_S:
            if self.holds(rate / 2, seconds, tries):
                return rate / 2, rate
            rate /= 2
            void_rates = void_rates + 1 if self.attempts[-1].void else 0
            if void_rates == VOID_RATES_MOST:
                share = self.attempts[-1].summary.get("generator_core_share")
                raise BenchmarkError(
                    f"the load generator was late at {VOID_RATES_MOST} rates in a row, down to {rate:,.0f}/s"
                    + ("" if share is None else f"; it had {100 * share:.0f}% of its core in the last run")
                    + ". The machine is not quiet: stop other programs, or give the generator another core."
                )
        return None, rate

    def holds(self, rate: float, seconds: float, tries: int) -> bool:
        """Return whether one of a few runs at a rate passes."""
        for _ in range(tries):
            attempt = self.attempt("search", rate, seconds)
            if attempt.passed or attempt.void:
                return attempt.passed
        return False

    def attempt(self, phase: Literal["search", "confirm"], rate: float, seconds: float) -> Attempt:
        """Run a rate; a void run is repeated once."""
        attempt = self._run(phase, rate, seconds)
        return self._run(phase, rate, seconds) if attempt.void else attempt

    def _run(self, phase: Literal["search", "confirm"], rate: float, seconds: float) -> Attempt:
        lasting = max(seconds, min(max(self._queries_least / rate, self._least_s), RUN_S_MOST))
        seed = self._seed + len(self.attempts)
        result = self._measure(rate, lasting, seed)
        void = not result.valid(self._slo_s)
        passed = not void and passes(result.latencies_s(), self._slo_s, self._percentile)
        attempt = Attempt(phase, rate, lasting, seed, passed, void, result.summary(self._slo_s))
        self.attempts.append(attempt)
        p99 = (attempt.summary.get("accepted_ms") or {}).get("p99")
        outcome = "void: the generator was late" if void else "passes" if passed else "fails"
        self._say(
            f"{phase} {rate:,.0f}/s for {lasting:g} s: p99 of accepted {'none' if p99 is None else f'{p99:.2f} ms'},"
            f" within the SLO {100 * (attempt.summary.get('within_slo_share') or 0.0):.2f}%, {outcome}"
        )
        return attempt


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
