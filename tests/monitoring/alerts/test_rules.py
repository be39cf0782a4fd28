"""Every rule in the monitor's own evaluation, with the same courses of metrics as under promtool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from monitoring.alerts.expressions import Gauge, Increase, MeanOfDays, Quantile
from monitoring.alerts.part import Alerts
from monitoring.alerts.rules import SECONDS, build_rules
from monitoring.process.parts import build_parts
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Snapshot
from runners import stats
from serving.operations.metrics import FAMILIES
from tests.monitoring.alerts.cases import CASES, SETTINGS, Case, Course

EVALUATED_MINUTES = 140
"""The last minutes in which the rules are evaluated; before them only the history grows."""

EMBEDDED = {(rule.name, rule.severity) for rule in build_rules(SETTINGS) if not rule.prometheus_only}


def firing_alerts(folder: Path, case: Case, courses: Sequence[Course]) -> set[tuple[str, str]]:
    """Return the names and severities of the alerts that fire at the end of the courses."""
    alerts = Alerts(SETTINGS.model_copy(update={"monitoring_folder": folder}))
    first = max(0, case.minutes - EVALUATED_MINUTES)
    alerts.history.rebase(alerts._counters(Snapshot()))
    for minute in range(0, case.minutes + 1, case.interval):
        snapshot = Snapshot(values={})
        for course in courses:
            course.add_to(snapshot, minute)
        if minute < first:
            alerts.history.add(minute * 60.0, alerts._counters(snapshot), case.interval * 60.0)
        else:
            alerts.add_worker_numbers(snapshot)
            alerts.evaluate(minute * 60.0)
    return {(alert.name, alert.severity) for alert in alerts.states.firing}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.severity}")
def test_rules_fire_and_are_quiet(case: Case, tmp_path: Path) -> None:
    """The monitor fires an alert in the same courses as Prometheus; a rule for Prometheus only never fires here."""
    key = (case.name, case.severity)
    assert (key in firing_alerts(tmp_path, case, case.firing)) == (key in EMBEDDED)
    for courses in case.quiet:
        assert key not in firing_alerts(tmp_path, case, courses)


def test_rules_name_the_labels_of_the_service(tmp_path: Path) -> None:
    """The metrics and labels of the rules are the ones of the workers and of the monitor's parts."""
    parts = build_parts(MonitoringSettings(monitoring_folder=tmp_path))
    families = {family.name: family for family in (*FAMILIES, *(family for part in parts for family in part.families))}
    for part in parts:
        part.close()
    for rule in build_rules(SETTINGS):
        for expression in rule.expression.walk():
            if isinstance(expression, Increase | MeanOfDays) and expression.counter.family in families:
                assert expression.counter.labels == families[expression.counter.family].labels
            elif isinstance(expression, Gauge) and expression.metric in families:
                assert expression.labels == families[expression.metric].labels
            elif isinstance(expression, Quantile):
                assert families[expression.histogram.name].bounds == SECONDS == stats.SECONDS


def test_rules_of_one_name_have_one_runbook_section() -> None:
    """The critical and the warning rule of an alert lead to the same section."""
    anchors: dict[str, set[str]] = {}
    for rule in build_rules(SETTINGS):
        anchors.setdefault(rule.name, set()).add(rule.anchor)
    assert all(len(sections) == 1 for sections in anchors.values())
