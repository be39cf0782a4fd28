"""The table of feature costs has rates, their ratio and the cost of each feature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.feature_costs import draw, markdown
from benchmarks.guard_costs import VARIANTS

RESULTS: dict[str, Any] = {
    "models": [
        {
            "model": "california",
            "slo_ms": 10.0,
            "servers": {"off": {"qps": 20000.0}, "all": {"qps": 19000.0}},
            "ratio": {"median": 0.95, "low": 0.94, "high": 0.96},
            "cpu_us": {"off": [20.0, 19.5, 21.0], "all": [21.5, 21.0, 22.0], "keys": [20.75, 20.5, 21.0]},
        }
    ]
}


def test_the_tables_have_rates_and_costs() -> None:
    """The cost of a feature is the difference of the medians."""
    text = markdown(RESULTS, VARIANTS)
    assert "| keys, limits, metrics and security headers on | 19,000 | **0.950** (0.940 to 0.960) | - |" in text
    assert "| all of them off | 20.0 (19.5 to 21.0) |  |" in text
    assert "| API keys | 20.8 (20.5 to 21.0) | +0.8 |" in text


def test_the_costs_are_drawn(tmp_path: Path) -> None:
    """The picture is a PNG file."""
    draw(RESULTS, tmp_path / "costs.png", VARIANTS)
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_every_variant_has_its_own_title() -> None:
    """Titles are the labels of the picture."""
    assert len({variant.title for variant in VARIANTS.values()}) == len(VARIANTS)
