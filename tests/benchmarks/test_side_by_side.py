"""The report of servers that were measured in turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.side_by_side import _figures, draw, markdown


def _run(goodput: float, p99: float | None, valid: bool = True) -> dict[str, Any]:
    accepted = None if p99 is None else {"p50": p99 / 4, "p99": p99}
    return {"valid": valid, "goodput_share": goodput, "accepted_ms": accepted, "refused_ms": None}


def _results() -> dict[str, Any]:
    stair: dict[str, Any] = {
        "qps": 2_000.0,
        "quartiles": [1_900.0, 2_100.0],
        "rates": [1_000.0, 2_000.0],
        "outcomes": [True, None],
    }
    stair["slo_ms"] = 10.0
    return {
        "models": [
            {
                "model": "oak",
                "slo_ms": 10.0,
                "servers": {
                    "tabento": stair,
                    "constant": {**stair, "qps": 4_000.0},
                    "bentoml_batch": {**stair, "qps": 50.0, "slo_ms": 100.0},
                },
                "ratios": {"constant": {"median": 0.5, "low": 0.45, "high": 0.55}},
                "half": _figures([_run(0.5, 1.0)]),
                "overload": [{"factor": 1.5, "connections": 1000} | _figures([_run(0.9, 8.0), _run(0.7, 9.0)])],
            }
        ]
    }


def test_figures_are_medians_and_ranges_of_valid_runs() -> None:
    """A void run is counted and excluded; a value that no run has is missing."""
    figures = _figures([_run(0.9, 8.0), _run(0.1, 100.0, valid=False), _run(0.7, None), _run(0.8, 6.0)])
    assert figures["runs"] == 3
    assert figures["void"] == 1
    assert figures["goodput_share"] == [0.8, 0.7, 0.9]
    assert figures["accepted_p99_ms"] == [7.0, 6.0, 8.0]
    assert "refused_p99_ms" not in figures


def test_the_tables_have_rates_ratios_and_what_is_left_under_more() -> None:
    """Each server has a row with the ratio of Tabento's rate to its rate; each overload has a row."""
    text = markdown(_results())
    assert "| constant answer (limit) | 4,000 | 1,900 to 2,100 | 0.50 times (0.45 to 0.55) |" in text
    assert "p99 ≤ 100 ms | 50 | 1,900 to 2,100 |  |" in text
    assert "| 1.5 times, 1,000 connections | 0.8 (0.7 to 0.9) | 8.5 (8 to 9) |  |" in text


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    """A PNG with a panel for each model."""
    draw(_results(), tmp_path / "side_by_side.png")
    assert (tmp_path / "side_by_side.png").read_bytes().startswith(b"\x89PNG")
