"""The gate in one line."""

from __future__ import annotations

from training.gate.report import GateReport, disabled_check, limit_check, unlimited_check
from training.gate.summary import summary_line

PASSED = (
    limit_check("rmse_max", 1, 2),
    limit_check("mape_max", 1, 2),
    limit_check("calibration.ece_max", 0, 1, group="Calibration"),
)


def test_passed_checks_are_counted() -> None:
    """What passed is folded into counts by what it is about."""
    report = GateReport(
        checks=(*PASSED, unlimited_check("p50", 3, group="Limits"), disabled_check("seeds", group="Seeds"))
    )
    assert summary_line(report) == "Gate: 3 checks passed (limits 2, calibration 1); 1 only shown; 1 switched off"


def test_failures_come_first() -> None:
    """How many failed stands before what is only shown."""
    report = GateReport(
        checks=(*PASSED, unlimited_check("p50", 3, group="Limits"), limit_check("r2_min", 0, 1, "at least"))
    )
    assert summary_line(report) == "Gate: 3 checks passed (limits 2, calibration 1); 1 failed; 1 only shown"


def test_nothing_passed() -> None:
    """Without a check that passed there is nothing in brackets."""
    assert summary_line(GateReport(checks=(limit_check("a", 2, 1),))) == "Gate: 0 checks passed; 1 failed"
