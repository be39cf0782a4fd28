"""The states of alerts: pending, firing, notified at most once in a cooldown, and counted for the summary of a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from monitoring.alerts.expressions import Labels, Vector
from monitoring.alerts.rules import Rule

SUMMARY_S = 86_400.0
SUMMARY_SLOT_S = 600.0
"""The seconds whose events are counted together: the summary covers a day to within ten minutes."""
MAX_ALERTS = 1_000
"""The largest number of alerts at the same time; further ones are counted."""
MAX_RESOLVED = 50
"""The number of ended alerts that are kept for people."""


class AlertCounts(msgspec.Struct):
    """Counted events."""

    fired: int = 0
    """Alerts that began."""
    resolved: int = 0
    """Alerts that ended."""
    notified: int = 0
    """Notifications about firing alerts, repetitions included."""
    suppressed: int = 0
    """Alerts that began without a notification: in their cooldown, or inhibited by the critical alert of the same name."""


class Alert(msgspec.Struct):
    """One alert of one set of labels."""

    name: str
    severity: str
    labels: dict[str, str]
    value: float
    pending_s: float
    """The Unix time at which the condition became true."""
    fired_s: float | None = None
    """The Unix time at which the alert began; None while it is pending."""
    resolved_s: float | None = None
    is_sent: bool = False
    """Whether this firing was notified, so that its end is notified too."""

    @property
    def key(self) -> str:
        """The identity of the alert over several firings."""
        labels = ",".join(f"{name}={value}" for name, value in sorted(self.labels.items()))
        return f"{self.name}/{self.severity}/{labels}"


class StatesContent(msgspec.Struct):
    """The states as they are stored."""

    alerts: list[Alert] = []
    resolved: list[Alert] = []
    notified_s: dict[str, float] = {}
    """The Unix time of the last notification by alert."""
    slots: dict[int, dict[str, AlertCounts]] = {}
    """The counted events by slot of time and severity."""


@dataclass(frozen=True)
class Notification:
    """Alerts of one name and severity that are sent together."""

    name: str
    severity: str
    firing: list[Alert]
    resolved: list[Alert]


class AlertStates:
    """The states of all alerts.

    Args:
        cooldown_s: the seconds in which an alert is notified at most once.
    """

    def __init__(self, cooldown_s: float) -> None:
        self.cooldown_s = cooldown_s
        self.content = StatesContent()
        self.overflow = 0
        """Alerts beyond ``MAX_ALERTS`` that were left out."""
        self._alerts: dict[str, Alert] = {}

    @property
    def firing(self) -> list[Alert]:
        """The firing alerts, critical ones first, then by time."""
        firing = [alert for alert in self._alerts.values() if alert.fired_s is not None]
        return sorted(firing, key=lambda alert: (alert.severity != "critical", alert.fired_s, alert.key))

    @property
    def pending(self) -> list[Alert]:
        """The alerts whose condition does not hold for long enough yet."""
        return sorted(
            (alert for alert in self._alerts.values() if alert.fired_s is None), key=lambda alert: alert.pending_s
        )

    def restore(self, content: StatesContent, rules: Iterable[Rule]) -> None:
        """Restore stored states; alerts of rules that do not exist any more are dropped."""
        rule_keys = {(rule.name, rule.severity) for rule in rules}
        self.content = content
        self._alerts = {alert.key: alert for alert in content.alerts if (alert.name, alert.severity) in rule_keys}

    def stored(self) -> StatesContent:
        """Return the states for storage."""
        self.content.alerts = list(self._alerts.values())
        return self.content

    def update(
        self, now_s: float, values: Iterable[tuple[Rule, Vector]], may_resolve: bool = True
    ) -> list[Notification]:
        """Take the values of all rules into account; return the notifications that are due.

        Args:
            now_s: the Unix time in seconds.
            values: each rule with the labels and numbers for which its condition holds.
            may_resolve: whether an alert whose condition does not hold ends; after a start some numbers are missing.
        """
        changed: list[Alert] = []
        current: set[str] = set()
        for rule, vector in values:
            for labels, value in vector.items():
                alert = self._begin(now_s, rule, labels, value)
                if alert is None:
                    continue
                current.add(alert.key)
                if alert.fired_s is None and now_s - alert.pending_s >= rule.for_s:
                    alert.fired_s = now_s
                    self._count(now_s, alert.severity).fired += 1
                    changed.append(alert)
        resolved = self._resolve(now_s, current) if may_resolve else []
        due = self._due(now_s, {alert.key for alert in changed})
        self._forget(now_s)
        return _group_alerts(due, resolved)

    def summary(self, now_s: float) -> dict[str, AlertCounts]:
        """Return the counted events of the last day by severity."""
        first = int((now_s - SUMMARY_S) // SUMMARY_SLOT_S)
        total = {"critical": AlertCounts(), "warning": AlertCounts()}
        for slot, by_severity in self.content.slots.items():
            if slot <= first:
                continue
            for severity, counts in by_severity.items():
                of_severity = total.setdefault(severity, AlertCounts())
                for field in AlertCounts.__struct_fields__:
                    setattr(of_severity, field, getattr(of_severity, field) + getattr(counts, field))
        return total

    def _begin(self, now_s: float, rule: Rule, labels: Labels, value: float) -> Alert | None:
        """Return the alert of a rule and labels with its new value; None if there are too many alerts."""
        alert = Alert(rule.name, rule.severity, dict(labels), value, now_s)
        present_alert = self._alerts.get(alert.key)
        if present_alert is not None:
            present_alert.value = value
            present_alert.pending_s = min(present_alert.pending_s, now_s)  # the clock may have been set back
            return present_alert
        if len(self._alerts) >= MAX_ALERTS:
            self.overflow += 1
            return None
        self._alerts[alert.key] = alert
        return alert

    def _resolve(self, now_s: float, current: set[str]) -> list[Alert]:
        """End all alerts whose condition does not hold; return the ones whose end is notified."""
        sent = []
        for key in [key for key in self._alerts if key not in current]:
            alert = self._alerts.pop(key)
            if alert.fired_s is None:
                continue
            alert.resolved_s = now_s
            self._count(now_s, alert.severity).resolved += 1
            self.content.resolved = [alert, *self.content.resolved][:MAX_RESOLVED]
            if alert.is_sent:
                sent.append(alert)
        return sent

    def _due(self, now_s: float, new: set[str]) -> list[Alert]:
        """Return the firing alerts that are notified now; count the new ones that are not."""
        firing = self.firing
        critical: dict[str, list[dict[str, str]]] = {}
        for alert in firing:
            if alert.severity == "critical":
                critical.setdefault(alert.name, []).append(alert.labels)
        due = []
        for alert in firing:
            notified_s = self.content.notified_s.get(alert.key)
            is_waiting = notified_s is not None and 0 <= now_s - notified_s < self.cooldown_s
            is_inhibited = alert.severity != "critical" and any(
                labels.items() <= alert.labels.items() for labels in critical.get(alert.name, [])
            )
            if not is_waiting and not is_inhibited:
                self.content.notified_s[alert.key] = now_s
                self._count(now_s, alert.severity).notified += 1
                alert.is_sent = True
                due.append(alert)
            elif alert.key in new:
                self._count(now_s, alert.severity).suppressed += 1
        return due

    def _count(self, now_s: float, severity: str) -> AlertCounts:
        slot = self.content.slots.setdefault(int(now_s // SUMMARY_SLOT_S), {})
        return slot.setdefault(severity, AlertCounts())

    def _forget(self, now_s: float) -> None:
        """Drop counts of days ago, of a clock that was wrong, and cooldowns that are over."""
        first, last = (now_s - SUMMARY_S) // SUMMARY_SLOT_S, (now_s + SUMMARY_S) // SUMMARY_SLOT_S
        content = self.content
        content.slots = {slot: counts for slot, counts in content.slots.items() if first < slot <= last}
        content.notified_s = {
            key: notified_s
            for key, notified_s in content.notified_s.items()
            if key in self._alerts or 0 <= now_s - notified_s < self.cooldown_s
        }


def _group_alerts(firing: list[Alert], resolved: list[Alert]) -> list[Notification]:
    """Return one notification for each name and severity."""
    groups: dict[tuple[str, str], Notification] = {}
    for alerts, attribute in ((firing, "firing"), (resolved, "resolved")):
        for alert in alerts:
            group = groups.setdefault((alert.name, alert.severity), Notification(alert.name, alert.severity, [], []))
            getattr(group, attribute).append(alert)
    return list(groups.values())
