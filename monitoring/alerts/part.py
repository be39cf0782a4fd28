"""The part of the monitor that evaluates the rules of alerts, answers ``/alerts`` and notifies a webhook."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from monitoring.alerts.expressions import Histogram, Increase, MeanOfDays, Quantile, Readings
from monitoring.alerts.history import LONG_SLOT_S, READING_S, History
from monitoring.alerts.rules import Rule, build_rules
from monitoring.alerts.states import Alert, AlertCounts, AlertStates
from monitoring.alerts.store import FORMAT, AlertStore, StoredAlerts
from monitoring.alerts.texts import runbook_link, summary
from monitoring.alerts.webhook import Webhook, utc_text, webhook_content
from monitoring.errors import RequestError
from monitoring.part import Answer, MonitorPart
from monitoring.records import PartHealth
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Family, Series, Snapshot

SETTLE_S = 15.0
"""The seconds after the first numbers of workers in which their counts are the start, not an increase: after a restart of the
monitor the workers connect one by one, each with all that it has counted."""
GRACE_S = 120.0
"""The seconds after a start in which no alert ends: numbers of other parts may be missing."""
STORE_S = 300.0
"""The seconds between two writes of the history, if no alert changes and the last write succeeded."""

ALERTS = Family("tabento_alerts", "max", "Alerts by state: pending or firing.", ("severity", "state"))
NOTIFICATIONS = Family(
    "tabento_alert_notifications", "counter", "Notifications of alerts, by result: sent or failed.", ("result",)
)
SUPPRESSED = Family(
    "tabento_alerts_suppressed", "max", "Alerts of the last 24 hours that were not notified.", ("severity",)
)
DISK = Family("tabento_disk_free_share", "max", "Free share of the disk of the monitoring folder.")

logger = logging.getLogger("monitoring.alerts")


class AlertView(msgspec.Struct):
    """An alert in an answer."""

    name: str
    severity: str
    labels: dict[str, str]
    summary: str
    value: float
    since: str
    """The time at which the condition became true."""
    fired: str | None
    resolved: str | None
    notified: str | None
    """The time of the last notification."""
    runbook: str


class WebhookView(msgspec.Struct):
    """The state of the webhook in an answer."""

    sent: int
    failed: int
    fault: str | None


class AlertsView(msgspec.Struct):
    """The answer to ``GET /alerts``."""

    time: str
    status: str
    """``ok``, ``warning`` or ``critical``: the severest firing alert."""
    firing: list[AlertView]
    pending: list[AlertView]
    resolved: list[AlertView]
    """The alerts that ended last, the newest first."""
    summary_24h: dict[str, AlertCounts]
    rules: int
    """The number of rules that the monitor evaluates."""
    webhook: WebhookView | None
    """None if the service has no webhook."""


class Alerts(MonitorPart):
    """Evaluates all rules every ten seconds.

    Args:
        settings: the settings.
        parts: the other parts, whose numbers the rules read.
    """

    name = "alerts"
    questions = ("alerts",)
    families = (ALERTS, NOTIFICATIONS, SUPPRESSED, DISK)

    def __init__(self, settings: MonitoringSettings, parts: Sequence[MonitorPart] = ()) -> None:
        self.rules = [rule for rule in build_rules(settings) if not rule.prometheus_only]
        self.states = AlertStates(settings.alert_cooldown_s)
        self.webhook: Webhook | None = None
        if settings.alert_webhook_url is not None:
            self.webhook = Webhook(settings.alert_webhook_url.get_secret_value(), settings.alert_webhook_timeout_s)
        self.store = AlertStore(settings.monitoring_folder)
        self.history = History(history_columns(self.rules))
        self._expressions = [expression for rule in self.rules for expression in rule.expression.walk()]
        self._parts = list(parts)
        self._by_key: dict[tuple[str, str], Rule] = {(rule.name, rule.severity): rule for rule in self.rules}
        self._runbook = settings.alert_runbook_url
        self._total: Snapshot | None = None
        self._now_s = 0.0
        self._first_s: float | None = None
        self._next_s = self._evaluated_s = 0.0
        self._stored_s = 0.0
        self._is_changed = False
        self._read()

    def add_worker_numbers(self, total: Snapshot) -> None:
        """Keep the metrics of all workers."""
        self._total = total

    def tick(self, now_s: float) -> None:
        """Evaluate the rules, if ten seconds have passed."""
        self._now_s = now_s
        if self._next_s - 2 * READING_S <= now_s < self._next_s:
            return
        # After the clock was set back, the next evaluation is in ten seconds, not in hours.
        self._next_s = now_s + READING_S
        if self._total is not None:
            self.evaluate(now_s)
        if self._is_changed or self.store.fault or not 0 <= now_s - self._stored_s < STORE_S:
            self._write()
        else:
            self.store.look()

    def evaluate(self, now_s: float) -> None:
        """Read the numbers, evaluate all rules and send the notifications that are due."""
        latest = self._latest()
        counters = self._counters(latest)
        if self._first_s is None or now_s < self._first_s:
            self._first_s = now_s
        age_s = now_s - self._first_s
        if age_s < SETTLE_S:
            self.history.rebase(counters)
            self._evaluated_s = now_s
            return
        seconds = min(max(now_s - self._evaluated_s, 0.0), LONG_SLOT_S)
        self._evaluated_s = now_s
        self.history.add(now_s, counters, seconds)
        readings = Readings(now_s, self.history, latest)
        values = [(rule, rule.expression.value(readings)) for rule in self.rules]
        before = {(alert.key, alert.fired_s) for alert in self.states.firing}
        notifications = self.states.update(now_s, values, may_resolve=age_s >= GRACE_S)
        self._is_changed |= before != {(alert.key, alert.fired_s) for alert in self.states.firing}
        for notification in notifications:
            self._is_changed = True
            rule = self._by_key[notification.name, notification.severity]
            for alert in notification.firing:
                logger.warning("alert %s (%s): %s", rule.name, rule.severity, summary(rule, alert.labels, alert.value))
            for alert in notification.resolved:
                logger.warning("alert %s (%s) has ended", alert.name, alert.severity)
            if self.webhook is not None:
                self.webhook.send(webhook_content(notification, rule, self._runbook))

    async def answer(self, question: str, query: dict[str, str], content: bytes) -> Answer:
        """Return all alerts, or the ones of a severity.

        Raises:
            RequestError: the query has another parameter than ``severity``, or another value than ``critical`` or ``warning``.
        """
        unknown = sorted(set(query) - {"severity"})
        if unknown:
            raise RequestError(f"Expected the parameter severity, got {unknown[0][:100]!r}.", status=422)
        severity = query.get("severity")
        if severity not in (None, "critical", "warning"):
            raise RequestError(f"severity: expected critical or warning, got {severity[:100]!r}.", status=422)
        return Answer(msgspec.json.encode(self.view(severity)))

    def view(self, severity: str | None = None) -> AlertsView:
        """Return the alerts, of one severity if it is not None."""

        def views(alerts: list[Alert]) -> list[AlertView]:
            return [self._view(alert) for alert in alerts if severity in (None, alert.severity)]

        firing = self.states.firing
        summary_24h = self.states.summary(self._now_s)
        webhook = self.webhook
        return AlertsView(
            time=utc_text(self._now_s),
            status=firing[0].severity if firing else "ok",
            firing=views(firing),
            pending=views(self.states.pending),
            resolved=views(self.states.content.resolved),
            summary_24h={key: counts for key, counts in summary_24h.items() if severity in (None, key)},
            rules=len(self.rules),
            webhook=None if webhook is None else WebhookView(webhook.sent, webhook.failed, webhook.fault or None),
        )

    def numbers(self) -> dict[str, Series]:
        """Return the alerts by state, the notifications and the free share of the disk."""
        alerts: Series = {
            (severity, state): 0.0 for severity in ("critical", "warning") for state in ("pending", "firing")
        }
        for state, of_state in (("pending", self.states.pending), ("firing", self.states.firing)):
            for alert in of_state:
                alerts[alert.severity, state] += 1
        sent, failed = (0, 0) if self.webhook is None else (self.webhook.sent, self.webhook.failed)
        free_share = self.store.free_share
        summary_24h = self.states.summary(self._now_s)
        return {
            ALERTS.name: alerts,
            NOTIFICATIONS.name: {("sent",): sent, ("failed",): failed},
            SUPPRESSED.name: {(severity,): counts.suppressed for severity, counts in summary_24h.items()},
            DISK.name: {} if free_share is None else {(): free_share},
        }

    def health(self) -> PartHealth:
        """Return degraded if the states cannot be stored or the webhook cannot be reached."""
        faults = [self.store.fault] if self.store.fault else []
        if self.webhook is not None and self.webhook.fault:
            faults.append(f"the webhook did not accept a notification: {self.webhook.fault}")
        return PartHealth(self.name, "degraded" if faults else "healthy", "; ".join(faults))

    def close(self) -> None:
        """Store the states, and send the notifications that wait."""
        self.store.close()
        self._write()
        self.store.close()
        self.store.release()
        if self.webhook is not None:
            self.webhook.close()

    def _latest(self) -> Snapshot:
        """Return the metrics of the workers and of all parts."""
        total = self._total or Snapshot()
        values = dict(total.values)
        for part in self._parts:
            try:
                values.update(part.numbers())
            except Exception:
                logger.exception("the numbers of the part %s cannot be read; its alerts are not evaluated", part.name)
        free_share = self.store.free_share
        if free_share is not None:
            values[DISK.name] = {(): free_share}
        return Snapshot(values, total.histograms, total.histogram_series)

    def _counters(self, latest: Snapshot) -> dict[str, float]:
        """Return the values of all counters of the rules."""
        counters: dict[str, float] = {}
        for expression in self._expressions:
            if isinstance(expression, Increase | MeanOfDays):
                value = expression.counter.read(latest)
                if value is not None:
                    counters[expression.counter.selector] = value
            elif isinstance(expression, Quantile):
                counts = expression.histogram.read(latest)
                if counts is not None:
                    counters.update(zip(expression.histogram.columns(), counts, strict=True))
        return counters

    def _view(self, alert: Alert) -> AlertView:
        rule = self._by_key.get((alert.name, alert.severity))
        notified_s = self.states.content.notified_s.get(alert.key)
        return AlertView(
            name=alert.name,
            severity=alert.severity,
            labels=alert.labels,
            summary="" if rule is None else summary(rule, alert.labels, alert.value),
            value=alert.value,
            since=utc_text(alert.pending_s),
            fired=None if alert.fired_s is None else utc_text(alert.fired_s),
            resolved=None if alert.resolved_s is None else utc_text(alert.resolved_s),
            notified=None if notified_s is None else utc_text(notified_s),
            runbook="" if rule is None else runbook_link(self._runbook, rule),
        )

    def _read(self) -> None:
        stored = self.store.read()
        if stored is None:
            return
        try:
            self.history.restore(stored.history)
        except ValueError as error:
            logger.warning("%s; it starts again", error)
            self.history = History(history_columns(self.rules))
        self.states.restore(stored.states, self.rules)

    def _write(self) -> None:
        if not self.store.is_busy and self.store.write(
            StoredAlerts(FORMAT, self.history.state(), self.states.stored())
        ):
            self._is_changed = False
            self._stored_s = self._now_s


def history_columns(rules: Sequence[Rule]) -> list[str]:
    """Return the names of all counters that the rules read."""
    columns: dict[str, None] = {}
    histograms: set[Histogram] = set()
    for rule in rules:
        for expression in rule.expression.walk():
            if isinstance(expression, Increase | MeanOfDays):
                columns[expression.counter.selector] = None
            elif isinstance(expression, Quantile):
                histograms.add(expression.histogram)
    for histogram in sorted(histograms, key=lambda histogram: histogram.name):
        columns.update(dict.fromkeys(histogram.columns()))
    return list(columns)
