"""Replicas of a service under the traffic of a trace, second by second, with an autoscaler that sees delayed metrics.

A fluid model: in each second the ready replicas share the requests evenly. A replica answers up to its measured rate; beyond it
refuses what it could not answer within the limit, and each refusal costs the measured share of an answer. Without admission
requests queue without a bound and are answered late. Within a second the model has no queue: whether a rate is held within the latency
limit was measured, with Poisson arrivals.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.capacity.autoscaler import Autoscaler, AutoscalerSettings, Observation
from benchmarks.capacity.demand import DemandError
from benchmarks.capacity.figures import ServiceFigures
from benchmarks.capacity.traffic import Trace


@dataclass(frozen=True)
class StartTimes:
    """The time from a decision to a ready replica."""

    schedule_s: float = 2.0
    """The scheduler, and the sandbox of the pod."""
    pull_s: float = 0.0
    """The pull of the image; 0 if the node has it."""
    ready_s: float = 2.0
    """From the start of the process to the first answer of the readiness route."""
    probe_s: float = 1.0
    """Half the period of the readiness probe, and the update of the endpoints."""
    node_s: float = 0.0
    """The start of another node, for replicas beyond ``nodes_hold``."""
    nodes_hold: int = 1_000_000
    """The replicas that the running nodes have room for."""

    def seconds(self, index: int) -> float:
        """Return the seconds until a replica is ready, if ``index`` others run or start."""
        wait_s = self.schedule_s + self.pull_s + self.ready_s + self.probe_s
        return wait_s + (self.node_s if index >= self.nodes_hold else 0.0)


@dataclass(frozen=True)
class MetricSource:
    """A metric that an autoscaler reads: which one, its target and its age."""

    name: str
    """A key of ``KINDS``."""
    target: float
    """A share of a core, seconds, or requests per second and replica."""
    window_s: int
    """The time over which the value is a mean, or a p99 for ``wait``."""
    refresh_s: int
    """The period of new values: the resolution of the metrics server, or the interval of scrapes."""
    delay_s: int = 0
    """The age of a new value when the autoscaler can read it."""

    def __post_init__(self) -> None:
        if self.name not in KINDS or not (self.target > 0 and self.window_s >= 1 and self.refresh_s >= 1):
            raise DemandError(
                f"expected a metric of {', '.join(KINDS)}, a target above 0 and times of at least 1 s, got {self.name},"
                f" {self.target:g}, {self.window_s} s and {self.refresh_s} s"
            )


KINDS = {
    "cpu": "utilization",
    "wait": "value",
    "wait_of_pods": "utilization",
    "wait_sum": "average",
    "requests": "average",
}
"""How an autoscaler reads each metric: the mean processor time of the pods, the p99 of the queue wait over all pods, the mean or
the sum of the pods' own p99, and the sum of the requests. In the model all ready pods have the same p99."""


@dataclass(frozen=True)
class Strategy:
    """A way to choose the number of replicas."""

    name: str
    title: str
    settings: AutoscalerSettings
    metrics: tuple[MetricSource, ...] = ()
    """Without a metric the number stays at ``settings.replicas_least``."""


@dataclass
class Course:
    """The result of a simulation; arrays have one value a second, shape (T,)."""

    offered: NDArray[np.int64]
    answered: NDArray[np.float64]
    """Answered within the limit."""
    late: NDArray[np.float64]
    refused: NDArray[np.float64]
    ready: NDArray[np.int64]
    running: NDArray[np.int64]
    """Replicas that run or start, and that are paid for."""
    cpu: NDArray[np.float64]
    """The mean of the ready replicas, as a share of a core."""
    waits_s: NDArray[np.float64]
    """The p99 of the time in the queue of each second."""

    @classmethod
    def of_length(cls, offered: NDArray[np.int64]) -> Course:
        """Return a course without results for the requests of each second."""
        floats = [np.zeros(len(offered)) for _ in range(5)]
        n_answered, n_late, n_refused, cpu, waits_s = floats
        ready, running = (np.zeros(len(offered), dtype=np.int64) for _ in range(2))
        return cls(offered, n_answered, n_late, n_refused, ready, running, cpu, waits_s)

    @property
    def in_time_share(self) -> float:
        """The share of all requests that were answered within the limit."""
        return float(self.answered.sum() / max(1, self.offered.sum()))

    @property
    def replica_hours(self) -> float:
        """The hours of all running replicas."""
        return float(self.running.sum() / 3_600)

    def seconds_below(self, share: float) -> int:
        """Return the number of seconds in which less than a share of the requests was answered within the limit."""
        return int(np.count_nonzero(self.answered < share * self.offered))


@dataclass
class _Replicas:
    """The running replicas by the second at which each becomes ready, in ascending order."""

    ready_at: list[float] = field(default_factory=list)

    def count_ready(self, now_s: float) -> int:
        return bisect_right(self.ready_at, now_s)

    def resize(self, count: int, now_s: float, start: StartTimes) -> None:
        """Start replicas, or end those that started last: a ReplicaSet ends replicas that are not ready first."""
        while len(self.ready_at) < count:
            self.ready_at.append(now_s + start.seconds(len(self.ready_at)))
        self.ready_at.sort()
        del self.ready_at[count:]


def simulate(
    trace: Trace,
    strategy: Strategy,
    figures: ServiceFigures,
    start: StartTimes,
    *,
    seed: int = 1,
    sheds: bool = True,
) -> Course:
    """Return the course of a trace under a strategy.

    Args:
        trace: the traffic.
        strategy: chooses the number of replicas; it begins with the number that the first second needs.
        figures: the measured service.
        start: the times until replicas are ready.
        seed: draws the arrivals.
        sheds: whether replicas refuse requests that they cannot answer within the limit, as Tabento's admission does.
    """
    offered = trace.arrivals(seed)
    length = len(offered)
    course = Course.of_length(offered)
    replica = ReplicaModel(figures, sheds=sheds)
    autoscaler = Autoscaler(strategy.settings)
    replicas = _Replicas()
    first = first_replicas(strategy, figures, float(trace.rates_per_s[0]))
    replicas.ready_at = [0.0] * first
    backlog = 0.0
    for second in range(length):
        if strategy.metrics and second and second % strategy.settings.sync_s == 0:
            ready = replicas.count_ready(second)
            observations = [observe(metric, course, second) for metric in strategy.metrics]
            replicas.resize(autoscaler.decide(second, len(replicas.ready_at), ready, observations), second, start)
        ready = replicas.count_ready(second)
        outcome = replica.step(float(offered[second]), backlog, ready)
        backlog = outcome.backlog
        course.answered[second], course.late[second] = outcome.answered, outcome.late
        course.refused[second], course.cpu[second] = outcome.refused, outcome.cpu
        course.waits_s[second] = outcome.wait_s
        course.ready[second], course.running[second] = ready, len(replicas.ready_at)
    return course


def first_replicas(strategy: Strategy, figures: ServiceFigures, rate_per_s: float) -> int:
    """Return the replicas at the beginning: enough for the rate at 70%, within the bounds of the strategy."""
    needed = int(np.ceil(rate_per_s / (0.7 * figures.rate_per_s)))
    settings = strategy.settings
    if not strategy.metrics:
        return settings.replicas_least
    return min(max(needed, settings.replicas_least), settings.replicas_most)


def observe(metric: MetricSource, course: Course, now_s: int) -> Observation:
    """Return the newest value of a metric that an autoscaler can read at a second; no value in the first window."""
    end = (now_s - metric.delay_s) // metric.refresh_s * metric.refresh_s
    begin = end - metric.window_s
    kind = KINDS[metric.name]
    value: float | None = None
    if begin >= 0:
        window = slice(begin, end)
        if metric.name == "cpu":
            value = float(course.cpu[window].mean())
        elif metric.name == "requests":
            value = float(course.offered[window].mean())
        else:
            value = weighted_p99(course.waits_s[window], course.answered[window] + course.late[window])
            value *= course.ready[end - 1] if metric.name == "wait_sum" else 1
    return Observation(kind, value, metric.target)  # type: ignore[arg-type]


def weighted_p99(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the smallest value that 99% of the weight does not exceed; 0 without weight."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    if total[-1] <= 0:
        return 0.0
    return float(values[order][int(np.argmax(total >= 0.99 * total[-1]))])


def interpolate(position: float, positions: Sequence[float], values: Sequence[float]) -> float:
    """Return the value between the neighbours of a position, and the last value beyond the last position.

    The same as ``numpy.interp``, which takes ten times as long for a single number.

    Args:
        position: at least the first of ``positions``.
        positions: ascending.
        values: one for each position.
    """
    index = bisect_right(positions, position)
    if index >= len(positions):
        return values[-1]
    low, high = positions[index - 1], positions[index]
    return values[index - 1] + (values[index] - values[index - 1]) * (position - low) / (high - low)


class Outcome(NamedTuple):
    """One second of all ready replicas."""

    answered: float
    late: float
    refused: float
    cpu: float
    wait_s: float
    backlog: float


class ReplicaModel:
    """The ready replicas, each as it was measured: its rate, the cost of a refusal, processor time and waiting time by load."""

    def __init__(self, figures: ServiceFigures, *, sheds: bool) -> None:
        self._rate_per_s = figures.rate_per_s
        self._latency_s = figures.latency_s
        self._refusal_cost = figures.refusal_cost
        self._sheds = sheds
        self._shares = [0.0, *(point.rate_per_s / figures.rate_per_s for point in figures.points)]
        self._cpu = [0.0, *np.maximum.accumulate([point.cpu_share for point in figures.points]).tolist()]
        self._waits_s = [0.0, *(point.wait_p99_ms / 1e3 for point in figures.points)]
        self._overload_wait_s = max(figures.overload.wait_p99_ms / 1e3, self._waits_s[-1])

    def step(self, offered: float, backlog: float, ready: int) -> Outcome:
        """Return the outcome of a second."""
        capacity = ready * self._rate_per_s
        if not capacity:  # no replica is ready: the proxy answers 503
            return Outcome(0.0, 0.0, offered, 0.0, 0.0, backlog)
        remaining = max(0.0, backlog + offered - capacity)
        if not remaining:
            load = (backlog + offered) / capacity
            cpu, wait_s = (interpolate(load, self._shares, values) for values in (self._cpu, self._waits_s))
            late = offered * self._late_share(backlog / capacity, 0.0)
            return Outcome(offered - late, late, 0.0, cpu, max(wait_s, backlog / capacity), 0.0)
        if self._sheds:
            cost = self._refusal_cost
            n_answered = max(0.0, (capacity - cost * offered) / (1 - cost)) if cost < 1 else 0.0
            return Outcome(n_answered, 0.0, offered - n_answered, 1.0, self._overload_wait_s, 0.0)
        late = offered * self._late_share(backlog / capacity, remaining / capacity)
        return Outcome(offered - late, late, 0.0, 1.0, max(backlog, remaining) / capacity, remaining)

    def _late_share(self, first_s: float, last_s: float) -> float:
        """Return the share of a second's requests that wait longer than the limit, if waits change evenly from the first to the last."""
        low, high = sorted((first_s, last_s))
        if high <= self._latency_s:
            return 0.0
        return 1.0 if low >= self._latency_s else (high - self._latency_s) / (high - low)


def simulate_all(
    trace: Trace,
    strategies: Sequence[Strategy],
    figures: ServiceFigures,
    start: StartTimes,
    *,
    seed: int = 1,
    sheds: bool = True,
) -> dict[str, Course]:
    """Return the course of each strategy under the same arrivals."""
    return {strategy.name: simulate(trace, strategy, figures, start, seed=seed, sheds=sheds) for strategy in strategies}
