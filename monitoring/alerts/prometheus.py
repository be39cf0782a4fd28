"""The files for Prometheus and Alertmanager, written from the table of rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from monitoring.alerts.expressions import RecordedExpression, duration
from monitoring.alerts.rules import Rule, build_rules
from monitoring.alerts.texts import prometheus_summary, runbook_link
from monitoring.settings import MonitoringSettings

RULES_FILE = "tabento.rules.yml"
ALERTMANAGER_FILE = "alertmanager.yml"
PROMETHEUS_FILE = "prometheus.yml"
DEFAULT_RECEIVER_URL = "http://127.0.0.1:9095/alerts"
"""The webhook that the shipped configuration of Alertmanager names; replace it by your own receiver."""
EVALUATION_S = 15.0


def rule_file(settings: MonitoringSettings) -> str:
    """Return the file of rules."""
    rules = build_rules(settings)
    groups = []
    for group in dict.fromkeys(rule.group for rule in rules):
        of_group = [rule for rule in rules if rule.group == group]
        entries = [*_recording_rules(of_group), *(_alert(rule, settings) for rule in of_group)]
        groups.append({"name": f"tabento-{group}", "rules": entries})
    return _text({"groups": groups})


def alertmanager_file(settings: MonitoringSettings, receiver_url: str = DEFAULT_RECEIVER_URL) -> str:
    """Return the configuration of Alertmanager: grouping, cooldown, inhibition and one receiver."""
    cooldown = duration(settings.alert_cooldown_s)
    return _text(
        {
            "route": {
                "receiver": "tabento",
                "group_by": ["alertname", "job", "severity"],
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": cooldown,
                "routes": [{"matchers": ['severity="critical"'], "receiver": "tabento", "group_wait": "10s"}],
            },
            "inhibit_rules": [
                # The whole service is away: its other alerts say nothing new.
                {
                    "source_matchers": ['alertname="TabentoDown"'],
                    "target_matchers": ['alertname=~"Tabento.*"', 'alertname!="TabentoDown"'],
                    "equal": ["job"],
                },
                {
                    "source_matchers": ['severity="critical"', 'alertname=~"Tabento.*"'],
                    "target_matchers": ['severity="warning"'],
                    "equal": ["alertname", "job", "model", "version"],
                },
            ],
            "receivers": [{"name": "tabento", "webhook_configs": [{"url": receiver_url, "send_resolved": True}]}],
        }
    )


def prometheus_file(targets: Sequence[str] = ("127.0.0.1:3000",), alertmanager: str = "127.0.0.1:9093") -> str:
    """Return a configuration of Prometheus that scrapes a service and loads the rules.

    Args:
        targets: the addresses of the service's instances.
        alertmanager: the address of Alertmanager.
    """
    return _text(
        {
            "global": {"scrape_interval": "15s", "evaluation_interval": duration(EVALUATION_S)},
            "rule_files": [RULES_FILE],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [
                {
                    "job_name": "tabento",
                    "metrics_path": "/metrics",
                    "static_configs": [{"targets": list(targets)}],
                }
            ],
        }
    )


def all_files(settings: MonitoringSettings, receiver_url: str = DEFAULT_RECEIVER_URL) -> dict[str, str]:
    """Return the contents of all files by their names."""
    return {
        RULES_FILE: rule_file(settings),
        ALERTMANAGER_FILE: alertmanager_file(settings, receiver_url),
        PROMETHEUS_FILE: prometheus_file(),
    }


def _recording_rules(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Return the recording rules that the alerts need, an inner one before the outer one."""
    records: dict[str, str] = {}
    for rule in rules:
        for expression in reversed(list(rule.expression.walk())):
            if isinstance(expression, RecordedExpression):
                records.setdefault(expression.name, expression.expression.promql())
    return [{"record": name, "expr": text} for name, text in records.items()]


def _alert(rule: Rule, settings: MonitoringSettings) -> dict[str, Any]:
    return {
        "alert": rule.name,
        "expr": rule.expression.promql(),
        **({"for": duration(rule.for_s)} if rule.for_s else {}),
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": prometheus_summary(rule),
            "runbook_url": runbook_link(settings.alert_runbook_url, rule),
        },
    }


def _text(content: dict[str, Any]) -> str:
    header = (
        "# Written by `python -m monitoring.alerts.generate`; change the settings, not this file. See docs/alerts.md.\n"
    )
    return header + yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)
