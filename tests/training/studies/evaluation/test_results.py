"""What the JSON file of an evaluation holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.studies.evaluation.results import EvaluationReport, FoldMetric


def test_file_gives_the_report_back(report: EvaluationReport, folder: Path) -> None:
    """The JSON file is the whole report, to the last digit."""
    assert EvaluationReport.model_validate_json((folder / "evaluation.json").read_text(encoding="utf-8")) == report


def test_metric_keeps_every_fold() -> None:
    """A metric has the mean of its folds inside its interval, and the values of the folds."""
    figure = FoldMetric.over((1.0, 2.0, 6.0), folds=3)
    assert figure.folds == (1.0, 2.0, 6.0)
    assert figure.mean == 3.0
    assert figure.low < figure.mean < figure.high


def test_single_value_is_refused() -> None:
    """A single fold is refused, because it has no spread."""
    with pytest.raises(ValueError, match="at least two"):
        FoldMetric.over((1.0,), folds=2)
