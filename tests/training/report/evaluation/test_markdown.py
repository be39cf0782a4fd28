"""The page of an evaluation says what a person needs to judge the figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.orchards import orchard_config
from training.config import ModelConfig
from training.report.evaluation.markdown import format_metric, metric_label, render_evaluation
from training.studies.evaluation.results import EvaluationReport


def test_page_names_rows_folds_source_and_method(report: EvaluationReport, orchard: ModelConfig) -> None:
    """The page names rows, folds, source and the kind of interval."""
    page = render_evaluation(report, orchard)
    for text in ("120 rows (some trees)", "3 folds, 2 repeats", "Nadeau and", "*Pooled*", "evaluation.png"):
        assert text in page


def test_page_has_the_metrics_of_each_variant(report: EvaluationReport, orchard: ModelConfig) -> None:
    """Each variant's mean and interval are in a row of its table, and the difference is in its own table."""
    page = render_evaluation(report, orchard)
    for variant in report.variants:
        figure = variant.figures["rmse"]
        row = f"| RMSE (kg) | {format_metric(figure.mean)} | {format_metric(figure.low)} to {format_metric(figure.high)} |"
        assert row in page
    assert "## Difference with hint" in page
    assert f"| RMSE (kg) | {format_metric(report.variants[1].difference['rmse'].mean)} |" in page


def test_page_is_written(report: EvaluationReport, orchard: ModelConfig, folder: Path) -> None:
    """The file holds the page."""
    assert (folder / "evaluation.md").read_text(encoding="utf-8") == render_evaluation(report, orchard)


def test_metrics_have_their_names_and_units() -> None:
    """Errors are in the target's unit, percentages in percent, and other metrics have no unit."""
    config = orchard_config()
    assert [metric_label(metric, config) for metric in ("rmse", "mape", "r2")] == ["RMSE (kg)", "MAPE (%)", "R²"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(38802.3, "38,802"), (3.57, "3.570"), (12.0, "12.00"), (0.88451, "0.8845"), (-0.00214, "-0.0021")],
)
def test_metrics_have_the_digits_that_matter(value: float, text: str) -> None:
    """Large values have no fraction, small values have four digits."""
    assert format_metric(value) == text
