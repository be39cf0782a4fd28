"""A firing and a quiet course of metrics for every rule; the monitor's evaluation and Prometheus' are tested with the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from monitoring.alerts.rules import SECONDS
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Buckets, Snapshot

SETTINGS = MonitoringSettings(
    alert_min_requests_per_minute=10,
    alert_max_requests_per_minute=2_000,
    alert_max_errors_per_minute=50,
    alert_feedback_h=1,
)
"""Settings with all optional rules."""
JOB = "tabento"
DAY = 1_440
"""The minutes of a day."""

Segments = tuple[tuple[int, float], ...]
"""Minutes and the increase a minute, one after the other."""


@dataclass(frozen=True)
class CounterCourse:
    """A counter over time.

    Args:
        family: the name of its family.
        labels: its labels, in the order of the family.
        segments: its increases.
    """

    family: str
    labels: dict[str, str]
    segments: Segments

    def value(self, minute: int) -> float:
        """Return the value after some minutes."""
        total = 0.0
        for minutes, rate in self.segments:
            total += rate * min(minute, minutes)
            minute -= min(minute, minutes)
        return total

    def add_to(self, snapshot: Snapshot, minute: int) -> None:
        """Add the value to a snapshot."""
        snapshot.values.setdefault(self.family, {})[tuple(self.labels.values())] = self.value(minute)

    def series(self, minutes: int, interval: int) -> list[tuple[str, str]]:
        """Return the series and its values in the notation of promtool."""
        return [(_selector(f"{self.family}_total", self.labels), _values(self.segments, interval))]


@dataclass(frozen=True)
class LatencyCourse:
    """The latencies of predictions: a rate a minute by the upper bound of the bucket."""

    rates: dict[float, float]
    minutes: int

    def add_to(self, snapshot: Snapshot, minute: int) -> None:
        """Add the histogram to a snapshot."""
        counts = [round(self.rates.get(bound, 0.0) * minute) for bound in SECONDS]
        snapshot.histograms["tabento_request_seconds"] = Buckets([*counts, 0], 0.0)

    def series(self, minutes: int, interval: int) -> list[tuple[str, str]]:
        """Return the buckets and the count."""
        lines = []
        for bound in (*SECONDS, float("inf")):
            rate = sum(rate for of_bound, rate in self.rates.items() if of_bound <= bound)
            le = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(
                (_selector("tabento_request_seconds_bucket", {"le": le}), _values(((self.minutes, rate),), interval))
            )
        total = sum(self.rates.values())
        return [
            *lines,
            (_selector("tabento_request_seconds_count", {}), _values(((self.minutes, total),), interval)),
        ]


@dataclass(frozen=True)
class GaugeCourse:
    """A gauge that is constant, or that grows by a step a minute; after ``until`` minutes it is absent."""

    name: str
    number: float
    labels: dict[str, str] = field(default_factory=dict)
    step: float = 0.0
    until: int | None = None

    def add_to(self, snapshot: Snapshot, minute: int) -> None:
        """Add the value to a snapshot."""
        if self.until is None or minute <= self.until:
            snapshot.values.setdefault(self.name, {})[tuple(self.labels.values())] = self.number + self.step * minute

    def series(self, minutes: int, interval: int) -> list[tuple[str, str]]:
        """Return the series and its values."""
        end = minutes if self.until is None else self.until
        text = f"{self.number:.12g}+{self.step * interval:.12g}x{end // interval}"
        return [(_selector(self.name, self.labels), text)]


Course = CounterCourse | LatencyCourse | GaugeCourse


@dataclass(frozen=True)
class Case:
    """The courses of one rule.

    Args:
        name: the alert.
        severity: its severity.
        firing: courses with which the alert fires at the end.
        quiet: several sets of courses with which it does not.
        minutes: the length.
        interval: the minutes between two readings.
    """

    name: str
    severity: str
    firing: Sequence[Course]
    quiet: Sequence[Sequence[Course]]
    minutes: int
    interval: int = 1


def _selector(metric: str, labels: dict[str, str]) -> str:
    texts = [f'{label}="{value}"' for label, value in {"job": JOB, **labels}.items()]
    return f"{metric}{{{','.join(texts)}}}"


def _values(segments: Segments, interval: int) -> str:
    """Return the values of a counter in the notation of promtool: start+stepxrepetitions."""
    texts, value = ["0"], 0.0
    for minutes, rate in segments:
        step = rate * interval
        texts.append(f"{value + step:.12g}+{step:.12g}x{minutes // interval - 1}")
        value += rate * minutes
    return " ".join(texts)


def requests(status: int, *segments: tuple[int, float], route: str = "/predict") -> CounterCourse:
    """Return the course of requests of a status."""
    return CounterCourse("tabento_requests", {"route": route, "status": str(status)}, segments)


def counter(family: str, minutes: int, rate: float, **labels: str) -> CounterCourse:
    """Return the course of a counter with a constant rate a minute."""
    return CounterCourse(family, labels, ((minutes, rate),))


def _errors(minutes: int, good: float, bad: float, status: int = 503) -> list[Course]:
    return [requests(200, (minutes, good)), requests(status, (minutes, bad))]


def _late_answers(minutes: int, late: float) -> list[Course]:
    return [LatencyCourse({0.005: 100.0}, minutes), counter("tabento_slo_missed", minutes, late)]


def _drift(
    psi: float = 0.0, verdict: int = 0, share: float = 0.0, far_rate: float = 0.0, rows: int = 5_000
) -> list[Course]:
    model = {"model": "m", "version": "v1"}
    feature = {**model, "feature": "age"}
    return [
        GaugeCourse("tabento_drift_psi", psi, feature),
        GaugeCourse("tabento_drift_verdict", verdict, model),
        GaugeCourse("tabento_drift_share", share, model),
        GaugeCourse("tabento_drift_rows", rows, model),
        GaugeCourse("tabento_feature_far_rate", far_rate, feature),
    ]


def _bounds(number: float) -> GaugeCourse:
    labels = {"model": "m", "version": "v1", "output": "price", "statistic": "mean"}
    return GaugeCourse("tabento_prediction_out_of_bounds", number, labels)


def _rollout(name: str, number: float, **labels: str) -> GaugeCourse:
    return GaugeCourse(f"tabento_rollout_{name}", number, {"model": "california", "version": "v2", **labels})


def _quality(metric: str, number: float) -> GaugeCourse:
    labels = {"model": "m", "version": "v1", "variant": "champion", "metric": metric, "window": "30d"}
    return GaugeCourse("tabento_live_quality", number, labels)


def _worse(number: float) -> GaugeCourse:
    labels = {"model": "m", "version": "v1", "variant": "champion", "metric": "rmse", "window": "30d"}
    return GaugeCourse("tabento_live_quality_worse", number, labels)


_NIGHT: Segments = ((480, 0.0), (960, 100.0)) * 7
"""Seven days of eight hours without a request and sixteen hours with traffic."""
_STEADY: Segments = ((7 * DAY, 100.0),)
_MONITORED = [GaugeCourse("tabento_monitor_up", 1)]

CASES = [
    Case("TabentoAvailabilityBudget", "critical", _errors(70, 100, 2), [_errors(70, 1_000, 0.1)], 70),
    Case("TabentoAvailabilityBudget", "warning", _errors(130, 1_000, 4), [_errors(130, 1_000, 0.5)], 130),
    Case("TabentoLatencyBudget", "critical", _late_answers(70, 20), [_late_answers(70, 2)], 70),
    Case("TabentoLatencyBudget", "warning", _late_answers(130, 4), [_late_answers(130, 0.5)], 130),
    Case(
        "TabentoLatencyP99",
        "warning",
        [LatencyCourse({0.005: 98, 0.25: 2}, 30)],
        [[LatencyCourse({0.005: 100}, 30)], [LatencyCourse({0.25: 1}, 30)]],
        30,
    ),
    Case(
        "TabentoLatencyP99",
        "critical",
        [LatencyCourse({0.25: 100}, 30)],
        [[LatencyCourse({0.005: 98, 0.25: 2}, 30)]],
        30,
    ),
    Case("TabentoLatencyP95", "critical", [LatencyCourse({10.0: 100}, 30)], [[LatencyCourse({0.25: 100}, 30)]], 30),
    Case("TabentoErrors", "warning", _errors(20, 93, 7), [_errors(20, 98, 2), _errors(20, 50, 50, 422)], 20),
    Case("TabentoErrors", "critical", _errors(20, 80, 20), [_errors(20, 93, 7), _errors(20, 1, 1)], 20),
    Case(
        "TabentoErrorsRise",
        "warning",
        [requests(200, (120, 100)), requests(500, (60, 0.5), (60, 5))],
        [[requests(200, (120, 100)), requests(500, (120, 5))]],
        120,
    ),
    Case("TabentoErrorsPerMinute", "critical", _errors(20, 900, 100), [_errors(20, 900, 20)], 20),
    Case("TabentoRefusedValues", "warning", _errors(30, 70, 30, 422), [_errors(30, 95, 5, 422)], 30),
    Case(
        "TabentoVolumeDrop",
        "warning",
        [requests(200, *_STEADY, (120, 60))],
        [
            [requests(200, *_STEADY, (120, 90))],
            [requests(200, *_NIGHT, (120, 0))],
            # A quiet first day, six busy ones, and the quiet day of the next week.
            [requests(200, (DAY, 20), (6 * DAY, 100), (120, 20))],
        ],
        7 * DAY + 120,
        5,
    ),
    Case(
        "TabentoVolumeDrop",
        "critical",
        [requests(200, *_STEADY, (120, 0))],
        [[requests(200, *_STEADY, (120, 60))]],
        7 * DAY + 120,
        5,
    ),
    Case("TabentoVolumeLow", "warning", [requests(200, (40, 5))], [[requests(200, (40, 50))]], 40),
    Case("TabentoVolumeHigh", "warning", [requests(200, (40, 3_000))], [[requests(200, (40, 500))]], 40),
    Case(
        "TabentoDrift",
        "warning",
        _drift(psi=0.3, verdict=2),
        [_drift(psi=0.1, verdict=1), _drift(psi=0.9, verdict=0)],
        20,
    ),
    Case("TabentoDrift", "critical", _drift(share=0.6), [_drift(share=0.25, psi=0.3, verdict=2)], 20),
    Case(
        "TabentoFarValues", "warning", _drift(far_rate=0.1), [_drift(far_rate=0.001), _drift(far_rate=0.1, rows=20)], 20
    ),
    Case("TabentoAnswersOutOfBounds", "warning", [_bounds(1)], [[_bounds(0)]], 20),
    Case("TabentoQualityError", "warning", [_quality("mape", 15)], [[_quality("mape", 9), _quality("rmse", 90)]], 30),
    Case("TabentoQualityHits", "warning", [_quality("within_10", 60)], [[_quality("within_10", 70)]], 30),
    Case("TabentoQualityWorse", "warning", [_worse(1)], [[_worse(0)]], 30),
    Case(
        "TabentoNoFeedback",
        "warning",
        [GaugeCourse("tabento_feedback_newest_seconds", 1)],
        [
            [GaugeCourse("tabento_feedback_newest_seconds", 0)],
            [GaugeCourse("tabento_feedback_newest_seconds", 1, step=60)],
        ],
        150,
    ),
    Case(
        "TabentoDown",
        "critical",
        [GaugeCourse("tabento_connections", 3, until=20)],
        [[GaugeCourse("tabento_connections", 0)]],
        40,
    ),
    Case("TabentoRolledBack", "warning", [_rollout("rolled_back", 1, limit="error_rate")], [[]], 5),
    Case("TabentoChallengerRefused", "warning", [_rollout("refused", 1)], [[]], 10),
    Case(
        "TabentoRolloutDocument",
        "warning",
        [GaugeCourse("tabento_rollout_document_fault", 1)],
        [[GaugeCourse("tabento_rollout_document_fault", 0)]],
        10,
    ),
    Case(
        "TabentoRolloutDiffers",
        "warning",
        [_rollout("differing_share", 0.2)],
        [[_rollout("differing_share", 0.01)]],
        20,
    ),
    Case(
        "TabentoRedisDown",
        "warning",
        [GaugeCourse("tabento_redis_down", 1)],
        [[GaugeCourse("tabento_redis_down", 0)]],
        10,
    ),
    Case(
        "TabentoDiskFull",
        "warning",
        [GaugeCourse("tabento_disk_free_share", 0.03)],
        [[GaugeCourse("tabento_disk_free_share", 0.3)]],
        10,
    ),
    Case(
        "TabentoDiskFull",
        "critical",
        [GaugeCourse("tabento_disk_free_share", 0.005)],
        [[GaugeCourse("tabento_disk_free_share", 0.03)]],
        10,
    ),
    Case(
        "TabentoInvalidKeys",
        "warning",
        [counter("tabento_auth_failures", 20, 50, reason="unknown")],
        [[counter("tabento_auth_failures", 20, 2, reason="unknown")]],
        20,
    ),
    Case("TabentoDefect", "warning", [counter("tabento_watchdog", 20, 1)], [[counter("tabento_watchdog", 20, 0)]], 20),
    Case("TabentoMonitorDown", "warning", [GaugeCourse("tabento_monitor_up", 0)], [_MONITORED], 10),
    Case(
        "TabentoMonitorFailures",
        "warning",
        [counter("tabento_monitor_failures", 20, 1, part="log")],
        [[counter("tabento_monitor_failures", 20, 0, part="log")]],
        20,
    ),
    Case(
        "TabentoUnrecordedRows",
        "warning",
        [counter("tabento_monitor_dropped_rows", 20, 10, reason="full")],
        [[counter("tabento_monitor_dropped_rows", 20, 0, reason="full")]],
        20,
    ),
    Case(
        "TabentoUnloggedRows",
        "warning",
        [counter("tabento_log_rows", 20, 10, result="dropped")],
        [[counter("tabento_log_rows", 20, 10, result="written")]],
        20,
    ),
    Case(
        "TabentoLogLag",
        "warning",
        [GaugeCourse("tabento_log_lag_seconds", 90)],
        [[GaugeCourse("tabento_log_lag_seconds", 2)]],
        20,
    ),
]
"""One case for each rule."""
