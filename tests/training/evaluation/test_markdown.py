"""The page of an evaluation says what a person needs to judge the figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.orchards import orchard_config
from training.config import ModelConfig
from training.evaluation.markdown import metric_label, render, short
from training.evaluation.report import EvaluationReport


def test_page_tells_rows_folds_source_and_method(report: EvaluationReport, orchard: ModelConfig) -> None:
    """How many rows and folds, from where, and whose interval it is."""
    page = render(report, orchard)
    for text in ("120 rows (some trees)", "3 folds, 2 repeats", "Nadeau and", "*Pooled*", "evaluation.png"):
        assert text in page


def test_page_has_the_figures_of_each_variant(report: EvaluationReport, orchard: ModelConfig) -> None:
    """Each variant's mean and interval stand in a row of its table, and the difference in one of its own."""
    page = render(report, orchard)
    for variant in report.variants:
        figure = variant.figures["rmse"]
        row = f"| RMSE (kg) | {short(figure.mean)} | {short(figure.low)} to {short(figure.high)} |"
        assert row in page
    assert "## What with hint changes" in page
    assert f"| RMSE (kg) | {short(report.variants[1].difference['rmse'].mean)} |" in page


def test_page_is_what_was_written(report: EvaluationReport, orchard: ModelConfig, folder: Path) -> None:
    """The file holds the page."""
    assert (folder / "evaluation.md").read_text(encoding="utf-8") == render(report, orchard)


def test_metrics_have_their_names_and_units() -> None:
    """Errors are in the target's unit, percentages in percent, and the rest is a pure number."""
    config = orchard_config()
    assert [metric_label(metric, config) for metric in ("rmse", "mape", "r2")] == ["RMSE (kg)", "MAPE (%)", "R²"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(38802.3, "38,802"), (3.57, "3.570"), (12.0, "12.00"), (0.88451, "0.8845"), (-0.00214, "-0.0021")],
)
def test_figures_have_the_digits_that_matter(value: float, text: str) -> None:
    """Large figures are whole, small ones have four digits."""
    assert short(value) == text
