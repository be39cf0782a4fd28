"""What the JSON file of an evaluation holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.evaluation.report import EvaluationReport, Figure


def test_file_gives_the_report_back(report: EvaluationReport, folder: Path) -> None:
    """The JSON file is the whole report, to the last digit."""
    assert EvaluationReport.model_validate_json((folder / "evaluation.json").read_text(encoding="utf-8")) == report


def test_figure_keeps_every_fold() -> None:
    """A figure is the mean of its folds inside its interval, and keeps the folds."""
    figure = Figure.over((1.0, 2.0, 6.0), folds=3)
    assert figure.folds == (1.0, 2.0, 6.0)
    assert figure.mean == 3.0
    assert figure.low < figure.mean < figure.high


def test_single_value_is_no_figure() -> None:
    """One fold says nothing about spread."""
    with pytest.raises(ValueError, match="at least two"):
        Figure.over((1.0,), folds=2)
