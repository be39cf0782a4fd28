"""The cost of export and proof."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.ensemble import AdaBoostClassifier

from benchmarks import export_cost


def test_a_model_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All results exist, the peak of memory never decreases, and the picture is written."""
    monkeypatch.setattr(export_cost, "FIT_ROWS", 200)
    monkeypatch.setattr(export_cost, "TEST_ROWS", 60)
    figures = export_cost.measure("binary", lambda: AdaBoostClassifier(n_estimators=3))
    assert figures["rows"] > 60
    assert figures["graph_mib"] >= 0
    assert figures["fitted_peak_mib"] <= figures["export_peak_mib"] <= figures["proof_peak_mib"]
    export_cost.draw({"small": figures}, tmp_path / "cost.png")
    assert (tmp_path / "cost.png").stat().st_size > 1000
