"""The judge's document: an error is listed with its row."""

from __future__ import annotations

from pathlib import Path

from benchmarks.judge.judgement import OUTCOMES, Finding, Judgement, Result
from benchmarks.judge.report import MEANINGS, document, fault_words, summary

FINDING = Finding(kind="label", rows="boundary", row={"size": 5.7}, expected=[1.0], got=[2.0])
WRONG = Judgement(rows=100, kinds={"plain": 100}, differing=3, asked_again=3, wrong=2, raises=1, findings=(FINDING,))
RESULTS = [
    Result(
        name="a: tree", group="a", outcome="equal", judgement=Judgement(rows=50, kinds={"plain": 50}), classes=("PCA",)
    ),
    Result(name="a: neighbours | ties", group="a", outcome="LIE", judgement=WRONG),
    Result(name="b: own", group="b", outcome="refused", words="step 'own' cannot be exported exactly: x", step="own"),
    Result(name="b: fault", group="b", outcome="raw error", words="TypeError: sparse"),
]


def test_the_summary_counts_pipelines_and_rows() -> None:
    """The summary contains the count of every outcome, and the line of the fifty steps."""
    text = summary(RESULTS)
    assert text.startswith("4 pipelines: 1 equal, 0 knife edge, 1 LIE, 1 refused, 0 not proven, 1 raw error, 0 skipped")
    assert "150 rows compared" in text
    assert "proven: 1 of 50" in text


def test_a_wrong_pipeline_is_listed_with_its_row() -> None:
    """The text of a wrong pipeline contains the row and both answers."""
    words = fault_words(RESULTS[1])
    assert "2 wrong of 3 asked again" in words
    assert "1 answered though scikit-learn raises" in words
    assert "{'size': 5.7}: [1.0] against [2.0]" in words


def test_the_document_has_a_line_for_each_pipeline(tmp_path: Path) -> None:
    """A bar in a name does not break the table, and every outcome is explained."""
    text = document(RESULTS, tmp_path / "images" / "judge.png", 627)
    assert "4 of the catalogue's 627 pipelines" in text
    assert (tmp_path / "images" / "judge.png").exists()
    for name in ("a: tree", "a: neighbours \\| ties", "b: own", "b: fault"):
        assert f"| {name} |" in text
    assert set(MEANINGS) == set(OUTCOMES)
    assert "| a | 2 | 1 | 0 | 1 |" in text
