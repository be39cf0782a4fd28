"""Kubernetes' HorizontalPodAutoscaler (autoscaling/v2) as arithmetic: from observed metrics to a number of replicas.

The algorithm is that of kube-controller-manager, as the documentation of Kubernetes ("Horizontal Pod Autoscaling") and its source
describe it (``pkg/controller/podautoscaler``: ``replica_calculator.go`` and ``horizontal.go``): desired = ceil(current x metric / target),
no change within the tolerance, pods that are not ready count as idle before a change upwards, the largest result of several
metrics counts, recommendations are stabilized over a window, and policies limit each change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.capacity.demand import DemandError

_ROUNDING = 1e-9
"""Products such as 3 x 1.1 are rounded up only if they exceed an integer by more than this."""


@dataclass(frozen=True)
class ScalingPolicy:
    """The largest change within a period."""

    kind: Literal["pods", "percent"]
    value: float
    period_s: float = 15.0


@dataclass(frozen=True)
class ScalingRules:
    """The rules of one direction, as in ``behavior.scaleUp`` and ``behavior.scaleDown``."""

    stabilization_s: float
    policies: tuple[ScalingPolicy, ...]
    select: Literal["max", "min", "disabled"] = "max"


SCALE_UP = ScalingRules(0.0, (ScalingPolicy("percent", 100), ScalingPolicy("pods", 4)))
SCALE_DOWN = ScalingRules(300.0, (ScalingPolicy("percent", 100),))
"""The defaults of Kubernetes: up without delay to the double or by 4 pods in 15 s, down after 5 minutes."""


@dataclass(frozen=True)
class AutoscalerSettings:
    """The settings of an autoscaler and of its controller, with the defaults of Kubernetes."""

    replicas_least: int = 2
    replicas_most: int = 10
    tolerance: float = 0.1
    sync_s: float = 15.0
    scale_up: ScalingRules = SCALE_UP
    scale_down: ScalingRules = SCALE_DOWN

    def __post_init__(self) -> None:
        if not (1 <= self.replicas_least <= self.replicas_most and self.tolerance >= 0 and self.sync_s > 0):
            raise DemandError(
                "expected at least 1 replica, not more than the largest number, a tolerance of at least 0 and a sync period above 0 s,"
                f" got {self.replicas_least} to {self.replicas_most}, {self.tolerance:g} and {self.sync_s:g} s"
            )


@dataclass(frozen=True)
class Observation:
    """The value of a metric at one sync."""

    kind: Literal["utilization", "value", "average"]
    """``utilization``: the mean over ready pods, as a share of their request. ``value``: one value for all pods.
    ``average``: a total that is divided by the number of pods."""
    value: float | None
    """None if there is no value: nothing is scaled down then."""
    target: float


@dataclass
class Autoscaler:
    """An autoscaler with its memory of recommendations and changes."""

    settings: AutoscalerSettings
    _recommendations: list[tuple[float, int]] = field(default_factory=list)
    _changes: list[tuple[float, int]] = field(default_factory=list)
    """The time and the size of each change, positive if pods were added."""

    def decide(self, now_s: float, replicas: int, ready: int, observations: Sequence[Observation]) -> int:
        """Return the number of replicas to run.

        Args:
            now_s: the time in seconds, not before that of the previous call.
            replicas: the number that runs, ready or not.
            ready: the number that is ready.
            observations: the metrics.
        """
        settings = self.settings
        results = [recommend(observation, replicas, ready, settings.tolerance) for observation in observations]
        counts = [result for result in results if result is not None]
        recommended = max(counts, default=replicas)
        if len(counts) < len(results):  # a metric without a value prevents scaling down
            recommended = max(recommended, replicas)
        decision = self._limit(now_s, replicas, self._stabilize(now_s, replicas, recommended))
        if decision != replicas:
            self._changes.append((now_s, decision - replicas))
        return decision

    def _stabilize(self, now_s: float, replicas: int, recommended: int) -> int:
        """Return the recommendation of both windows: the lowest of the window upwards, the highest of the window downwards."""
        up_s, down_s = self.settings.scale_up.stabilization_s, self.settings.scale_down.stabilization_s
        begin_s = now_s - max(up_s, down_s)
        self._recommendations = [(time_s, count) for time_s, count in self._recommendations if time_s > begin_s]
        earlier = self._recommendations
        lowest = min([recommended, *(count for time_s, count in earlier if time_s > now_s - up_s)])
        highest = max([recommended, *(count for time_s, count in earlier if time_s > now_s - down_s)])
        self._recommendations = [*earlier, (now_s, recommended)]
        return min(max(replicas, lowest), highest)

    def _limit(self, now_s: float, replicas: int, recommended: int) -> int:
        """Return the recommendation within the policies and the bounds."""
        settings = self.settings
        if recommended > replicas:
            recommended = min(recommended, max(replicas, self._reach(now_s, replicas, settings.scale_up, 1)))
        elif recommended < replicas:
            recommended = max(recommended, min(replicas, self._reach(now_s, replicas, settings.scale_down, -1)))
        return min(max(recommended, settings.replicas_least), settings.replicas_most)

    def _reach(self, now_s: float, replicas: int, rules: ScalingRules, sign: int) -> int:
        """Return the furthest number of replicas that the policies of a direction allow."""
        if rules.select == "disabled":
            return replicas
        reaches = []
        for policy in rules.policies:
            start = replicas - sum(size for time_s, size in self._changes if time_s > now_s - policy.period_s)
            if policy.kind == "pods":
                reaches.append(start + sign * policy.value)
            else:
                reaches.append(start * (1 + sign * policy.value / 100))
        furthest = max(reaches) if (rules.select == "max") == (sign > 0) else min(reaches)
        return math.ceil(furthest - _ROUNDING) if sign > 0 else max(0, math.floor(furthest + _ROUNDING))


def recommend(observation: Observation, replicas: int, ready: int, tolerance: float) -> int | None:
    """Return the number of replicas that one metric asks for; None if it has no value or no pod is ready."""
    if observation.value is None or (observation.kind != "average" and ready == 0):
        return None
    if observation.kind == "average":
        ratio = observation.value / (observation.target * replicas)
        return replicas if abs(ratio - 1) <= tolerance else _ceil(observation.value / observation.target)
    ratio = observation.value / observation.target
    if observation.kind == "value":
        return replicas if abs(ratio - 1) <= tolerance else _ceil(ratio * ready)
    unready = replicas - ready
    if ratio > 1 and unready:  # pods that are not ready count as idle
        diluted = ratio * ready / replicas
        if abs(diluted - 1) <= tolerance or diluted < 1:
            return replicas
        return max(replicas, _ceil(diluted * replicas))
    return replicas if abs(ratio - 1) <= tolerance else _ceil(ratio * ready)


def _ceil(number: float) -> int:
    return math.ceil(number - _ROUNDING)
