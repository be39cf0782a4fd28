"""The measurement of feedback finds equal figures on a small number of rows."""

from __future__ import annotations

from pathlib import Path

from benchmarks.feedback import run


def test_a_small_run_is_exact(tmp_path: Path) -> None:
    """Late, repeated, corrected and unknown truths give the figures of the files, to the last digit."""
    figures = run(3000, tmp_path)
    assert figures["checks"] == dict.fromkeys(figures["checks"], True)
    assert min(figures[name] for name in ("duplicates", "corrections", "outdated", "joined later", "unknown ids")) > 0
