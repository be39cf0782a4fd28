"""The results of several models are written after each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.model_results import measure_models
from benchmarks.process import BenchmarkError


def test_results_are_written_after_each_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that cannot be measured ends the benchmark with 1, and the figures of the others stay."""

    def measure(name: str) -> dict[str, Any]:
        if name == "broken":
            raise BenchmarkError("it does not start")
        return {"model": name}

    def markdown(results: Any) -> str:
        return ", ".join(model["model"] for model in results["models"])

    path = tmp_path / "new" / "results.json"
    assert measure_models(["a", "b"], path, measure, markdown) == 0
    assert capsys.readouterr().out == "a, b"
    assert measure_models(["c", "broken"], path, measure, markdown) == 1
    assert capsys.readouterr().err.endswith("error: it does not start\n")
    assert [model["model"] for model in json.loads(path.read_text())["models"]] == ["c"]
