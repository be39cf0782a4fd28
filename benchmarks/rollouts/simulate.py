"""One simulated rollout, judged each second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.rollouts.traffic import Fault, Traffic
from rollout.document import Limits
from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.pairs import PairCounts
from tabento.ab_test.verdict import Options
from tabento.ab_test.watch import Watch

SHARES = (0.01, 0.1, 0.5, 1.0)


@dataclass(frozen=True)
class Plan:
    """A way to try a challenger."""

    name: str
    shares: Sequence[float]
    """The shares of the steps of a canary; empty for a shadow."""
    hold_s: int
    """The seconds of a step."""
    rate: float
    """The requests a second."""
    is_sticky: bool = True
    """Whether all requests of a client have the same arm."""

    @property
    def is_shadow(self) -> bool:
        """Whether the challenger answers in the shadow."""
        return not self.shares


@dataclass(frozen=True)
class Outcome:
    """The end of a rollout."""

    rolled_back: bool
    seconds: int
    """The seconds from the begin of the fault."""
    answers: int
    """The requests that the challenger got since then."""
    step: int
    """The index of the last step."""
    tests: tuple[str, ...]
    """The names of the tests whose limit was passed."""
    decision: str
    """The last decision."""


def simulate(plan: Plan, fault: Fault, limits: Limits, seed: int) -> Outcome:
    """Run a rollout until it is rolled back or its last step has lasted.

    Args:
        plan: the way to try the challenger.
        fault: the fault of the challenger.
        limits: the limits.
        seed: the seed of all chance.
    """
    traffic = Traffic(np.random.default_rng(seed), plan.rate, fault, plan.is_sticky)
    time_s = answers = 0
    decision = "hold"
    for step, share in enumerate(plan.shares or (0.0,)):
        traffic.start_step()
        champion, challenger = ArmCounts(), ArmCounts()
        pairs = PairCounts() if plan.is_shadow else None
        options = Options(parts=max(len(plan.shares), 1), share=None if plan.is_shadow else share)
        watch = Watch(limits, options)
        for _ in range(plan.hold_s):
            before = challenger.requests
            traffic.second(share, time_s, champion, challenger, pairs)
            if time_s >= fault.starts_s:
                answers += challenger.requests - before
            time_s += 1
            verdict = watch.judge(champion, challenger, pairs, float(time_s))
            decision = verdict.decision
            if decision == "roll_back":
                tests = tuple(test.name for test in verdict.tests if test.outcome == "passed")
                return Outcome(True, time_s - int(fault.starts_s), answers, step, tests, decision)
    return Outcome(False, time_s - int(fault.starts_s), answers, step, (), decision)
