"""The first row as a client sends it, and how figures are replace_table."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.first_steps.__main__ import BEGIN, END, main, markdown, replace_table
from benchmarks.first_steps.steps import FirstSteps, first_row

STEPS = FirstSteps("telco", 7_043, 21, "make serve DATA=telco.csv TARGET=Churn", 0, 1, 1.0, 20.0, 4.25, "No")


def test_first_row_is_sent_as_it_stands(tmp_path: Path) -> None:
    """Numbers are numbers, missing texts and truth words stay, and cells without a feature are omitted."""
    (tmp_path / "rows.csv").write_text("a,b,c,id\n1.5, ,Yes,x\n", encoding="utf-8")
    features = "[{name: a, type: number}, {name: b, type: integer, missing: [' ']}, {name: c, type: boolean}]"
    (tmp_path / "c.yaml").write_text(f"features: {features}\n", encoding="utf-8")
    assert first_row(tmp_path / "rows.csv", tmp_path / "c.yaml") == ({"a": 1.5, "b": " ", "c": "Yes"}, 4)


def test_figures_are_published_between_their_marks() -> None:
    """The rest of the document stays; a document without marks is an error."""
    text = markdown([STEPS], "a machine")
    assert '| telco, 7,043 × 21 | `make serve DATA=telco.csv TARGET=Churn` | 0 | 1 | 1.0 s | 20.0 s | 4.2 s | 25.2 s | `"No"` |' in text  # fmt: skip
    assert replace_table(f"a\n{BEGIN}\nold\n{END}\nb", text) == f"a\n{BEGIN}\n{text}\n{END}\nb"
    with pytest.raises(ValueError, match="expected <!-- first_steps: begin -->"):
        replace_table("a", text)


def test_unknown_table_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is trained."""
    with pytest.raises(SystemExit):
        main(["iris"])
    assert "expected some of telco, titanic, ames, adult, bank, taxi, got iris" in capsys.readouterr().err
