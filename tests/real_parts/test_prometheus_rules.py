"""The rules under Debian's promtool and amtool: each fires in its firing course of metrics, and is quiet in its quiet ones."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.alerts.prometheus import RULES_FILE, all_files
from monitoring.alerts.rules import build_rules
from tests.monitoring.alerts.cases import CASES, SETTINGS, Case, Course
from tests.real_parts.tools import tool

pytestmark = pytest.mark.real_parts


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"


def _write_files(folder: Path) -> None:
    for name, text in all_files(SETTINGS).items():
        (folder / name).write_text(text)


def _test(case: Case, courses: Sequence[Course], is_firing: bool) -> dict[str, Any]:
    """Return a test in the format of promtool."""
    selector = f'alertname="{case.name}",severity="{case.severity}",alertstate="firing"'
    lines = [line for course in courses for line in course.series(case.minutes, case.interval)]
    return {
        "name": f"{case.name} {case.severity} {'firing' if is_firing else 'quiet'}",
        "interval": f"{case.interval}m",
        "input_series": [{"series": series, "values": values} for series, values in lines],
        "promql_expr_test": [
            {
                "expr": f"count(ALERTS{{{selector}}})",
                "eval_time": f"{case.minutes}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if is_firing else [],
            }
        ],
    }


def test_every_rule_has_a_case() -> None:
    """No rule is without a firing and a quiet course."""
    rules = {(rule.name, rule.severity) for rule in build_rules(SETTINGS)}
    assert rules == {(case.name, case.severity) for case in CASES}
    assert all(case.quiet for case in CASES)


def test_the_files_are_valid(tmp_path: Path) -> None:
    """Prometheus and Alertmanager accept the generated files."""
    _write_files(tmp_path)
    _run(tool("promtool"), "check", "config", str(tmp_path / "prometheus.yml"))
    _run(tool("amtool"), "check-config", str(tmp_path / "alertmanager.yml"))


@pytest.mark.parametrize("interval", sorted({case.interval for case in CASES}))
def test_rules_fire_and_are_quiet(interval: int, tmp_path: Path) -> None:
    """Each rule fires in its firing course, and in none of its quiet ones."""
    cases = [case for case in CASES if case.interval == interval]
    names = {case.name for case in cases}
    rules = yaml.safe_load(all_files(SETTINGS)[RULES_FILE])
    # promtool evaluates every rule at every step, which takes minutes for all rules and a week.
    rules["groups"] = [group for group in rules["groups"] if names & {rule.get("alert") for rule in group["rules"]}]
    (tmp_path / RULES_FILE).write_text(yaml.safe_dump(rules))
    tests = [
        *(_test(case, case.firing, True) for case in cases),
        *(_test(case, courses, False) for case in cases for courses in case.quiet),
    ]
    content = {"rule_files": [RULES_FILE], "evaluation_interval": f"{interval}m", "tests": tests}
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    _run(tool("promtool"), "test", "rules", str(path))
