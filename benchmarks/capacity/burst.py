"""The answer to a burst: the time until additional replicas are ready, and the requests that are refused until then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.capacity.cluster import Course, StartTimes, simulate
from benchmarks.capacity.plan import ReplicaPlan
from benchmarks.capacity.strategies import quick_requests, shipped_strategies
from benchmarks.capacity.traffic import step_burst

BEFORE_S, BURST_S = 300, 900
"""The simulated time before the burst, and the length of the burst."""
PHASES_S = (0, 5, 10)
"""The begin of the burst after a sync of the autoscaler. The answer is the worst of them."""
ENOUGH = 0.999
"""A second is answered if this share of its requests is answered within the limit."""


@dataclass(frozen=True)
class BurstAnswer:
    """The course of a burst under one autoscaler."""

    title: str
    first_help_s: int | None
    """Seconds from the begin of the burst until the first additional replica is ready; None if there is none."""
    enough_s: int | None
    """Seconds until all requests of the burst are answered in time for the rest of it; None if they never are."""
    refused: int
    """The requests of the burst that were not answered within the limit."""
    refused_share: float
    """The same as a share of the requests of the burst."""
    replicas_most: int


def answer_burst(plan: ReplicaPlan, start: StartTimes) -> list[BurstAnswer]:
    """Return the course of the plan's burst under the shipped autoscalers, and under one that reads requests, which begin with the plan's replicas."""
    demand, figures = plan.demand, plan.figures
    replicas_most = max(plan.replicas, 2 * plan.for_burst)
    strategies = [
        *shipped_strategies(plan.replicas, replicas_most),
        quick_requests(figures, plan.replicas, replicas_most),
    ]
    answers = []
    for strategy in strategies:
        courses = []
        for phase_s in PHASES_S:
            trace = step_burst(demand.rate_per_s, demand.burst, BEFORE_S + phase_s, BURST_S)
            courses.append(_answer(strategy.title, simulate(trace, strategy, figures, start), BEFORE_S + phase_s))
        answers.append(max(courses, key=lambda answer: answer.refused))
    return answers


def _answer(title: str, course: Course, begin_s: int) -> BurstAnswer:
    offered, n_answered, ready = (values[begin_s:] for values in (course.offered, course.answered, course.ready))
    helped = np.flatnonzero(ready > course.ready[begin_s])
    short = np.flatnonzero(n_answered < ENOUGH * offered)
    enough = int(short[-1]) + 1 if short.size else 0
    n_refused = float((offered - n_answered).sum())
    return BurstAnswer(
        title=title,
        first_help_s=int(helped[0]) if helped.size else None,
        enough_s=enough if enough < len(offered) else None,
        refused=round(n_refused),
        refused_share=n_refused / max(1.0, float(offered.sum())),
        replicas_most=int(course.running.max()),
    )
