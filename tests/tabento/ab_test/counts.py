"""Counts of arms for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from tabento.ab_test.arms import ArmCounts, LossSums
from tabento.ab_test.latency import latency_counts


def arm(
    requests: int,
    errors: int = 0,
    *,
    seed: int = 0,
    median_s: float = 0.002,
    answers: dict[str, list[int]] | None = None,
    loss: tuple[int, float] | None = None,
) -> ArmCounts:
    """Return the counts of an arm with lognormal latencies.

    Args:
        requests: the number of requests.
        errors: the failed ones among them.
        seed: the seed of the latencies.
        median_s: the median of the latencies in seconds.
        answers: the histograms of the answers.
        loss: the number and the mean of the losses, which are exponentially distributed.
    """
    random = np.random.default_rng(seed)
    latencies_s = median_s * random.lognormal(0, 0.4, requests - errors)
    losses = LossSums()
    if loss is not None:
        for value in random.exponential(loss[1], loss[0]):
            losses.add(float(value))
    return ArmCounts(
        requests=requests,
        errors=errors,
        rows=requests - errors,
        latencies=latency_counts(latencies_s.tolist()),
        latency_us=round(1e6 * float(latencies_s.sum())),
        answers=answers or {},
        losses=losses,
    )


class SomeLimits:
    """The limits of a rollout; all are off unless they are set."""

    def __init__(self, **limits: Any) -> None:
        self.error_rate: float | None = limits.get("error_rate")
        self.latency_rise: float | None = limits.get("latency_rise")
        self.p99_ms: float | None = limits.get("p99_ms")
        self.differing_share: float | None = limits.get("differing_share")
        self.answer_drift: bool = limits.get("answer_drift", False)
        self.quality_drop: float | None = limits.get("quality_drop")
        self.min_requests: int = limits.get("min_requests", 100)
