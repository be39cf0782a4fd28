"""The table of the faults of rollouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.document_table import write_between
from benchmarks.process import BenchmarkError
from benchmarks.rollout_faults.table import BEGIN, END, TEXT_LIMIT, markdown, recovery, shorten

RESULT = {
    "title": "one flipped byte",
    "reason": f"model.onnx in /tmp/rollout-faults-a1_/b/v1 was changed: expected {'0a' * 32}, 127.0.0.1:4711 | x",
    "health": "",
    "metrics": ['fetches{source="local"} 1', "a 1", "b 2"],
    "answered": 1234,
    "wrong": 0,
    "foreign": 1,
    "errors": {"503": 2},
    "end_s": None,
    "recovered_s": 0.25,
    "failed": ["requests failed"],
}


def test_a_fault_has_a_row_and_its_failures() -> None:
    """A row has no folder, checksum or port of one run, and every expectation that was not met has a row of its own."""
    row, failure = markdown({"faults": [RESULT]}).splitlines()[2:]
    assert "model.onnx in v1 was changed: expected …, 127.0.0.1 \\| x" in row
    assert "| healthy | `a 1`<br>`b 2` | 1,234, 0, 1 | 2 503 | 0.2 s |" in row
    assert failure.startswith("| **failed**: requests failed |")


def test_a_service_that_ended_has_both_times() -> None:
    """The time until its last process ended is told beside the start of the next service."""
    assert recovery(9.64, 2.31) == "ended in 2.3 s, next answer after 9.6 s"
    assert recovery(None, None) == "–"


def test_a_long_text_is_cut() -> None:
    """A cell has at most so many characters."""
    assert len(shorten("a " * TEXT_LIMIT)) <= TEXT_LIMIT


def test_the_table_replaces_the_former_one(tmp_path: Path) -> None:
    """Only the text between the markers changes; a document without markers is an error."""
    document = tmp_path / "faults.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_between(document, BEGIN, END, "new")
    assert document.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    document.write_text("no markers", encoding="utf-8")
    with pytest.raises(BenchmarkError, match=r"expected .* in faults\.md, got none"):
        write_between(document, BEGIN, END, "new")
