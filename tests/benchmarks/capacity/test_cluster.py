"""The replicas of a simulation: conservation of requests, refusals as in a simulated queue, delays of starts and metrics."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.capacity.autoscaler import AutoscalerSettings
from benchmarks.capacity.cluster import (
    Course,
    MetricSource,
    ReplicaModel,
    StartTimes,
    Strategy,
    interpolate,
    observe,
    simulate,
    simulate_all,
    weighted_p99,
)
from benchmarks.capacity.demand import DemandError
from benchmarks.capacity.figures import LoadPoint
from benchmarks.capacity.strategies import cpu_metric, make_strategies, requests_metric, wait_metric
from benchmarks.capacity.traffic import Trace, step_burst
from tests.benchmarks.capacity.service_figures import service_figures

START = StartTimes(schedule_s=2, pull_s=10, ready_s=2, probe_s=1)
FREE_REFUSALS = service_figures(overload=LoadPoint(2.0, 2_000.0, 1.0, 20.0, 40.0, 30.0, 0.5))
"""A service whose refusals cost nothing."""


def fixed(replicas: int) -> Strategy:
    """Return a strategy with a constant number of replicas."""
    return Strategy("fixed", "fixed", AutoscalerSettings(replicas, replicas))


def constant(rate_per_s: float, seconds: int = 300) -> Trace:
    """Return a constant rate."""
    return Trace(np.full(seconds, rate_per_s), "constant")


def test_every_request_has_one_outcome() -> None:
    """Answered, late and refused add up to the offered requests, with admission and without it."""
    trace = step_burst(500, 6, 60, 120)
    for sheds in (True, False):
        course = simulate(trace, fixed(2), service_figures(), START, sheds=sheds)
        assert np.allclose(course.answered + course.late + course.refused, course.offered)
        assert bool(course.refused.sum() > 0) is sheds
        assert bool(course.late.sum() > 0) is not sheds


def test_nothing_is_refused_below_the_rate() -> None:
    """At 80% of the rate of two replicas all requests are answered, and the core is busy for 80% of the time."""
    course = simulate(constant(1_600), fixed(2), service_figures(), START)
    assert course.in_time_share == 1
    assert course.cpu.mean() == pytest.approx(0.8, abs=0.01)
    assert course.replica_hours == pytest.approx(2 * 300 / 3_600)


def test_refusals_agree_with_a_simulated_queue() -> None:
    """At 1.5 times the rate a third is refused, as in a queue of equal services whose waiting requests are limited."""
    arrivals = np.cumsum(np.random.default_rng(1).exponential(1 / 1_500, 100_000))
    free_at, n_refused = 0.0, 0
    for arrival in arrivals.tolist():
        if free_at - arrival > 0.03:
            n_refused += 1
        else:
            free_at = max(free_at, arrival) + 0.001
    course = simulate(constant(1_500), fixed(1), FREE_REFUSALS, START)
    assert 1 - course.in_time_share == pytest.approx(n_refused / 100_000, abs=0.005)


def test_refusals_cost_answers() -> None:
    """At the measured overload the share of good answers is the measured one."""
    figures = service_figures()
    course = simulate(constant(2_000), fixed(1), figures, START)
    assert course.in_time_share == pytest.approx(figures.overload.good_share, abs=0.01)
    assert (course.cpu == 1).all()


def test_without_admission_answers_are_late() -> None:
    """A backlog makes nearly all answers late, as in a simulated queue without a limit, and is worked off afterwards."""
    trace = Trace(np.repeat([1_500.0, 500.0], [60, 200]), "recovery")
    course = simulate(trace, fixed(1), service_figures(), START, sheds=False)
    arrivals = np.cumsum(np.concatenate([np.full(90_000, 1 / 1_500), np.full(100_000, 1 / 500)]))
    free_at, late = 0.0, 0
    for arrival in arrivals.tolist():
        free_at = max(free_at, arrival) + 0.001
        late += free_at - arrival > 0.095
    assert course.late.sum() == pytest.approx(late, rel=0.03)
    assert course.late[-60:].sum() == 0


def test_a_backlog_is_worked_off_within_a_second() -> None:
    """The waits fall evenly from half a second to nothing, so the requests of the first 0.405 of it are late."""
    outcome = ReplicaModel(service_figures(), sheds=False).step(100.0, 500.0, 1)
    assert outcome.late == pytest.approx(100 * 0.405 / 0.5)
    assert (outcome.backlog, outcome.wait_s) == (0, 0.5)


def test_a_replica_helps_after_its_start() -> None:
    """An additional replica runs from the decision and is ready after all parts of its start, of which a node is one."""
    strategy = Strategy("requests", "requests", AutoscalerSettings(1, 10), (MetricSource("requests", 500, 15, 15),))
    for start, delay_s in ((START, 15), (StartTimes(2, 10, 2, 1, node_s=60, nodes_hold=1), 75)):
        course = simulate(step_burst(400, 5, 60, 240), strategy, service_figures(), start)
        decision_s = int(np.argmax(course.running > 1))
        assert decision_s == 75, "one window after the burst"
        assert int(np.argmax(course.ready > 1)) - decision_s == delay_s
        assert course.answered[-1] == course.offered[-1]


def test_replicas_that_started_last_are_ended_first() -> None:
    """A scale-down keeps the ready replicas."""
    trace = Trace(np.repeat([400.0, 4_000.0, 400.0], [60, 20, 600]), "a short burst")
    strategy = Strategy("requests", "requests", AutoscalerSettings(2, 20), (MetricSource("requests", 500, 15, 15),))
    course = simulate(trace, strategy, service_figures(), StartTimes(ready_s=1_000))
    assert course.running.max() > 2
    assert course.running[-1] == 2
    assert course.ready.min() == course.ready.max() == 2


def test_without_a_ready_replica_all_requests_fail() -> None:
    """The proxy answers 503 if no replica is ready."""
    outcome = ReplicaModel(service_figures(), sheds=True).step(100.0, 0.0, 0)
    assert (outcome.answered, outcome.refused) == (0, 100)


def test_values_between_measured_points() -> None:
    """The interpolation agrees with numpy's, also at the points and beyond the last one."""
    positions, values = [0.0, 0.1, 0.5, 1.0], [0.0, 0.4, 0.5, 1.0]
    for position in np.linspace(0, 1.2, 25).tolist():
        assert interpolate(position, positions, values) == pytest.approx(np.interp(position, positions, values))


def test_a_metric_is_old() -> None:
    """The autoscaler reads the mean of the last complete window that is older than the delay."""
    course = Course.of_length(np.arange(100))
    course.cpu[:] = np.arange(100)
    metric = MetricSource("cpu", 0.5, window_s=10, refresh_s=15, delay_s=5)
    assert observe(metric, course, 49).value == pytest.approx(np.arange(20, 30).mean())
    assert observe(metric, course, 50).value == pytest.approx(np.arange(35, 45).mean())
    assert observe(metric, course, 14).value is None
    assert observe(MetricSource("requests", 1, 10, 10), course, 20).kind == "average"
    course.waits_s[:], course.answered[:], course.ready[:] = 0.02, 1.0, 3
    kinds = {
        name: observe(MetricSource(name, 0.02, 10, 10), course, 20) for name in ("wait", "wait_of_pods", "wait_sum")
    }
    assert [kinds[name].value for name in kinds] == pytest.approx([0.02, 0.02, 0.06])
    assert [kinds[name].kind for name in kinds] == ["value", "utilization", "average"]
    with pytest.raises(DemandError, match="cpu, wait,"):
        MetricSource("disk", 1, 1, 1)


def test_the_p99_of_waits_is_weighted() -> None:
    """A second with many requests counts more."""
    assert weighted_p99(np.array([1.0, 2.0]), np.array([98.0, 2.0])) == 2
    assert weighted_p99(np.array([2.0, 1.0]), np.array([0.5, 99.5])) == 1
    assert weighted_p99(np.array([1.0]), np.array([0.0])) == 0


def test_strategies_have_targets_of_the_service() -> None:
    """A trace of a rhythm with a burst: the fixed numbers follow from its rates, and all strategies see the same arrivals."""
    figures = service_figures()
    trace = Trace(np.repeat([700.0, 1_400.0, 7_000.0, 1_400.0], [3_600, 2_000, 300, 1_300]), "burst")
    strategies = make_strategies(trace, figures, 2, 20)
    settings = {strategy.name: strategy.settings for strategy in strategies}
    assert (settings["fixed_peak"].replicas_least, settings["fixed_rhythm"].replicas_least) == (10, 2)
    assert requests_metric(figures).target == pytest.approx(700)
    assert figures.point_at(0.7).wait_p99_ms < 1e3 * wait_metric(figures).target < figures.overload.wait_p99_ms
    short = Trace(trace.rates_per_s[5_400:6_000], "short")
    courses = simulate_all(short, [strategies[0], strategies[6]], figures, START)
    assert courses["fixed_peak"].in_time_share == 1
    assert (courses["fixed_peak"].offered == courses["requests_quick"].offered).all()
    assert courses["requests_quick"].running.max() > courses["requests_quick"].running[0]


def test_processor_time_alone_reacts_slowly() -> None:
    """A full core says nothing about the size of the overload, so the number of requests reaches enough replicas earlier."""
    trace, figures = step_burst(1_000, 10, 60, 300), service_figures()
    settings = AutoscalerSettings(2, 40)
    by_cpu = simulate(trace, Strategy("cpu", "", settings, (cpu_metric(0.7),)), figures, START)
    by_requests = simulate(
        trace, Strategy("requests", "", settings, (requests_metric(figures, is_quick=True),)), figures, START
    )
    assert by_requests.refused.sum() < by_cpu.refused.sum()
