"""The autoscaler decides as the documentation of Kubernetes describes it."""

from __future__ import annotations

import pytest

from benchmarks.capacity.autoscaler import (
    Autoscaler,
    AutoscalerSettings,
    Observation,
    ScalingPolicy,
    ScalingRules,
    recommend,
)
from benchmarks.capacity.demand import DemandError

NO_WINDOWS = AutoscalerSettings(
    1,
    100,
    scale_up=ScalingRules(0.0, (ScalingPolicy("percent", 100_000),)),
    scale_down=ScalingRules(0.0, (ScalingPolicy("percent", 100),)),
)


def cpu(value: float | None, target: float = 0.5) -> Observation:
    """Return a mean processor time of the ready pods."""
    return Observation("utilization", value, target)


def test_the_ratio_decides() -> None:
    """Twice the target doubles the replicas, half of it halves them, as in the documentation's example; results are rounded up."""
    assert recommend(cpu(1.0), 4, 4, 0.1) == 8
    assert recommend(cpu(0.25), 4, 4, 0.1) == 2
    assert recommend(cpu(0.6), 4, 4, 0.1) == 5


def test_the_tolerance_keeps_the_replicas() -> None:
    """A ratio within a tenth of 1 changes nothing, and a ratio beyond it does."""
    for kind in ("utilization", "value"):
        assert recommend(Observation(kind, 0.549, 0.5), 10, 10, 0.1) == 10
        assert recommend(Observation(kind, 0.56, 0.5), 10, 10, 0.1) == 12
    assert recommend(Observation("average", 1_090, 100), 10, 10, 0.1) == 10
    assert recommend(Observation("average", 1_110, 100), 10, 10, 0.1) == 12


def test_pods_that_are_not_ready_count_as_idle() -> None:
    """Started pods dampen a second scale-up: 4 busy pods of 8 at twice the target are at the target together."""
    assert recommend(cpu(1.0), 8, 4, 0.1) == 8
    assert recommend(cpu(1.0), 6, 4, 0.1) == 8
    assert recommend(cpu(0.75), 8, 4, 0.1) == 8, "busy pods never end pods that start"
    assert recommend(cpu(0.2), 8, 4, 0.1) == 2, "a scale-down counts ready pods"


def test_a_total_is_divided_by_the_target() -> None:
    """A metric with an average target does not depend on the present number of pods."""
    assert recommend(Observation("average", 1_000, 100), 2, 1, 0.1) == 10
    assert recommend(Observation("average", 1_000, 100), 50, 50, 0.1) == 10


def test_the_largest_metric_counts() -> None:
    """Of two metrics the one that asks for more replicas decides."""
    assert Autoscaler(NO_WINDOWS).decide(0, 4, 4, [cpu(0.25), Observation("value", 2.0, 1.0)]) == 8


def test_an_unknown_metric_prevents_scaling_down() -> None:
    """Without one of the values replicas are added, and none is ended."""
    assert Autoscaler(NO_WINDOWS).decide(0, 4, 4, [cpu(0.1), cpu(None)]) == 4
    assert Autoscaler(NO_WINDOWS).decide(0, 4, 4, [cpu(1.0), cpu(None)]) == 8
    assert Autoscaler(NO_WINDOWS).decide(0, 4, 0, [cpu(1.0)]) == 4, "no pod is ready"


def test_the_default_scale_up() -> None:
    """Within 15 s the replicas double, or rise by 4 if that is more."""
    scaler = Autoscaler(AutoscalerSettings(1, 100))
    assert scaler.decide(0, 2, 2, [cpu(10.0)]) == 6
    assert scaler.decide(5, 6, 6, [cpu(10.0)]) == 6, "the change of the same period counts"
    assert scaler.decide(20, 6, 6, [cpu(10.0)]) == 12


def test_the_window_of_scale_down() -> None:
    """Replicas are ended 5 minutes after the last higher recommendation, not before."""
    scaler = Autoscaler(AutoscalerSettings(1, 100))
    assert scaler.decide(0, 10, 10, [cpu(0.5)]) == 10
    for now_s in range(15, 300, 15):
        assert scaler.decide(now_s, 10, 10, [cpu(0.1)]) == 10
    assert scaler.decide(300, 10, 10, [cpu(0.1)]) == 2


def test_a_window_of_scale_up_uses_the_lowest() -> None:
    """With a window upwards a single high value adds no replica."""
    rules = ScalingRules(60.0, (ScalingPolicy("pods", 10),))
    scaler = Autoscaler(AutoscalerSettings(1, 100, scale_up=rules))
    assert scaler.decide(0, 4, 4, [cpu(0.5)]) == 4
    assert scaler.decide(15, 4, 4, [cpu(1.0)]) == 4
    assert scaler.decide(75, 4, 4, [cpu(1.0)]) == 8


def test_policies_of_scale_down() -> None:
    """The selected policy limits the ended pods of its period, and ``disabled`` ends none."""
    policies = (ScalingPolicy("pods", 2, 60.0), ScalingPolicy("percent", 50, 60.0))
    for select, expected in (("max", 5), ("min", 8), ("disabled", 10)):
        rules = ScalingRules(0.0, policies, select)  # type: ignore[arg-type]
        scaler = Autoscaler(AutoscalerSettings(1, 100, scale_down=rules))
        assert scaler.decide(0, 10, 10, [cpu(0.01)]) == expected
    scaler = Autoscaler(AutoscalerSettings(1, 100, scale_down=ScalingRules(0.0, policies[:1])))
    assert scaler.decide(0, 10, 10, [cpu(0.01)]) == 8
    assert scaler.decide(15, 8, 8, [cpu(0.01)]) == 8
    assert scaler.decide(61, 8, 8, [cpu(0.01)]) == 6


def test_the_bounds() -> None:
    """The number stays between the least and the largest."""
    scaler = Autoscaler(AutoscalerSettings(2, 5))
    assert scaler.decide(0, 4, 4, [cpu(5.0)]) == 5
    assert Autoscaler(AutoscalerSettings(2, 5, scale_down=NO_WINDOWS.scale_down)).decide(0, 4, 4, [cpu(0.0)]) == 2
    with pytest.raises(DemandError, match="not more than the largest number"):
        AutoscalerSettings(5, 2)
