"""The files for Prometheus and Alertmanager."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from monitoring.alerts.generate import FOLDER, SETTINGS_FILE, main, read_settings
from monitoring.alerts.prometheus import ALERTMANAGER_FILE, RULES_FILE, all_files
from monitoring.alerts.rules import build_rules
from monitoring.alerts.texts import number_text
from monitoring.settings import MonitoringSettings

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings without the variables of the test session."""
    monkeypatch.delenv("TABENTO_MONITORING", raising=False)


def test_the_committed_files_are_current() -> None:
    """The files in deploy/prometheus are the ones of configs/serving.yaml; if not: python -m monitoring.alerts.generate."""
    files = all_files(read_settings(ROOT / SETTINGS_FILE, {}))
    assert {path.name for path in (ROOT / FOLDER).iterdir()} == set(files)
    for name, text in files.items():
        assert (ROOT / FOLDER / name).read_text(encoding="utf-8") == text, f"{name} is stale"


def test_the_command_writes_and_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes the files, ``--check`` finds a stale one, and a variable changes a rule."""
    folder = tmp_path / "rules"
    options = [str(folder), "--settings", str(ROOT / SETTINGS_FILE)]
    assert main([*options, "--check"]) == 1
    assert main([*options, "--receiver", "http://pager.example/hook"]) == 0
    assert "http://pager.example/hook" in (folder / ALERTMANAGER_FILE).read_text()
    assert main(options) == 0
    assert main([*options, "--check"]) == 0
    monkeypatch.setenv("TABENTO_ALERT_PSI", "0.35")
    assert main([*options, "--check"]) == 1
    assert main(options) == 0
    assert "tabento_drift_psi) >= 0.35" in (folder / RULES_FILE).read_text()
    monkeypatch.setenv("TABENTO_ALERT_PSI", "many")
    assert main(options) == 2
    assert main([*options[:-1], str(tmp_path / "absent.yaml")]) == 2
    errors = capsys.readouterr().err
    assert "stale in" in errors
    assert "alert_psi" in errors


def test_settings_change_the_rules() -> None:
    """Optional rules exist if their settings have values, and rules of the monitor only with a monitor."""
    names = {rule.name for rule in build_rules(MonitoringSettings())}
    assert "TabentoVolumeLow" not in names
    settings = MonitoringSettings(alert_min_requests_per_minute=10, monitoring=False)
    changed_names = {rule.name for rule in build_rules(settings)}
    assert "TabentoVolumeLow" in changed_names
    assert "TabentoMonitorDown" not in changed_names


def test_a_secret_is_never_written() -> None:
    """The address of the service's own webhook, which may contain a token, is in no file."""
    settings = MonitoringSettings(alert_webhook_url="https://hooks.example/secret-token")
    assert not any("secret-token" in text for text in all_files(settings).values())
    with pytest.raises(ValueError, match="starts with http"):
        MonitoringSettings(alert_webhook_url="ftp://hooks.example")


def test_every_alert_has_a_severity_a_sentence_and_a_link() -> None:
    """Prometheus' alerts have what a person needs, and name only labels that their expressions keep."""
    groups = yaml.safe_load(all_files(MonitoringSettings())[RULES_FILE])["groups"]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["runbook_url"].startswith("docs/runbook.md#")
        kept_labels = re.search(r"by \(([^)]*)\)", rule["expr"])
        assert kept_labels is not None
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert label in kept_labels[1].split(", ")


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("share", 0.12345, "12.35%"),
        ("seconds", 0.15, "150 ms"),
        ("seconds", 2.5, "2.5 s"),
        ("seconds", 7_300.0, "2 h 2 min"),
        ("seconds", 600.0, "10 min"),
        ("number", 1234.5, "1234"),
    ],
)
def test_numbers_have_units(unit: str, value: float, text: str) -> None:
    """A number is written with its unit and four digits."""
    assert number_text(unit, value) == text  # type: ignore[arg-type]
