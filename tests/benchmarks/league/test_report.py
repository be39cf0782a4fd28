"""The league's table and picture."""

from __future__ import annotations

from pathlib import Path

from benchmarks.league.report import document, draw, speed_ratio, table
from benchmarks.league.result import Outcome

RESULTS = {
    "Tabento": [Outcome(case="a", family="f", rows=10, exact=True), Outcome(case="b", family="f", rows=10, exact=True)],
    "other": [
        Outcome(
            case="a", family="f", rows=10, worst=0.5, flips=3, noticed=0.3, noticed_plain=0.1, whole=False,
            us_1=8.0, tabento_us_1=2.0, us_100=1.0, tabento_us_100=4.0,
        ),
        Outcome(case="b", family="f", refused="it takes | numbers only"),
    ],
}  # fmt: skip


def test_the_table_counts() -> None:
    """The line of a contestant contains the numbers of refused, exact and wrong pipelines, and the speeds."""
    lines = table(RESULTS, {"other": "other 1.0"}).splitlines()
    assert "| Tabento |  | whole pipelines | 0, 0 of them after it converted | 2 (100%) | 0 · 0 of 2 |" in lines[2]
    assert (
        "| other | other 1.0 | the last estimator | 1, 0 of them after it converted | 0 (0%) | 1 · 1 of 1 |" in lines[3]
    )
    assert lines[3].endswith("| 5.0e-01 | 3 | 4.00 · 0.25 |")


def test_no_speed_without_times() -> None:
    """Without measured times the ratio is None."""
    assert speed_ratio(RESULTS["Tabento"], 1) is None


def test_document_and_picture(tmp_path: Path) -> None:
    """The document contains the table and the reasons, and the picture is written."""
    text = document(RESULTS, {}, "Measured here.")
    assert "**other**: 1 × it takes / numbers only" in text
    assert "Measured here." in text
    draw(RESULTS, tmp_path / "league.png")
    assert (tmp_path / "league.png").stat().st_size > 1000
