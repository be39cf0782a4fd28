"""The comparison of a day writes its table, its picture and its JSON, or an error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.capacity import day
from benchmarks.capacity.cluster import Course
from benchmarks.capacity.day import BEGIN, END, main, summary
from benchmarks.capacity.day_picture import per_minute, zoom
from benchmarks.capacity.figures import write_figures
from benchmarks.capacity.guide import EXAMPLES_BEGIN, EXAMPLES_END, LOAD_BEGIN, LOAD_END
from tests.benchmarks.capacity.service_figures import service_figures


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Return options for a trace of twenty minutes with a burst."""
    write_figures(service_figures(), tmp_path / "figures.json")
    lines = [
        "start_s,requests",
        *(f"{60 * minute},{60 * (6_000 if minute in (8, 9) else 900)}" for minute in range(20)),
    ]
    (tmp_path / "trace.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    paths = ["--figures", "figures.json", "--trace", "trace.csv", "--folder", "."]
    return [str(tmp_path / word) if not word.startswith("--") else word for word in paths]


def test_a_recorded_day(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Table, JSON, picture and document have the same figures; more replicas answer more requests in time."""
    document = tmp_path / "guide.md"
    markers = (BEGIN, END, LOAD_BEGIN, LOAD_END, EXAMPLES_BEGIN, EXAMPLES_END)
    document.write_text("\n".join(["Before", *markers, "After"]), encoding="utf-8")
    monkeypatch.setattr(day, "draw_load", lambda *_: None)  # it has a test of its own
    assert main([*arguments, "--price-per-core-hour", "0.04", "--document", str(document)]) == 0
    table = capsys.readouterr().out.strip()
    text = document.read_text(encoding="utf-8")
    assert table in text
    assert "**1,000 requests/s** at p99 ≤ 95 ms" in text
    assert "| 1,000 requests/s, p99 < 100 ms, 99.9% | `--rate 1000" in text
    assert text.count("](../benchmarks/results/capacity") == 2
    assert text.startswith("Before")
    assert text.endswith("After")
    assert "trace.csv: 1,69" in table
    results = json.loads((tmp_path / "capacity_day.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in results["strategies"]}
    assert rows["fixed_peak"]["in_time_share"] == 1
    assert rows["fixed_rhythm"]["in_time_share"] < rows["requests_quick"]["in_time_share"] < 1
    assert rows["fixed_peak"]["cost"] == pytest.approx(rows["fixed_peak"]["core_hours"] * 0.04, abs=0.01)
    assert (tmp_path / "capacity_day.png").read_bytes().startswith(b"\x89PNG")


def test_without_admission_answers_are_late(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    """Replicas that queue without a bound refuse nothing and answer late."""
    monkeypatch.setattr(day, "draw_day", lambda *_: None)
    monkeypatch.setattr(day, "draw_load", lambda *_: None)
    assert main([*arguments, "--without-admission"]) == 0
    rows = json.loads((tmp_path / "capacity_day.json").read_text(encoding="utf-8"))["strategies"]
    assert all(row["refused"] == 0 for row in rows)
    assert max(row["late"] for row in rows) > 0


def test_missing_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a measurement the command ends with status 1 and names the remedy."""
    assert main(["--figures", str(tmp_path / "none.json"), "--folder", str(tmp_path)]) == 1
    assert "tabento capacity --save" in capsys.readouterr().err


def test_the_worst_minute() -> None:
    """The summary finds the minute with the largest share of refused requests."""
    course = Course.of_length(np.full(180, 10))
    course.answered[:] = 10.0
    course.answered[60:120], course.refused[60:120] = 4.0, 6.0
    course.running[:] = 2
    figures = summary(course)
    assert figures["worst_minute_share"] == pytest.approx(0.6)
    assert (figures["bad_seconds"], figures["refused"], figures["core_hours"]) == (60, 360, 0.1)
    assert summary(Course.of_length(np.full(5, 10)))["worst_minute_share"] == 0


def test_the_picture_shows_the_steepest_rise() -> None:
    """The zoom begins before the rise; means of minutes include a short last one."""
    rates = np.repeat([1.0, 9.0], [1_000, 1_000])
    begin, end = zoom(rates)
    assert begin < 1_000 < end
    assert zoom(np.ones(1)) == (0, 1)
    assert per_minute(np.repeat([1.0, 3.0], [60, 30])).tolist() == [1, 3]
