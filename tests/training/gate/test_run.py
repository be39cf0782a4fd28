"""One report holds every check, is written before anybody asks for the verdict, and can be looked through."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.training.gate.gates import orchard_given, seedling_given, stored_champion, timed, with_gate
from training.errors import GateError
from training.gate import GateReport, run_gate
from training.progress import silence

EVERYTHING = {
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


def test_everything_is_checked_and_shown(tmp_path: Path, model_store: Path) -> None:
    """A good model passes each kind of check; report, figures and pictures lie in the folder."""
    folder = tmp_path / "report"
    folder.mkdir()
    tag = stored_champion(orchard_given())
    assert (model_store / "models").is_dir()
    given = dataclasses.replace(with_gate(orchard_given(), **EVERYTHING), champion_tag=tag, folder=folder)
    report = run_gate(given, silence())
    report.require()
    assert {check.verdict for check in report.checks} == {"passed", "shown", "off"}
    groups = {check.group for check in report.checks}
    assert groups == {
        *("Limits", "Against the champion", "Calibration", "Slices"),
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
    limits = {**EVERYTHING, "metrics": {"r2": {"at_least": 0.9999}}, "batch_p99_us_max": 1}
    report = run_gate(dataclasses.replace(with_gate(orchard_given(), **limits), folder=tmp_path), silence())
    with pytest.raises(GateError, match=r"fails 2 of \d+ checks[\s\S]*metrics\.r2[\s\S]*batch_p99_us_max") as told:
        report.require()
    assert "improve features or estimator" in str(told.value)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Failed: 2 of" in page
    assert "What to do: " in page
    assert "FAILED" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_what_is_off_is_listed_as_off() -> None:
    """Whoever reads the report sees what was not looked at; without a folder nothing is written."""
    report = run_gate(with_gate(orchard_given(), **OFF), silence())
    off = {check.name for check in report.checks if check.verdict == "off"}
    assert off == {
        *("metrics", "champion", "slices", "leakage", "seeds", "calibration"),
        *("single_row_p99_us_max", "ten_rows_p95_us_max", "batch_p99_us_max", "model_mib_max"),
    }


def test_times_stand_beside_each_other() -> None:
    """One row, ten rows and 32 rows each have their mean, median, 95% and 99% quantile in the report."""
    checks = {check.name: check for check in run_gate(with_gate(orchard_given(), **OFF), silence()).checks}
    for size in ("single_row", "ten_rows", "batch"):
        for figure in ("mean", "p50", "p95", "p99"):
            assert checks[f"{size}_{figure}_us"].verdict == "shown"
    assert checks["ten_rows_p95_us"].value == 45
    assert checks["ten_rows_mean_us"].value == 41


def test_undecided_time_is_on_every_page(tmp_path: Path) -> None:
    """A limit that could not be judged passes the model, and no page hides it."""
    given = dataclasses.replace(with_gate(orchard_given(), **{**OFF, "single_row_p99_us_max": 300}), folder=tmp_path)
    report = run_gate(dataclasses.replace(given, latency=timed(400, busy=True)), silence())
    report.require()
    for page in ("report.html", "report.md"):
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert "Not judged, because the machine was busy: single_row_p99_us_max." in text
        assert "measure again when less is running" in text
    assert "700 discarded as disturbed" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_classification_has_its_calibration(tmp_path: Path) -> None:
    """The reliability of its probabilities is drawn, and its figures are in the report."""
    given = with_gate(seedling_given(), calibration={"brier_max": 0.25, "ece_max": 0.2}, slices={"rows_min": 20})
    report = run_gate(dataclasses.replace(given, folder=tmp_path), silence())
    report.require()
    assert report.calibration is not None
    assert (tmp_path / "reliability.png").stat().st_size > 10_000


def test_two_gates_say_the_same() -> None:
    """Everything random takes the config's seed."""
    given = with_gate(seedling_given(), seeds={"seeds": [1, 2]})
    assert run_gate(given, silence()) == run_gate(given, silence())


def test_names_from_data_cannot_break_the_page(tmp_path: Path) -> None:
    """A category with markup in its name is shown as text."""
    given = orchard_given()
    wild = "<script>|x"
    test = given.test.assign(soil=given.test["soil"].where(given.test["soil"] != "peat", wild))
    report = run_gate(
        dataclasses.replace(with_gate(given, slices={"rows_min": 1}), test=test, folder=tmp_path), silence()
    )
    assert any(item.part == wild for item in report.slices)
    assert "<script>" not in (tmp_path / "report.html").read_text(encoding="utf-8")
