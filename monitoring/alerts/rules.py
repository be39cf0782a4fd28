"""The table of rules: one row for each alert and severity, built from the settings.

`monitoring.alerts.prometheus` writes the table for Prometheus; `monitoring.alerts.part` evaluates it in the monitor process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from monitoring.alerts.expressions import (
    Calculation,
    Combination,
    Comparison,
    Counter,
    Expression,
    Gauge,
    Histogram,
    Increase,
    MeanOfDays,
    Now,
    Number,
    Quantile,
    Raw,
    RecordedExpression,
    all_of,
    any_of,
)
from monitoring.settings import MonitoringSettings

Severity = Literal["critical", "warning"]
Unit = Literal["share", "seconds", "number"]

MINUTE_S = 60.0
HOUR_S = 3_600.0
DAY_S = 86_400.0
WEEK_S = 7 * DAY_S

LATENCY_BUDGET = 0.01
"""The share of answers that the latency SLO allows to be late: it is a p99."""
BURN_RATES: tuple[tuple[Severity, float, float, float], ...] = (
    ("critical", 14.4, HOUR_S, 5 * MINUTE_S),
    ("critical", 6.0, 6 * HOUR_S, 30 * MINUTE_S),
    ("warning", 3.0, DAY_S, 2 * HOUR_S),
    ("warning", 1.0, 3 * DAY_S, 6 * HOUR_S),
)
"""Severity, burn rate, long and short window, of a budget for 30 days: 2% of it in an hour, 5% in six hours, 10% in a day and in
three days. Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"."""
AUTH_FAILURES = 100
"""The requests without a valid key in five minutes above which somebody may try keys; the limit of one address is 20 a minute."""
DISK_CRITICAL = 0.2
"""The part of ``alert_disk_free`` below which the alert is critical."""
FAR_SHARE = 0.01
"""The share of values beyond twice the maximum of training above which a unit or a sensor is wrong."""
FAR_MIN_ROWS = 1_000
"""The rows of a window below which that share says nothing."""
RISE_MIN_ERRORS = 20
"""The server errors of an hour below which their rise says nothing."""

DIFFERING_SHARE = 0.05
"""The share of differing rows of a shadow above which somebody looks at the report before the version gets traffic. Two trainings of
a model on the same data differ by less; the document's ``differing_share`` decides whether the version is rolled back."""

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""The buckets of ``tabento_request_seconds``; a test compares them with the service's."""
LATENCY = Histogram("tabento_request_seconds", SECONDS)

PREDICTIONS = ("route", ".*/predict(/batch)?|.*/infer|/invocations|.*ModelInfer")
"""The routes of predictions; health probes and the console do not count."""
_ROUTES = ("route", "status")
REQUESTS = Counter("tabento_requests_total", _ROUTES, (PREDICTIONS,))
ERRORS = Counter("tabento_requests_total", _ROUTES, (PREDICTIONS, ("status", "5..")))
REFUSALS = Counter("tabento_requests_total", _ROUTES, (PREDICTIONS, ("status", "422")))
ANSWERS = Counter("tabento_request_seconds_count")
LATE_ANSWERS = Counter("tabento_slo_missed_total")
AUTHENTICATION = Counter("tabento_auth_failures_total", ("reason",))
UNRECORDED = Counter("tabento_monitor_dropped_rows_total", ("reason",))
UNLOGGED = Counter("tabento_log_rows_total", ("result",), (("result", "dropped"),))
WATCHDOG = Counter("tabento_watchdog_total")

QUALITY_LABELS = ("model", "version", "variant", "metric", "window")
_QUALITY_BY = ("model", "version", "window")


@dataclass(frozen=True)
class Rule:
    """One alert at one severity.

    Args:
        name: the alert. Rules of one name describe one trouble; the critical one inhibits the warning.
        severity: ``critical`` calls somebody now, ``warning`` can wait for working hours.
        group: the group of rules in Prometheus.
        expression: the condition; each of its numbers is an alert of its own labels.
        for_s: the seconds for which the condition must hold.
        summary: one sentence; ``{value}`` is the number, ``{model}`` and so on are labels.
        unit: the unit of the number.
        anchor: the section of the runbook.
        prometheus_only: whether the monitor cannot evaluate the rule, for example because it reports the monitor's own end.
    """

    name: str
    severity: Severity
    group: str
    expression: Expression
    for_s: float
    summary: str
    unit: Unit
    anchor: str
    prometheus_only: bool = False


def build_rules(settings: MonitoringSettings) -> list[Rule]:
    """Return all rules for these settings."""
    return [
        *_slo_rules(settings),
        *_latency_rules(settings),
        *_error_rules(settings),
        *_volume_rules(settings),
        *_drift_rules(settings),
        *_quality_rules(settings),
        *_rollout_rules(),
        *_operation_rules(settings),
        *(_monitor_rules(settings) if settings.monitoring else ()),
    ]


def _share(part: Counter, total: Counter, window_s: float, offset_s: float = 0.0) -> Expression:
    return Calculation(Increase(part, window_s, offset_s), "/", Increase(total, window_s, offset_s))


def _is_above(expression: Expression, number: float) -> Comparison:
    return Comparison(expression, ">", Number(number))


def _has_requests(counter: Counter, window_s: float, number: float) -> Comparison:
    return Comparison(Increase(counter, window_s), ">=", Number(number))


def _burn(bad: Counter, total: Counter, budget: float, severity: Severity, minimum: int) -> Expression:
    """Return the condition that one pair of windows of a severity burns the budget too fast."""
    return any_of(
        *(
            all_of(
                _is_above(_share(bad, total, long_s), round(rate * budget, 12)),
                _is_above(_share(bad, total, short_s), round(rate * budget, 12)),
                _has_requests(total, long_s, minimum),
            )
            for of_severity, rate, long_s, short_s in BURN_RATES
            if of_severity == severity
        )
    )


def _slo_rules(settings: MonitoringSettings) -> list[Rule]:
    budget, minimum = 1.0 - settings.alert_availability, settings.alert_min_requests
    rules = []
    severities: tuple[Severity, ...] = ("critical", "warning")
    for severity in severities:
        rules += [
            Rule(
                "TabentoAvailabilityBudget",
                severity,
                "slo",
                _burn(ERRORS, REQUESTS, round(budget, 12), severity, minimum),
                120.0,
                "Server errors use up the error budget too fast: {value} of the predictions fail.",
                "share",
                "slo-availability",
            ),
            Rule(
                "TabentoLatencyBudget",
                severity,
                "slo",
                _burn(LATE_ANSWERS, ANSWERS, LATENCY_BUDGET, severity, minimum),
                120.0,
                "Late answers use up the budget of the latency SLO too fast: {value} of the answers are late.",
                "share",
                "slo-latency",
            ),
        ]
    return rules


def _latency_rules(settings: MonitoringSettings) -> list[Rule]:
    rules = []
    limits: tuple[tuple[Severity, float], ...] = (
        ("warning", settings.alert_p99_warning_ms),
        ("critical", settings.alert_p99_critical_ms),
    )
    for severity, limit_ms in limits:
        p99 = _is_above(Quantile(0.99, LATENCY, 5 * MINUTE_S), limit_ms / 1_000.0)
        rules.append(
            Rule(
                "TabentoLatencyP99",
                severity,
                "latency",
                all_of(p99, _has_requests(ANSWERS, 5 * MINUTE_S, settings.alert_min_requests)),
                300.0,
                "The p99 latency is {value}.",
                "seconds",
                "latency",
            )
        )
    p95 = _is_above(Quantile(0.95, LATENCY, 5 * MINUTE_S), settings.alert_p95_critical_ms / 1_000.0)
    rules.append(
        Rule(
            "TabentoLatencyP95",
            "critical",
            "latency",
            all_of(p95, _has_requests(ANSWERS, 5 * MINUTE_S, settings.alert_min_requests)),
            600.0,
            "The p95 latency has been {value} for ten minutes.",
            "seconds",
            "latency",
        )
    )
    return rules


def _error_rules(settings: MonitoringSettings) -> list[Rule]:
    minimum = settings.alert_min_requests
    limits: tuple[tuple[Severity, float], ...] = (
        ("warning", settings.alert_error_warning),
        ("critical", settings.alert_error_critical),
    )
    rules = [
        Rule(
            "TabentoErrors",
            severity,
            "errors",
            all_of(
                _is_above(_share(ERRORS, REQUESTS, 5 * MINUTE_S), limit), _has_requests(REQUESTS, 5 * MINUTE_S, minimum)
            ),
            120.0,
            "{value} of the predictions of five minutes failed with a server error.",
            "share",
            "errors",
        )
        for severity, limit in limits
    ]
    rise = Calculation(_share(ERRORS, REQUESTS, HOUR_S), "/", _share(ERRORS, REQUESTS, HOUR_S, HOUR_S))
    rules.append(
        Rule(
            "TabentoErrorsRise",
            "warning",
            "errors",
            all_of(_is_above(rise, 1.0 + settings.alert_error_rise), _has_requests(ERRORS, HOUR_S, RISE_MIN_ERRORS)),
            300.0,
            "The share of server errors is {value} times the share of the hour before.",
            "number",
            "errors",
        )
    )
    rules.append(
        Rule(
            "TabentoRefusedValues",
            "warning",
            "errors",
            all_of(
                _is_above(_share(REFUSALS, REQUESTS, 10 * MINUTE_S), settings.alert_refused_share),
                _has_requests(REQUESTS, 10 * MINUTE_S, minimum),
            ),
            300.0,
            "{value} of the requests have values that the contract refuses.",
            "share",
            "nan",
        )
    )
    if settings.alert_max_errors_per_minute is not None:
        errors = Calculation(Increase(ERRORS, 5 * MINUTE_S), "/", Number(5))
        rules.append(
            Rule(
                "TabentoErrorsPerMinute",
                "critical",
                "errors",
                _is_above(errors, settings.alert_max_errors_per_minute),
                60.0,
                "{value} predictions a minute fail with a server error.",
                "number",
                "errors",
            )
        )
    return rules


def _volume_rules(settings: MonitoringSettings) -> list[Rule]:
    limits: tuple[tuple[Severity, float], ...] = (
        ("warning", settings.alert_volume_warning),
        ("critical", settings.alert_volume_critical),
    )
    mean = RecordedExpression("job:tabento_predictions_of_days_before:mean1h", MeanOfDays(REQUESTS, HOUR_S))
    # A service without any request has no series of requests yet: it counts as 0.
    hour = Combination(Increase(REQUESTS, HOUR_S), "or", Calculation(Number(0), "*", mean))
    volume = RecordedExpression("job:tabento_predictions:increase1h", hour)
    rules = []
    for severity, drop in limits:
        kept_share = Number(round(1.0 - drop, 12))
        low = Comparison(volume, "<", Calculation(kept_share, "*", mean))
        # A Sunday is compared with the Sunday before too, so that a quiet day of the week is not an outage.
        as_a_week_ago = Comparison(volume, ">=", Calculation(kept_share, "*", Increase(REQUESTS, HOUR_S, WEEK_S)))
        condition = Combination(
            all_of(low, Comparison(mean, ">=", Number(settings.alert_volume_min_requests))), "unless", as_a_week_ago
        )
        rules.append(
            Rule(
                "TabentoVolumeDrop",
                severity,
                "volume",
                condition,
                600.0,
                "{value} predictions in the last hour: far fewer than in this hour of the days before.",
                "number",
                "volume",
            )
        )
    rate = Calculation(Increase(REQUESTS, 10 * MINUTE_S), "/", Number(10))
    if settings.alert_min_requests_per_minute is not None:
        rules.append(
            Rule(
                "TabentoVolumeLow",
                "warning",
                "volume",
                Comparison(rate, "<", Number(settings.alert_min_requests_per_minute)),
                600.0,
                "Only {value} predictions a minute.",
                "number",
                "volume",
            )
        )
    if settings.alert_max_requests_per_minute is not None:
        rules.append(
            Rule(
                "TabentoVolumeHigh",
                "warning",
                "volume",
                _is_above(rate, settings.alert_max_requests_per_minute),
                600.0,
                "{value} predictions a minute.",
                "number",
                "volume",
            )
        )
    return rules


def _drift_rules(settings: MonitoringSettings) -> list[Rule]:
    model = ("model", "version")
    feature = (*model, "feature")
    output = (*model, "output", "statistic")
    psi = Gauge("tabento_drift_psi", feature, feature)
    share = Gauge("tabento_drift_share", model, model)
    # The PSI of few rows is large by chance; the verdict is corrected for that and 0 below the smallest number of rows.
    has_verdict = Comparison(Gauge("tabento_drift_verdict", model, model), ">=", Number(1))
    has_rows = Comparison(Gauge("tabento_drift_rows", model, model), ">=", Number(FAR_MIN_ROWS))
    return [
        Rule(
            "TabentoDrift",
            "warning",
            "drift",
            Combination(Comparison(psi, ">=", Number(settings.alert_psi)), "and", has_verdict, model),
            600.0,
            "{feature} of {model}:{version} has drifted: its PSI is {value}.",
            "number",
            "drift",
        ),
        Rule(
            "TabentoDrift",
            "critical",
            "drift",
            Comparison(share, ">=", Number(settings.alert_drift_share)),
            600.0,
            "{value} of the features of {model}:{version} have drifted.",
            "share",
            "drift",
        ),
        Rule(
            "TabentoFarValues",
            "warning",
            "drift",
            Combination(
                _is_above(Gauge("tabento_feature_far_rate", feature, feature), FAR_SHARE), "and", has_rows, model
            ),
            600.0,
            "{value} of the values of {feature} of {model}:{version} are beyond twice the maximum of training.",
            "share",
            "drift",
        ),
        Rule(
            "TabentoAnswersOutOfBounds",
            "warning",
            "drift",
            _is_above(Gauge("tabento_prediction_out_of_bounds", output, output), 0.0),
            600.0,
            "The {statistic} of the answers {output} of {model}:{version} is outside of drift_prediction_bounds.",
            "number",
            "drift",
        ),
    ]


def _quality_rules(settings: MonitoringSettings) -> list[Rule]:
    def live(metric: str) -> Gauge:
        return Gauge("tabento_live_quality", QUALITY_LABELS, _QUALITY_BY, (("metric", metric),))

    newest = Gauge("tabento_feedback_newest_seconds")
    # The gauge is 0 as long as no truth has ever arrived.
    silence = all_of(
        _is_above(Calculation(Now(), "-", newest), settings.alert_feedback_h * HOUR_S), _is_above(newest, 0.0)
    )
    return [
        Rule(
            "TabentoQualityError",
            "warning",
            "quality",
            _is_above(live("mape"), settings.alert_mape),
            900.0,
            "The live mean absolute percentage error of {model}:{version} is {value}% ({window}).",
            "number",
            "quality",
        ),
        Rule(
            "TabentoQualityHits",
            "warning",
            "quality",
            Comparison(live("within_10"), "<", Number(settings.alert_within_10)),
            900.0,
            "Only {value}% of the answers of {model}:{version} are within 10% of the truth ({window}).",
            "number",
            "quality",
        ),
        Rule(
            "TabentoQualityWorse",
            "warning",
            "quality",
            _is_above(
                Gauge("tabento_live_quality_worse", QUALITY_LABELS, ("model", "version", "metric", "window")), 0.0
            ),
            900.0,
            "The live {metric} of {model}:{version} is worse than on the test part, beyond chance ({window}).",
            "number",
            "quality",
        ),
        Rule(
            "TabentoNoFeedback",
            "warning",
            "quality",
            silence,
            3_600.0,
            "No truth has arrived for {value}, although truths arrived before.",
            "seconds",
            "feedback",
        ),
    ]


def _rollout_rules() -> list[Rule]:
    of_version, version = ("model", "version", "limit"), ("model", "version")
    return [
        Rule(
            "TabentoRolledBack",
            "warning",
            "rollout",
            _is_above(Gauge("tabento_rollout_rolled_back", of_version, of_version), 0.0),
            0.0,
            "{model}:{version} has lost its traffic: the limit {limit} is passed.",
            "number",
            "bad-version",
        ),
        Rule(
            "TabentoChallengerRefused",
            "warning",
            "rollout",
            _is_above(Gauge("tabento_rollout_refused", version, version), 0.0),
            60.0,
            "{model}:{version} is wanted and not used; the service's log has the reason.",
            "number",
            "bad-version",
        ),
        Rule(
            "TabentoRolloutDocument",
            "warning",
            "rollout",
            _is_above(Gauge("tabento_rollout_document_fault"), 0.0),
            60.0,
            "The rollout document is broken or removed, and the last good one is used; the service's log has the reason.",
            "number",
            "bad-version",
        ),
        Rule(
            "TabentoRolloutDiffers",
            "warning",
            "rollout",
            _is_above(Gauge("tabento_rollout_differing_share", version, version), DIFFERING_SHARE),
            300.0,
            "{value} of the rows of {model}:{version} in the shadow differ from the champion's.",
            "share",
            "bad-version",
        ),
    ]


def _operation_rules(settings: MonitoringSettings) -> list[Rule]:
    free = Gauge("tabento_disk_free_share", function="min")
    limits: tuple[tuple[Severity, float], ...] = (
        ("warning", settings.alert_disk_free),
        ("critical", round(settings.alert_disk_free * DISK_CRITICAL, 12)),
    )
    return [
        Rule(
            "TabentoDown",
            "critical",
            "operation",
            Raw(
                "count by (job) (last_over_time(tabento_connections[1h]))"
                " unless on (job) count by (job) (tabento_connections)"
            ),
            120.0,
            "No instance of the service answers a scrape; {value} did within the last hour.",
            "number",
            "slo-availability",
            prometheus_only=True,
        ),
        Rule(
            "TabentoRedisDown",
            "warning",
            "operation",
            _is_above(Gauge("tabento_redis_down"), 0.0),
            120.0,
            "{value} worker processes cannot use Redis; each limits its callers by itself.",
            "number",
            "redis",
        ),
        *(
            Rule(
                "TabentoDiskFull",
                severity,
                "operation",
                Comparison(free, "<", Number(limit)),
                120.0,
                "Only {value} of the disk of the monitoring folder is free.",
                "share",
                "disk",
            )
            for severity, limit in limits
        ),
        Rule(
            "TabentoInvalidKeys",
            "warning",
            "operation",
            _is_above(Increase(AUTHENTICATION, 5 * MINUTE_S), AUTH_FAILURES),
            0.0,
            "{value} requests in five minutes had no valid API key or not its scope.",
            "number",
            "leaked-key",
        ),
        Rule(
            "TabentoDefect",
            "warning",
            "operation",
            _is_above(Increase(WATCHDOG, 10 * MINUTE_S), 0.0),
            0.0,
            "Only the watchdog answered {value} requests: a defect of the service.",
            "number",
            "errors",
        ),
    ]


def _monitor_rules(settings: MonitoringSettings) -> list[Rule]:
    return [
        Rule(
            "TabentoMonitorDown",
            "warning",
            "monitor",
            Comparison(Gauge("tabento_monitor_up"), "==", Number(0)),
            120.0,
            "The monitor process does not run: predictions are answered, but not recorded.",
            "number",
            "monitor",
            prometheus_only=True,
        ),
        Rule(
            "TabentoMonitorFailures",
            "warning",
            "monitor",
            Raw("sum by (job, part) (increase(tabento_monitor_failures_total[10m])) > 0"),
            0.0,
            "The part {part} of the monitor has failed {value} times.",
            "number",
            "monitor",
            prometheus_only=True,
        ),
        Rule(
            "TabentoUnrecordedRows",
            "warning",
            "monitor",
            _is_above(Increase(UNRECORDED, 10 * MINUTE_S), 0.0),
            0.0,
            "{value} predicted rows were not recorded.",
            "number",
            "monitor",
        ),
        Rule(
            "TabentoUnloggedRows",
            "warning",
            "monitor",
            _is_above(Increase(UNLOGGED, 10 * MINUTE_S), 0.0),
            0.0,
            "{value} predicted rows could not be written to the prediction log.",
            "number",
            "prediction-log",
        ),
        Rule(
            "TabentoLogLag",
            "warning",
            "monitor",
            _is_above(Gauge("tabento_log_lag_seconds"), settings.alert_log_lag_s),
            300.0,
            "The prediction log is {value} behind.",
            "seconds",
            "prediction-log",
        ),
    ]
