"""The faults of a service under siege, and their report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.siege.report import draw, markdown
from benchmarks.siege.verdict import faults, slower


def _round(name: str, *kinds: str, **changes: Any) -> dict[str, Any]:
    entry = {
        "name": name,
        "kinds": list(kinds),
        "seconds": 2.0,
        "requests": 1_000,
        **dict.fromkeys(("refused", "wrong", "lost", "hung"), 0),
        "p50_ms": 0.2,
        "p99_ms": 1.0,
        "core_share": 0.3,
        "in_flight": 0.0,
        "rss_mib": 130.0,
        "outcomes": {kind: {"answered": 10} for kind in kinds},
    }
    return entry | changes


def _results(*rounds: dict[str, Any], **changes: Any) -> dict[str, Any]:
    results = {
        "command": "python -m benchmarks.siege --minutes 1",
        "machine": {"cpu": "a core", "cores": 2, "python": "3.11"},
        "measured_at": "2026-01-01T00:00:00+00:00",
        "minutes": 1.0,
        "seed": 1,
        "clients": 24,
        "baseline": {"p50_ms": 0.2, "p99_ms": 1.0},
        "refused_share": 0.0,
        "growth_mib": 1.0,
        "watchdog": 0.0,
        "stop": {"seconds": 3.0, "bound_s": 34.0, "connections": 50.0},
        "rounds": [_round("no attackers"), *rounds],
    }
    return results | changes


def test_a_service_that_holds_has_no_fault(tmp_path: Path) -> None:
    """The table has no fault and lists each round with its attackers' outcomes; the picture is written."""
    results = _results(_round("flood", "flood", outcomes={"flood": {"answered": 12_345, "closed": 2}}))
    assert faults(results) == []
    table = markdown(results)
    assert "**No fault.**" in table
    assert "| flood | 0.20 | 1.00 | 0.00% | 0, 0, 0 | 30% | 0 | 130 | 12,345 answered, 2 closed |" in table
    draw(results, tmp_path / "siege.png")
    assert (tmp_path / "siege.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("results", "text"),
    [
        (_results(_round("flood", "flood", hung=2)), "flood: 2 requests of good clients hung"),
        (_results(_round("flood", "flood", wrong=1)), "1 requests of good clients wrong"),
        (_results(_round("flood", "flood", lost=3)), "3 requests of good clients lost"),
        (_results(_round("flood", "flood", in_flight=19.0)), "19 requests in flight"),
        (_results(_round("flood", "flood", core_share=None)), "worker process was replaced"),
        (_results(_round("flood", "flood", outcomes={"flood": {"swallowed": 4}})), "4 attempts of flood swallowed"),
        (_results(refused_share=0.02), "2.00% of the good clients' requests were refused"),
        (_results(growth_mib=20.5), "memory grew by 20.5 MiB"),
        (_results(watchdog=1.0), "the watchdog answered 1 requests"),
        (_results(stop={"seconds": None, "bound_s": 34.0, "connections": None}), "still there 68 s after SIGTERM"),
        (_results(stop={"seconds": 40.0, "bound_s": 34.0, "connections": None}), "ended 40 s after SIGTERM"),
    ],
)
def test_each_shortfall_is_a_fault(results: dict[str, Any], text: str) -> None:
    """The fault is named with the expected value, and the table has it."""
    (line,) = faults(results)
    assert text in line
    assert line in markdown(results)


def test_a_slow_round_is_shown_and_no_fault() -> None:
    """A p99 beyond twice the quiet one is listed if the core was free, and only then."""
    slow = _round("flood", "flood", p99_ms=2.5)
    full = _round("churn", "churn", p99_ms=2.5, core_share=0.95)
    results = _results(slow, full, _round("half_head", "half_head", p99_ms=None, p50_ms=None))
    (line,) = slower(results)
    assert line.startswith("flood: p99 2.50 ms is 2.5 times the 1.00 ms without attackers, with 30% of the core taken")
    assert faults(results) == []
    assert line in markdown(results)
