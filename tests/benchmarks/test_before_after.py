"""Another commit is written to a folder, and a table shows both commits' rates."""

from __future__ import annotations

import pytest

from benchmarks.before_after import checkout_of, markdown
from benchmarks.process import ROOT, BenchmarkError


def test_another_commit_is_written_to_a_folder() -> None:
    """The folder has the files of the commit during the block, and is deleted afterwards."""
    if not (ROOT / ".git").exists():
        pytest.skip("this folder is not a git checkout")
    with checkout_of("HEAD") as folder:
        assert (folder / "service.py").exists()
    assert not folder.exists()


def test_an_unknown_commit_is_refused() -> None:
    """The error has git's message."""
    with pytest.raises(BenchmarkError, match="git cannot archive 'no-such-commit'"), checkout_of("no-such-commit"):
        pass


def test_the_table_has_rates_ratios_and_shares() -> None:
    """A void run is marked as void."""
    results = {
        "models": [
            {
                "model": "california",
                "slo_ms": 10.0,
                "before": "abc",
                "servers": {"before": {"qps": 20000.0}, "after": {"qps": 19900.0}},
                "ratio": {"median": 0.995, "low": 0.98, "high": 1.01},
                "cpu_us": {"before": [20.0, 19.5, 21.0], "after": [20.1, 19.6, 21.0]},
                "overload": [
                    {"factor": 1.5, "connections": 256, "before": [0.8, 0.7, 0.9], "after": [0.84, 0.8, 0.9]},
                    {"factor": 3.0, "connections": 256, "before": None, "after": [0.5, 0.4, 0.6]},
                ],
            }
        ]
    }
    text = markdown(results)
    assert "| rate held | 20,000 | 19,900 | **0.995** (0.980 to 1.010) |" in text
    assert (
        "| processor time of a request at half of that, µs | 20.0 (19.5 to 21.0) | 20.1 (19.6 to 21.0) | 1.005 |"
        in text
    )
    assert "| 1.5 times, 256 connections, in time | 0.8 (0.7 to 0.9) | 0.84 (0.8 to 0.9) | 1.05 |" in text
    assert "| 3 times, 256 connections, in time | void | 0.5 (0.4 to 0.6) |  |" in text
