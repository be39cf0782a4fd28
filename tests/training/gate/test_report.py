"""The report of the gate can be kept and read back, and its verdict counts what has one."""

from __future__ import annotations

import json

import pytest

from training.errors import GateError
from training.gate import Check, GateReport
from training.gate.report import disabled_check, limit_check, unlimited_check

REPORT = GateReport(
    checks=(
        limit_check("good", 1.0, 2.0),
        limit_check(
            "undefined", float("nan"), 1.0, "at least", group="Slices", detail="nothing was there", remedy="get more"
        ),
        unlimited_check("told", None, group="Slices", detail="only told"),
        disabled_check("not made", group="Seeds"),
    )
)


def test_only_failed_checks_stop_a_model() -> None:
    """Unlimited and disabled checks are in the report and do not decide."""
    assert [check.name for check in REPORT.limited_checks] == ["good", "undefined"]
    assert not REPORT.passed
    assert GateReport(checks=(REPORT.checks[0], *REPORT.checks[2:])).passed


def test_report_is_json_that_every_reader_takes() -> None:
    """NaN is written as a string, and the report comes back as it was, but for NaN that equals nothing."""
    text = REPORT.model_dump_json()
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not valid JSON"))
    back = GateReport.model_validate_json(text)
    assert back.rows() == REPORT.rows()
    assert back.model_dump_json() == text


def test_complaint_says_what_was_found_and_what_to_do() -> None:
    """A check with a story tells it; one without a limit tells nothing else."""
    with pytest.raises(GateError, match=r"undefined: expected at least 1, got undefined; nothing was there; get more"):
        REPORT.require()
    bare = Check(name="champion.comparable", verdict="failed", detail="it answers something else", remedy="keep it")
    with pytest.raises(GateError, match=r"champion\.comparable: it answers something else; keep it"):
        GateReport(checks=(bare,)).require()


def test_rows_have_empty_cells_where_there_is_nothing() -> None:
    """A check without value and limit does not show a zero."""
    assert REPORT.rows()[2:] == [("told", "", "", "shown"), ("not made", "", "", "off")]
