"""The panels of the dashboard as plain data: titles, queries in PromQL, units and limits. No library of Grafana is needed to read them.

Three variables are part of queries: ``$service`` and ``$model`` are chosen by the reader, ``$__rate_interval`` by Grafana.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["reqps", "percentunit", "s", "short", "rowsps", "bytes", "none"]

SLO_BUDGET = 0.01
"""The share of answers that may be later than the latency SLO, which is a p99."""
AVAILABILITY_BUDGET = 0.001
"""The share of predictions that may fail: 99.9% are answered."""
FAST_BURN = 14.4
SLOW_BURN = 3.0
"""The burn rates at which an alert is critical or a warning; source: The Site Reliability Workbook, chapter 5."""
PSI_WARNING = 0.1
PSI_ALERT = 0.2
SHARE_WARNING = 0.2
SHARE_ALERT = 0.5
ERROR_WARNING = 0.01
ERROR_LIMIT = 0.05
"""The share of errors at which a challenger loses its traffic, if its document has no other limit."""
DIFFERING_SHARE = 0.05
"""The share of differing rows above which ``TabentoRolloutDiffers`` fires."""

PREDICTIONS = 'route=~".*/predict(/batch)?|.*/infer|/invocations|.*ModelInfer"'
_OF_SERVICE = 'instance=~"$service"'
_MODEL = 'model=~"$model"'
_OF_MODEL = f"{_OF_SERVICE},{_MODEL}"


@dataclass(frozen=True)
class Query:
    """One query of a panel.

    Args:
        expression: PromQL.
        legend: the name of each series; ``{{label}}`` is replaced.
        has_data: whether a service that answers predictions and gets some truths gives data. Queries of rare events and of
            parts that a service may lack have none; a test of all other queries with a real Prometheus needs data.
    """

    expression: str
    legend: str = ""
    has_data: bool = True


@dataclass(frozen=True)
class Limits:
    """The values at and above which a panel shows WARN and ALERT.

    Args:
        warning: from this value on WARN; below it OK.
        alert: from this value on ALERT.
    """

    warning: float
    alert: float


@dataclass(frozen=True)
class Panel:
    """One panel.

    Args:
        title: a noun phrase.
        description: the meaning for a reader, and the place to continue.
        unit: the unit in Grafana's own names; ``rowsps`` is rows per second.
        queries: the queries.
        kind: ``status`` shows OK, WARN or ALERT by ``limits``; ``table`` shows labels; ``lines`` shows the values over time.
        limits: drawn as lines or colors; None for none.
        has_exemplars: whether points of traced requests are shown.
        width: of 24 columns.
    """

    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    kind: Literal["lines", "status", "table"] = "lines"
    limits: Limits | None = None
    has_exemplars: bool = False
    width: int = 8


def _rate(metric: str, selector: str = "", by: str = "") -> str:
    labels = ",".join(part for part in (_OF_SERVICE, selector) if part)
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{{{labels}}}[$__rate_interval]))"


def _quantile(histogram: str, quantile: float) -> str:
    return f"histogram_quantile({quantile:g}, {_rate(f'{histogram}_bucket', by='le')})"


def _share(part: str, total: str) -> str:
    """Return a ratio that is 0 without traffic: a night is no outage."""
    return f"({part} or vector(0)) / clamp_min({total}, 1e-9)"


_ERRORS = _rate("tabento_requests_total", f'{PREDICTIONS},status=~"5.."')
_PREDICTIONS = _rate("tabento_requests_total", PREDICTIONS)
_ERROR_SHARE = _share(_ERRORS, _PREDICTIONS)
_LATE_SHARE = _share(_rate("tabento_slo_missed_total"), _rate("tabento_request_seconds_count"))
_UNLOGGED_ROWS = _rate("tabento_log_rows_total", 'result="dropped"')
_LOST_ROWS = f"({_rate('tabento_monitor_dropped_rows_total')} or vector(0)) + ({_UNLOGGED_ROWS} or vector(0))"

STATUS = (
    Panel(
        "Availability",
        "Burn rate of the availability budget (99.9%): 1 uses it up exactly in its time. Runbook: slo-availability.",
        "none",
        (Query(f"({_ERROR_SHARE}) / {AVAILABILITY_BUDGET:g}"),),
        "status",
        Limits(SLOW_BURN, FAST_BURN),
        width=4,
    ),
    Panel(
        "Latency SLO",
        "Burn rate of the latency budget: the share of late answers over 1%. Runbook: slo-latency.",
        "none",
        (Query(f"({_LATE_SHARE}) / {SLO_BUDGET:g}"),),
        "status",
        Limits(SLOW_BURN, FAST_BURN),
        width=4,
    ),
    Panel(
        "Drift",
        "The largest share of drifted features of a model. Runbook: drift.",
        "percentunit",
        (Query(f"max(tabento_drift_share{{{_OF_MODEL}}}) or vector(0)"),),
        "status",
        Limits(SHARE_WARNING, SHARE_ALERT),
        width=4,
    ),
    Panel(
        "Quality",
        "The number of metrics of live quality that are worse than on the test part beyond chance. Runbook: quality.",
        "none",
        (Query(f"sum(tabento_live_quality_worse{{{_OF_MODEL}}}) or vector(0)"),),
        "status",
        Limits(1, 2),
        width=4,
    ),
    Panel(
        "Monitoring",
        "Predicted rows a second that monitoring lost. Runbook: monitor, prediction-log.",
        "rowsps",
        (Query(_LOST_ROWS),),
        "status",
        Limits(1e-9, 10),
        width=4,
    ),
    Panel(
        "Alerts",
        "Alerts of Prometheus' own rules that are firing now: 1 for warnings, 2 if one of them is critical.",
        "none",
        (
            Query(
                'max(ALERTS{alertstate="firing",severity="critical"} * 2 or ALERTS{alertstate="firing"}) or vector(0)'
            ),
        ),
        "status",
        Limits(1, 2),
        width=4,
    ),
)

TRAFFIC = (
    Panel(
        "Requests by status",
        "All requests a second, by status; 503 are refusals for load.",
        "reqps",
        (Query(_rate("tabento_requests_total", by="status"), "{{status}}"),),
    ),
    Panel(
        "Predicted rows",
        "Rows a second that the model or the cache answered.",
        "rowsps",
        (Query(_rate("tabento_recorded_rows_total"), "rows"),),
    ),
    Panel(
        "Predictions with an error",
        "The share of predictions that got a server error or were invalid.",
        "percentunit",
        (
            Query(_ERROR_SHARE, "server errors"),
            Query(_share(_rate("ml_prediction_errors_total", 'status=~"4.."'), _PREDICTIONS), "client errors"),
        ),
        limits=Limits(0.05, 0.1),
    ),
)

LATENCY = (
    Panel(
        "Latency",
        "From the end of decoding to the answer. A point is one traced request; its link opens the trace.",
        "s",
        tuple(
            Query(_quantile("tabento_request_seconds", quantile), f"p{quantile * 100:g}")
            for quantile in (0.5, 0.95, 0.99)
        ),
        has_exemplars=True,
    ),
    Panel(
        "Late answers",
        "The share of answers after the latency SLO; the budget is 1%.",
        "percentunit",
        (Query(_LATE_SHARE, "late"),),
        limits=Limits(SLO_BUDGET, SLO_BUDGET * FAST_BURN),
    ),
    Panel(
        "Latency budget left",
        "The part of the latency budget of the last 30 days that is left; below 0 the SLO was missed.",
        "percentunit",
        (
            Query(
                f"1 - (sum(increase(tabento_slo_missed_total{{{_OF_SERVICE}}}[30d])) or vector(0))"
                f" / clamp_min(sum(increase(tabento_request_seconds_count{{{_OF_SERVICE}}}[30d])), 1e-9) / {SLO_BUDGET:g}",
                "budget left",
            ),
        ),
    ),
)

BATCHES = (
    Panel(
        "Rows in a batch",
        "Mean and p95 of the rows that run together.",
        "short",
        (
            Query(f"{_rate('tabento_batch_rows_sum')} / clamp_min({_rate('tabento_batch_rows_count')}, 1e-9)", "mean"),
            Query(_quantile("tabento_batch_rows", 0.95), "p95"),
        ),
        width=6,
    ),
    Panel(
        "Queue and model",
        "p99 of the time in the queue and of a batch in the model.",
        "s",
        (
            Query(_quantile("tabento_queue_wait_seconds", 0.99), "queue p99"),
            Query(_quantile("tabento_batch_seconds", 0.99), "model p99"),
        ),
        width=6,
    ),
    Panel(
        "Refusals",
        "Requests a second that were refused for load, for a rate, or without a key. Runbook: overload.",
        "reqps",
        (
            Query(_rate("tabento_shed_total", by="reason"), "load: {{reason}}", has_data=False),
            Query(_rate("tabento_rate_limited_total", by="limit"), "rate: {{limit}}", has_data=False),
            Query(_rate("tabento_auth_failures_total", by="reason"), "key: {{reason}}", has_data=False),
            Query(_rate("tabento_dropped_total", by="reason"), "not run: {{reason}}", has_data=False),
        ),
        width=6,
    ),
    Panel(
        "Work in progress",
        "Predictions in flight and rows in the queue.",
        "short",
        (
            Query(f"sum(tabento_in_flight_requests{{{_OF_SERVICE}}})", "in flight"),
            Query(f"sum(tabento_queue_rows{{{_OF_SERVICE}}})", "rows in queue"),
        ),
        width=6,
    ),
)

DRIFT = (
    Panel(
        "Drift of features (PSI)",
        "Population stability index of the ten features that moved most. Runbook: drift.",
        "short",
        (Query(f"topk(10, max by (model, feature) (tabento_drift_psi{{{_OF_MODEL}}}))", "{{feature}}"),),
        limits=Limits(PSI_WARNING, PSI_ALERT),
    ),
    Panel(
        "Drifted features",
        "The share of drifted features by model.",
        "percentunit",
        (Query(f"max by (model) (tabento_drift_share{{{_OF_MODEL}}})", "{{model}}"),),
        limits=Limits(SHARE_WARNING, SHARE_ALERT),
    ),
    Panel(
        "Missing values",
        "The share of missing values of the ten features that have most of them.",
        "percentunit",
        (Query(f"topk(10, max by (feature) (ml_feature_null_rate{{{_OF_SERVICE}}}))", "{{feature}}"),),
    ),
    Panel(
        "Unusual and refused values",
        "Values a second that are outside of the training data, or that were refused.",
        "short",
        (
            Query(_rate("tabento_input_values_total", by="feature, kind"), "{{feature}}: {{kind}}", has_data=False),
            Query(_rate("tabento_invalid_values_total", by="field"), "{{field}}: refused", has_data=False),
        ),
    ),
)

QUALITY = (
    Panel(
        "Live quality",
        "Metrics on the truths that became known, by version. Runbook: quality.",
        "short",
        (
            Query(
                f"max by (model, version, metric, window) (tabento_live_quality{{{_OF_MODEL}}})",
                "{{metric}} {{version}} ({{window}})",
                has_data=False,
            ),
        ),
    ),
    Panel(
        "Estimated quality",
        "The quality that the predictions themselves let expect, before the truth is known.",
        "short",
        (
            Query(
                f"max by (model, version, metric) (tabento_estimated_quality{{{_OF_MODEL}}})",
                "{{metric}} {{version}}",
                has_data=False,
            ),
        ),
    ),
    Panel(
        "Feedback",
        "Truths a second by result, and the truths whose prediction is not known yet.",
        "short",
        (
            Query(_rate("tabento_feedback_total", by="result"), "{{result}}", has_data=False),
            Query(f"max(tabento_feedback_waiting{{{_OF_SERVICE}}})", "waiting", has_data=False),
        ),
    ),
)

_ARMS = "model, version, variant"
_ARM = "{{model}} {{version}} ({{variant}})"
_VERSION = "{{model}} {{version}}"
_ARM_REQUESTS = _rate("tabento_rollout_requests_total", _MODEL, by=_ARMS)
_FAILED_ARM_REQUESTS = _rate("tabento_rollout_requests_total", f'{_MODEL},result="failed"', by=_ARMS)

ROLLOUT = (
    Panel(
        "Share of the challenger",
        "The part of the requests that a challenger answers; 0 in the shadow. Steps: tabento rollout status.",
        "percentunit",
        (Query(f"max by (model, version) (tabento_rollout_share{{{_OF_MODEL}}})", _VERSION, has_data=False),),
    ),
    Panel(
        "Step of the canary",
        "The present step, from 1.",
        "short",
        (Query(f"max by (model, version) (tabento_rollout_step{{{_OF_MODEL}}}) + 1", _VERSION, has_data=False),),
    ),
    Panel(
        "Requests by version",
        "Predictions a second that each version answered.",
        "reqps",
        (Query(_rate("tabento_model_requests_total", _MODEL, by=_ARMS), _ARM),),
    ),
    Panel(
        "Errors of both versions",
        "The share of requests that failed while a challenger is tried. Runbook: bad-version.",
        "percentunit",
        (Query(f"{_FAILED_ARM_REQUESTS} / clamp_min({_ARM_REQUESTS}, 1e-9)", _ARM, has_data=False),),
        limits=Limits(ERROR_WARNING, ERROR_LIMIT),
    ),
    Panel(
        "Latency of both versions",
        "Quantiles of the present step; those of a challenger in the shadow are estimated. Runbook: bad-version.",
        "s",
        (
            Query(
                f"max by ({_ARMS}, quantile) (tabento_rollout_latency_seconds{{{_OF_MODEL}}})",
                f"p{{{{quantile}}}} {_ARM}",
                has_data=False,
            ),
        ),
    ),
    Panel(
        "Differing rows of the shadow",
        "The share of compared rows to which the challenger gives another answer. Runbook: bad-version.",
        "percentunit",
        (Query(f"max by (model, version) (tabento_rollout_differing_share{{{_OF_MODEL}}})", _VERSION, has_data=False),),
        limits=Limits(DIFFERING_SHARE, 2 * DIFFERING_SHARE),
    ),
    Panel(
        "Rows of the shadow",
        "Rows a second by result. Rows are dropped first if the service has no time for them.",
        "rowsps",
        (Query(_rate("tabento_rollout_shadow_rows_total", _MODEL, by="result"), "{{result}}", has_data=False),),
    ),
    Panel(
        "Rolled back and refused",
        "Challengers that lost their traffic within the last hour, by the limit; versions that are wanted and not used."
        " Runbook: bad-version.",
        "short",
        (
            Query(
                f"max by (model, version, limit) (tabento_rollout_rolled_back{{{_OF_MODEL}}})",
                f"{_VERSION}: {{{{limit}}}}",
                has_data=False,
            ),
            Query(
                f"max by (model, version) (tabento_rollout_refused{{{_OF_MODEL}}})",
                f"{_VERSION}: refused",
                has_data=False,
            ),
        ),
    ),
    Panel(
        "Loaded models",
        "Versions that are loaded, and loads and evictions a minute. Many evictions: models_memory_bytes is too small.",
        "short",
        (
            Query(f"sum(tabento_models_loaded{{{_OF_SERVICE}}})", "loaded"),
            Query(f"60 * {_rate('tabento_model_loads_total', by='result')}", "loads: {{result}}", has_data=False),
            Query(f"60 * {_rate('tabento_model_evictions_total')}", "evictions", has_data=False),
        ),
    ),
)

OPERATION = (
    Panel(
        "Versions",
        "The versions that are served, and their worker processes.",
        "none",
        (Query(f"max by (instance, model, version, data) (tabento_model_info{{{_OF_MODEL}}})"),),
        "table",
    ),
    Panel(
        "Lag of monitoring",
        "The age of the newest row when it was handled and when it was logged.",
        "s",
        (
            Query(f"max(tabento_monitor_lag_seconds{{{_OF_SERVICE}}})", "monitor"),
            Query(f"max(tabento_log_lag_seconds{{{_OF_SERVICE}}})", "prediction log"),
        ),
    ),
    Panel(
        "Rows that monitoring lost",
        "Rows a second that were not recorded or not logged, by reason.",
        "rowsps",
        (
            Query(_rate("tabento_monitor_dropped_rows_total", by="reason"), "monitor: {{reason}}", has_data=False),
            Query(_UNLOGGED_ROWS, "log: dropped"),
        ),
    ),
    Panel(
        "Prediction log",
        "Bytes of the prediction log on each machine.",
        "bytes",
        (Query(f"sum by (instance) (tabento_log_bytes{{{_OF_SERVICE}}})", "{{instance}}"),),
    ),
    Panel(
        "Dependencies",
        "Worker processes without Redis, without a usable key file, and connected to the monitor.",
        "short",
        (
            Query(f"sum(tabento_redis_down{{{_OF_SERVICE}}})", "without Redis"),
            Query(f"sum(tabento_key_file_failed{{{_OF_SERVICE}}})", "without a usable key file"),
            Query(f"sum(tabento_monitor_up{{{_OF_SERVICE}}})", "connected to the monitor"),
        ),
    ),
    Panel(
        "Cache of answers",
        "The share of rows that the cache answered.",
        "percentunit",
        (
            Query(
                _share(
                    _rate("tabento_cache_rows_total", 'result=~".*hit"'),
                    _rate("tabento_cache_rows_total"),
                ),
                "hits",
            ),
        ),
    ),
)

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    ("State", STATUS),
    ("Traffic", TRAFFIC),
    ("Latency and its budget", LATENCY),
    ("Batches and refusals", BATCHES),
    ("Drift", DRIFT),
    ("Quality", QUALITY),
    ("Rollout", ROLLOUT),
    ("Versions and operation", OPERATION),
)
"""The rows of the dashboard with their panels."""


def all_panels() -> list[Panel]:
    """Return all panels in their order."""
    return [panel for _, panels in ROWS for panel in panels]


def expand_query(expression: str, rate_interval: str, service: str = ".*", model: str = ".*") -> str:
    """Return a query with the values of its variables, as Grafana sends it."""
    for name, value in (("$__rate_interval", rate_interval), ("$service", service), ("$model", model)):
        expression = expression.replace(name, value)
    return expression
