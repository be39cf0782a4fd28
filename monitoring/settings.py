"""The settings of monitoring. ``serving.settings.ServingSettings`` has them as its own: ``TABENTO_MONITORING`` and so on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, SecretStr, field_validator

from monitoring.service_log.configure import FormatName
from monitoring.service_log.level import LevelName

PredictionStatistic = Literal["mean", "std", "min", "p05", "median", "p95", "max"]
PREDICTION_STATISTICS: tuple[PredictionStatistic, ...] = get_args(PredictionStatistic)


class MonitoringSettings(BaseModel):
    """The settings of the monitor process and its parts."""

    # The monitor process.
    monitoring: bool = True
    """Whether a monitor process records predictions: log, drift, feedback, quality and alerts. See docs/monitoring.md."""
    monitoring_folder: Path = Path("runs/monitoring")
    """The folder of the prediction log and of the monitor's state; a relative path starts at the folder of ``service.py``."""
    monitoring_buffer_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 32)] = 32 * 1024 * 1024
    """The largest number of bytes of records that wait for the monitor process in each worker; further ones are dropped and counted."""

    # The prediction log.
    prediction_log: bool = True
    """Whether each predicted row and each refused request is written to the prediction log. See docs/prediction-log.md."""
    prediction_log_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of requests whose rows are logged; the request id decides. Errors are always logged."""
    prediction_log_segment_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 32)] = 64 * 1024 * 1024
    """The number of bytes of lines at which a file of the log ends and is compressed."""
    prediction_log_segment_s: Annotated[float, Field(ge=1, le=604_800)] = 3600.0
    """The age in seconds at which a file of the log ends."""
    prediction_log_keep_bytes: Annotated[int, Field(ge=1 << 20)] = 10 * 1024 * 1024 * 1024
    """The largest number of bytes of the log's folder; the oldest files are removed above it."""
    prediction_log_keep_days: Annotated[float, Field(gt=0, le=36_500)] = 30.0
    """The age in days at which a file of the log is removed."""
    prediction_log_buffer_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 32)] = 32 * 1024 * 1024
    """The largest number of bytes of records that wait for the disk; further ones are dropped and counted."""
    prediction_log_url: SecretStr | None = None
    """The fsspec URL of a folder, such as ``s3://bucket/log``, to which compressed files are copied; null for none."""

    # Private fields, see docs/private-fields.md.
    private_fields: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=1_000)
    ] = (*("email", "customer_id", "phone", "ssn", "address", "name"),)
    """The names of features and identifiers whose values are never written, also if no contract marks them with ``pii``. Letter case,
    ``_``, ``-``, ``.`` and spaces make no difference."""
    private_hash_key: Annotated[SecretStr, Field(min_length=16)] | None = None
    """The key of the hashes that the prediction log has instead of private values, at least 16 characters. Without it, private values
    are dropped."""

    # Feedback and live quality, see docs/feedback.md.
    feedback: bool = True
    """Whether ``POST /feedback`` takes true values and ``GET /quality`` shows the live quality."""
    feedback_url: SecretStr | None = None
    """The Postgres of feedback, such as ``postgresql://user:password@host/database``; None: a file of SQLite in the monitoring
    folder. It needs ``requirements/postgres.txt``."""
    feedback_max_truths: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """The largest number of truths of one request."""
    feedback_recent_rows: Annotated[int, Field(ge=0, le=10_000_000)] = 100_000
    """The number of latest rows in memory with which truths are joined before the prediction log is searched."""
    feedback_days: Annotated[float, Field(gt=0, le=36_500)] = 400.0
    """The days for which truths are kept after their arrival."""
    quality_windows: tuple[str, ...] = ("1d", "7d", "30d")
    """The windows of the metrics of live quality, as a number with ``m``, ``h`` or ``d``, or ``all``: the truths that became known
    in them."""
    quality_min_rows: Annotated[int, Field(ge=2)] = 100
    """The number of truths below which no metric of live quality is exported, and no slice is compared."""
    quality_slices: tuple[str, ...] = ()
    """The features by which live quality is sliced; none: all features that have slices."""

    @field_validator("feedback_url")
    @classmethod
    def _names_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("expected an address that begins with postgresql://")
        return url

    @field_validator("quality_windows")
    @classmethod
    def _names_windows(cls, windows: tuple[str, ...]) -> tuple[str, ...]:
        for window in windows:
            if window != "all" and re.fullmatch(r"[1-9][0-9]{0,5}[mhd]", window) is None:
                raise ValueError(f"expected windows such as 30m, 12h, 7d or all, got {window!r}")
        return windows

    # The service log.
    log_level: LevelName = "info"
    """The lowest level of the lines of the service log: ``debug``, ``info``, ``warning`` or ``error``. See docs/logging.md."""
    log_format: FormatName = "auto"
    """The format of the service log: ``json``, ``text``, or ``auto``: text on a terminal, and JSON elsewhere."""
    # Alerts, see docs/alerts.md. The rules for Prometheus are generated from the same settings.
    alerts: bool = True
    """Whether the monitor process evaluates the rules of alerts itself and answers ``/alerts``. See docs/alerts.md."""
    alert_webhook_url: SecretStr | None = None
    """The address to which notifications are sent as Alertmanager sends them, such as ``https://hooks.example/tabento``; null for none."""
    alert_webhook_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """The seconds after which one attempt to send a notification has failed."""
    alert_cooldown_s: Annotated[float, Field(ge=60, le=604_800)] = 3_600.0
    """The seconds in which an alert is notified at most once; suppressed notifications are counted."""
    alert_runbook_url: Annotated[str, Field(pattern=r"^[^\s#{}]+$")] = "docs/runbook.md"
    """The address of the runbook, to which the links of alerts add an anchor."""
    alert_availability: Annotated[float, Field(ge=0.5, lt=1)] = 0.999
    """The availability SLO: the share of predictions that are answered without a server error."""
    alert_min_requests: Annotated[int, Field(ge=1)] = 50
    """The number of requests in a window below which no alert compares shares or quantiles."""
    alert_p99_warning_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 100.0
    """The p99 latency of five minutes, in milliseconds, above which there is a warning."""
    alert_p99_critical_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 200.0
    """The p99 latency of five minutes, in milliseconds, above which the alert is critical."""
    alert_p95_critical_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2_000.0
    """The p95 latency, in milliseconds, above which the alert is critical after ten minutes."""
    alert_error_warning: Annotated[float, Field(gt=0, le=1)] = 0.05
    """The share of server errors in five minutes above which there is a warning."""
    alert_error_critical: Annotated[float, Field(gt=0, le=1)] = 0.10
    """The share of server errors in five minutes above which the alert is critical."""
    alert_error_rise: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    """The rise of the share of server errors against the hour before above which there is a warning; 5 is +500%."""
    alert_volume_warning: Annotated[float, Field(gt=0, lt=1)] = 0.30
    """The drop of the hour's requests against the same hour of the days before above which there is a warning."""
    alert_volume_critical: Annotated[float, Field(gt=0, lt=1)] = 0.50
    """The same drop above which the alert is critical."""
    alert_volume_min_requests: Annotated[int, Field(ge=1)] = 600
    """The number of requests of that hour on the days before below which no alert compares volumes."""
    alert_min_requests_per_minute: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The requests a minute below which there is a warning, such as 10; null for no such alert."""
    alert_max_requests_per_minute: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The requests a minute above which there is a warning, such as 2000; null for no such alert."""
    alert_max_errors_per_minute: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The server errors a minute above which the alert is critical, such as 50; null for no such alert."""
    alert_refused_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """The share of requests refused for their values (422) in ten minutes above which there is a warning."""
    alert_psi: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.2
    """The population stability index of a feature at which there is a warning."""
    alert_drift_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The share of drifted features at which the alert is critical."""
    alert_mape: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 12.0
    """The live mean absolute percentage error, in percent, above which there is a warning."""
    alert_within_10: Annotated[float, Field(ge=0, le=100)] = 65.0
    """The live share of answers within 10% of the truth, in percent, below which there is a warning."""
    alert_feedback_h: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 168.0
    """The hours without a truth after which there is a warning, if truths arrived before."""
    alert_log_lag_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    """The seconds that predictions wait for the prediction log above which there is a warning."""
    alert_disk_free: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The free share of the disk of ``monitoring_folder`` below which there is a warning; below a fifth of it the alert is critical."""

    @field_validator("alert_webhook_url")
    @classmethod
    def _names_webhook(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().lower().startswith(("http://", "https://")):
            raise ValueError("the address of a webhook starts with http:// or https://")
        return url

    # Drift.
    drift: bool = True
    """Whether the monitor compares the rows with the training part, see docs/drift.md."""
    drift_window_rows: Annotated[int, Field(ge=100, le=1 << 40)] = 5_000
    """The number of the newest rows in the window by rows, rounded up to whole panes."""
    drift_window_s: Annotated[float, Field(ge=60, le=366 * 86_400)] = 86_400.0
    """The seconds of the window by time; older rows are forgotten by both windows."""
    drift_pane_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """The seconds of a pane: the windows move by whole panes, and a check is made once a pane."""
    drift_min_rows: Annotated[int, Field(ge=1)] = 500
    """The number of rows below which a window has no verdict."""
    drift_false_alarms_per_month: Annotated[float, Field(gt=0, le=1000)] = 0.5
    """The largest expected number of false alarms of one model in 30 days, of independent rows; it sets the level of all tests."""
    drift_prediction_bounds: dict[str, dict[PredictionStatistic, tuple[float | None, float | None]]] = {}
    """The bounds of statistics of the answers: output -> mean, std, min, p05, median, p95 or max -> lowest and highest, null for none."""
