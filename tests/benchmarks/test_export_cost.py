"""What export and proof cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.ensemble import AdaBoostClassifier

from benchmarks import export_cost


def test_a_model_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every figure is there, memory never falls, and the picture is drawn."""
    monkeypatch.setattr(export_cost, "FIT_ROWS", 200)
    monkeypatch.setattr(export_cost, "TEST_ROWS", 60)
    found = export_cost.measure("binary", lambda: AdaBoostClassifier(n_estimators=3))
    assert found["rows"] > 60
    assert found["graph_mib"] >= 0
    assert found["fitted_peak_mib"] <= found["export_peak_mib"] <= found["proof_peak_mib"]
    export_cost.draw({"small": found}, tmp_path / "cost.png")
    assert (tmp_path / "cost.png").stat().st_size > 1000
