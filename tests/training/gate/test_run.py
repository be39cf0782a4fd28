"""One report holds every check, is written before its result is evaluated, and is readable."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.training.gate.gates import latency_table, orchard_gate_input, seedling_gate_input, stored_champion, with_gate
from training.errors import GateError
from training.gate import GateInput, GateReport, run_gate
from training.progress import silence
from training.report.gate.pages import write_report

ALL_CHECKS = {
    "metrics": {"rmse": {"at_most": 1e6}, "r2": {"at_least": 0.1}},
    "slices": {"rows_min": 20, "worse_max": 50},
    "batch_p99_us_max": 1000,
    "invariances": [{"feature": "pruned", "changes": [True, False], "relative_max": 5.0}],
    "directions": [{"feature": "age", "add": 10, "answer": "rises", "share_min": 0.1}],
    "seeds": {"seeds": [1, 2], "spread_max": 5.0},
}
OFF = {
    "slices": None,
    "leakage": None,
    "champion": None,
    "single_row_p99_us_max": None,
    "model_mib_max": None,
}


def _run_and_write(gate_input: GateInput, folder: Path) -> GateReport:
    """Run the gate and write its report, as the stage ``gate`` does."""
    report = run_gate(gate_input, silence())
    write_report(gate_input.config, report, folder, gate_input.latency)
    return report


def test_everything_is_checked_and_shown(tmp_path: Path, model_store: Path) -> None:
    """A good model passes each kind of check; the folder has the report, the results and the pictures."""
    folder = tmp_path / "report"
    folder.mkdir()
    tag = stored_champion(orchard_gate_input())
    assert (model_store / "models").is_dir()
    gate_input = dataclasses.replace(with_gate(orchard_gate_input(), **ALL_CHECKS), champion_tag=tag)
    report = _run_and_write(gate_input, folder)
    report.require()
    assert {check.verdict for check in report.checks} == {"passed", "shown", "off"}
    groups = {check.group for check in report.checks}
    assert groups == {
        *("Limits", "Against the champion", "Calibration", "Slices", "Coverage"),
        *("Methods", "Leakage", "Seeds", "Behaviour"),
    }
    assert {path.name for path in folder.iterdir()} == {
        *("gate.json", "report.html", "report.md", "champion.png", "slices.png")
    }
    assert GateReport.model_validate_json((folder / "gate.json").read_bytes()) == report
    page = (folder / "report.html").read_text(encoding="utf-8")
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    for check in report.checks:
        assert check.name in page
        assert f"| {check.name} |" in markdown
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_failed_gate_is_written_down_first(tmp_path: Path) -> None:
    """Every failed check is named with what to do, in the error and in the report."""
    limits = {**ALL_CHECKS, "metrics": {"r2": {"at_least": 0.9999}}, "batch_p99_us_max": 1}
    report = _run_and_write(with_gate(orchard_gate_input(), **limits), tmp_path)
    with pytest.raises(GateError, match=r"fails 2 of \d+ checks[\s\S]*metrics\.r2[\s\S]*batch_p99_us_max") as error:
        report.require()
    assert "improve features or estimator" in str(error.value)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Failed: 2 of" in page
    assert "Remedy: " in page
    assert "FAILED" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_what_is_off_is_listed_as_off() -> None:
    """The report lists the disabled checks."""
    report = run_gate(with_gate(orchard_gate_input(), **OFF), silence())
    off = {check.name for check in report.checks if check.verdict == "off"}
    assert off == {
        *("metrics", "coverage", "champion", "slices", "leakage", "seeds", "calibration"),
        *("single_row_p99_us_max", "ten_rows_p95_us_max", "batch_p99_us_max", "model_mib_max"),
    }


def test_times_stand_beside_each_other() -> None:
    """One row, ten rows and 32 rows each have their mean, median, 95% and 99% quantile in the report."""
    checks = {check.name: check for check in run_gate(with_gate(orchard_gate_input(), **OFF), silence()).checks}
    for size in ("single_row", "ten_rows", "batch"):
        for figure in ("mean", "p50", "p95", "p99"):
            assert checks[f"{size}_{figure}_us"].verdict == "shown"
    assert checks["ten_rows_p95_us"].value == 45
    assert checks["ten_rows_mean_us"].value == 41


def test_undecided_time_is_on_every_page(tmp_path: Path) -> None:
    """A limit that could not be judged passes the model, and no page hides it."""
    gate_input = with_gate(orchard_gate_input(), **{**OFF, "single_row_p99_us_max": 300})
    report = _run_and_write(dataclasses.replace(gate_input, latency=latency_table(400, busy=True)), tmp_path)
    report.require()
    for page in ("report.html", "report.md"):
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert "Not checked against a limit, because the computer was busy: single_row_p99_us_max." in text
        assert "measure again when the computer is less busy" in text
    assert "700 discarded as disturbed" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_classification_has_its_calibration(tmp_path: Path) -> None:
    """The reliability of its probabilities is drawn, and its figures are in the report."""
    gate_input = with_gate(
        seedling_gate_input(), calibration={"brier_max": 0.25, "ece_max": 0.2}, slices={"rows_min": 20}
    )
    report = _run_and_write(gate_input, tmp_path)
    report.require()
    assert report.calibration is not None
    assert (tmp_path / "reliability.png").stat().st_size > 10_000


def test_two_gates_say_the_same() -> None:
    """Everything random takes the config's seed."""
    gate_input = with_gate(seedling_gate_input(), seeds={"seeds": [1, 2]})
    assert run_gate(gate_input, silence()) == run_gate(gate_input, silence())


def test_names_from_data_cannot_break_the_page(tmp_path: Path) -> None:
    """A category with markup in its name is shown as text."""
    gate_input = orchard_gate_input()
    wild = "<script>|x"
    test = gate_input.test.assign(soil=gate_input.test["soil"].where(gate_input.test["soil"] != "peat", wild))
    report = _run_and_write(dataclasses.replace(with_gate(gate_input, slices={"rows_min": 1}), test=test), tmp_path)
    assert any(item.part == wild for item in report.slices)
    assert "<script>" not in (tmp_path / "report.html").read_text(encoding="utf-8")
