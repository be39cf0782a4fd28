"""The picture of an evaluation shows each variant in each panel."""

from __future__ import annotations

from pathlib import Path

from matplotlib.image import imread

from training.config import ModelConfig
from training.report.evaluation.plots import plot_folds
from training.studies.evaluation.results import EvaluationReport


def test_picture_has_something_in_each_panel(report: EvaluationReport, orchard: ModelConfig, tmp_path: Path) -> None:
    """The file is a PNG of a readable size with dots in all three panels."""
    plot_folds(report, orchard, tmp_path / "plot.png")
    pixels = imread(tmp_path / "plot.png")
    width = pixels.shape[1]
    assert width == 1440
    for third in range(3):
        panel = pixels[:, third * width // 3 : (third + 1) * width // 3, :3]
        assert (panel < 0.9).any(axis=2).mean() > 0.01


def test_picture_grows_with_the_variants(report: EvaluationReport, orchard: ModelConfig, tmp_path: Path) -> None:
    """Each variant has its own row, so a picture with one variant is lower."""
    plot_folds(report, orchard, tmp_path / "both.png")
    plot_folds(report.model_copy(update={"variants": report.variants[:1]}), orchard, tmp_path / "one.png")
    assert imread(tmp_path / "one.png").shape[0] < imread(tmp_path / "both.png").shape[0]
