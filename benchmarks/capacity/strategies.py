"""The compared ways to choose the number of replicas, with targets that follow from the measured figures."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.capacity.autoscaler import AutoscalerSettings, ScalingPolicy, ScalingRules
from benchmarks.capacity.autoscaler_manifests import read_hpa, read_keda
from benchmarks.capacity.cluster import MetricSource, Strategy
from benchmarks.capacity.figures import ServiceFigures
from benchmarks.capacity.plan import replicas_for_rate
from benchmarks.capacity.traffic import HOUR_S, Trace

LOAD = 0.7
"""The planned load of a replica, as a share of its held rate."""
CPU_TARGETS = (0.5, 0.7)
CPU_WINDOW_S, CPU_REFRESH_S, CPU_DELAY_S = 15, 15, 15
"""The metrics server's resolution, and the age of the kubelet's sample."""
SERIES_WINDOW_S, SCRAPE_S, SERIES_DELAY_S = 60, 15, 5
"""Prometheus: ``rate(...[1m])``, the interval of scrapes, and the evaluation of the recording rule or query."""
QUICK_WINDOW_S, QUICK_SCRAPE_S = 15, 5
"""Scrapes every 5 s and ``rate(...[15s])``: newer values, at three times the samples."""
QUICK_UP = ScalingRules(0.0, (ScalingPolicy("percent", 300), ScalingPolicy("pods", 10)))
"""A scale-up that allows four times the replicas, or 10 more, in 15 s."""


def cpu_metric(target: float) -> MetricSource:
    """Return the processor time as an autoscaler reads it from the metrics server."""
    return MetricSource("cpu", target, CPU_WINDOW_S, CPU_REFRESH_S, CPU_DELAY_S)


def wait_metric(figures: ServiceFigures) -> MetricSource:
    """Return the p99 of ``tabento_queue_wait_seconds`` over all replicas, as Prometheus computes it."""
    return MetricSource("wait", wait_target_s(figures), SERIES_WINDOW_S, SCRAPE_S, SERIES_DELAY_S)


def requests_metric(figures: ServiceFigures, *, is_quick: bool = False) -> MetricSource:
    """Return the requests per second and replica, refused ones included, as KEDA reads them from Prometheus.

    Args:
        figures: the measured service.
        is_quick: whether Prometheus scrapes more often and the rate is over a shorter window.
    """
    window_s, scrape_s = (QUICK_WINDOW_S, QUICK_SCRAPE_S) if is_quick else (SERIES_WINDOW_S, SCRAPE_S)
    return MetricSource("requests", LOAD * figures.rate_per_s, window_s, scrape_s, SERIES_DELAY_S)


def wait_target_s(figures: ServiceFigures) -> float:
    """Return the target of the time in the queue: the geometric mean of the times at the planned load and under overload."""
    at_load = max(1e-6, figures.point_at(LOAD).wait_p99_ms / 1e3)
    return math.sqrt(at_load * max(at_load, figures.overload.wait_p99_ms / 1e3))


def shipped_strategies(replicas_least: int, replicas_most: int) -> list[Strategy]:
    """Return the autoscalers of deploy/kubernetes, with bounds for a trace."""
    wait = SERIES_WINDOW_S, SCRAPE_S, SERIES_DELAY_S
    hpa, hpa_wait, keda = read_hpa(), read_hpa(with_wait=True), read_keda()
    assert hpa_wait.wait_target_s is not None
    assert keda.wait_target_s is not None
    return [
        Strategy("hpa", "components/hpa", hpa.settings(replicas_least, replicas_most), (cpu_metric(hpa.cpu_target),)),
        Strategy(
            "hpa_wait",
            "components/hpa-queue-wait",
            hpa_wait.settings(replicas_least, replicas_most),
            (cpu_metric(hpa_wait.cpu_target), MetricSource("wait_of_pods", hpa_wait.wait_target_s, *wait)),
        ),
        Strategy(
            "keda",
            "components/keda",
            keda.settings(replicas_least, replicas_most),
            (cpu_metric(keda.cpu_target), MetricSource("wait_sum", keda.wait_target_s, *wait)),
        ),
    ]


def quick_requests(figures: ServiceFigures, replicas_least: int, replicas_most: int) -> Strategy:
    """Return the strategy with the newest values: requests over 15 s, and a scale-up to four times the replicas."""
    settings = AutoscalerSettings(replicas_least, replicas_most, scale_up=QUICK_UP)
    title = "requests per replica over 15 s, quick scale-up"
    return Strategy("requests_quick", title, settings, (requests_metric(figures, is_quick=True),))


def make_strategies(trace: Trace, figures: ServiceFigures, replicas_least: int, replicas_most: int) -> list[Strategy]:
    """Return the strategies for a trace, between the least and the largest number of replicas."""
    settings = AutoscalerSettings(replicas_least, replicas_most)
    rhythm = replicas_for_rate(_rhythm_peak(trace), LOAD * figures.rate_per_s)
    peak = replicas_for_rate(float(trace.rates_per_s.max()), LOAD * figures.rate_per_s)
    fixed = [
        Strategy(name, title, AutoscalerSettings(count, count))
        for name, title, count in (
            ("fixed_peak", f"fixed, {peak} for the burst", peak),
            ("fixed_rhythm", f"fixed, {rhythm} for the rhythm without the burst", rhythm),
        )
    ]
    by_cpu = [
        Strategy(f"cpu_{100 * target:.0f}", f"processor time {100 * target:.0f}%", settings, (cpu_metric(target),))
        for target in CPU_TARGETS
    ]
    return [
        *fixed,
        *by_cpu,
        Strategy("wait", "queue wait alone", settings, (wait_metric(figures),)),
        Strategy("requests", "requests per replica", settings, (requests_metric(figures),)),
        quick_requests(figures, replicas_least, replicas_most),
        *shipped_strategies(replicas_least, replicas_most),
    ]


def _rhythm_peak(trace: Trace) -> float:
    """Return the highest median of an hour."""
    rates = trace.rates_per_s
    return max(float(np.median(rates[start : start + HOUR_S])) for start in range(0, len(rates), HOUR_S))
