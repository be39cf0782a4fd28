"""The texts of an alert: its sentence with numbers and labels, and the link to its section of the runbook."""

from __future__ import annotations

import re

from monitoring.alerts.rules import Rule, Unit

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TEMPLATES: dict[Unit, str] = {
    "share": "{{ $value | humanizePercentage }}",
    "seconds": "{{ $value | humanizeDuration }}",
    "number": "{{ $value | humanize }}",
}


def prometheus_summary(rule: Rule) -> str:
    """Return the sentence as a template of Prometheus."""

    def template(match: re.Match[str]) -> str:
        return _TEMPLATES[rule.unit] if match[1] == "value" else f"{{{{ $labels.{match[1]} }}}}"

    return _PLACEHOLDER.sub(template, rule.summary)


def summary(rule: Rule, labels: dict[str, str], value: float) -> str:
    """Return the sentence of one alert."""
    texts = {**labels, "value": number_text(rule.unit, value)}
    return _PLACEHOLDER.sub(lambda match: texts.get(match[1], ""), rule.summary)


def number_text(unit: Unit, value: float) -> str:
    """Return a number with its unit, with four digits."""
    if unit == "share":
        return f"{100.0 * value:.4g}%"
    if unit == "number":
        return f"{value:.4g}"
    if value < 1.0:
        return f"{1_000.0 * value:.4g} ms"
    if value < 120.0:
        return f"{value:.4g} s"
    hours, minutes = divmod(round(value / 60.0), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def runbook_link(runbook: str, rule: Rule) -> str:
    """Return the address of the rule's section."""
    return f"{runbook}#{rule.anchor}"
