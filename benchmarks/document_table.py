"""The part of a document that a benchmark writes: the lines between two markers."""

from __future__ import annotations

from pathlib import Path

from benchmarks.process import BenchmarkError


def write_between(document: Path, begin: str, end: str, text: str) -> None:
    """Put a text between the markers of a document.

    Raises:
        BenchmarkError: the document has no markers.
    """
    before, found_begin, remainder = document.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = remainder.partition(end)
    if not found_begin or not found_end:
        raise BenchmarkError(
            f"expected {begin} and {end} in {document.name}, got none: put them where the tables belong"
        )
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
