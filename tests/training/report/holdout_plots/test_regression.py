"""The picture of a regression is drawn for any config, without touching matplotlib's global state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from training.config import ModelConfig, load_config
from training.data.synthetic import generate
from training.data.validation import validate
from training.model.metrics import regression_metrics
from training.report.holdout_plots import plot_regression

ORCHARD = Path(__file__).parents[3] / "configs" / "orchard.yaml"


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """Return the small config."""
    return load_config(ORCHARD)


@pytest.fixture(scope="module")
def trees(config: ModelConfig) -> pd.DataFrame:
    """Return 120 valid rows of the small config."""
    return validate(generate(config.synthetic, rows=120), config)


def without(config: ModelConfig, *types: str) -> ModelConfig:
    """Return the config without its features of some types."""
    return config.model_copy(update={"features": tuple(f for f in config.features if f.type not in types)})


def draw_pixels(
    trees: pd.DataFrame, config: ModelConfig, path: Path, predicted: np.ndarray | None = None
) -> np.ndarray:
    """Draw the rows with predictions that are off by a tenth, and return the picture's pixels."""
    actual = trees["apples"].to_numpy()
    guess = actual * np.random.default_rng(0).normal(1, 0.1, len(actual)) if predicted is None else predicted
    plot_regression(actual, guess, trees, config, regression_metrics(actual, guess), path)
    pixels: np.ndarray = imread(path)
    return pixels


def test_picture_has_four_filled_panels(config: ModelConfig, trees: pd.DataFrame, tmp_path: Path) -> None:
    """The file is a PNG of a readable size with something drawn in each quarter."""
    pixels = draw_pixels(trees, config, tmp_path / "plot.png")
    height, width, _ = pixels.shape
    assert (height, width) == (1080, 1440)
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for columns in (slice(0, width // 2), slice(width // 2, None)):
            assert (pixels[rows, columns, :3] < 0.9).any(axis=2).mean() > 0.01


def test_same_input_gives_the_same_file(config: ModelConfig, trees: pd.DataFrame, tmp_path: Path) -> None:
    """Equal input gives equal bytes."""
    for name in ("a.png", "b.png"):
        draw_pixels(trees, config, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("types", [("category",), ("category", "number", "integer")])
def test_any_kind_of_features_can_be_grouped(
    config: ModelConfig, trees: pd.DataFrame, tmp_path: Path, types: tuple[str, ...]
) -> None:
    """Without a category the rows are grouped by quarters of a number, without either they are one group."""
    draw_pixels(trees, without(config, *types), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000


def test_missing_values_are_a_group(config: ModelConfig, trees: pd.DataFrame, tmp_path: Path) -> None:
    """A group of rows whose category or number is missing is drawn like any other."""
    missing_rows = trees.assign(
        sort=trees["sort"].where(trees["age"] > 20, None), age=trees["age"].where(trees["age"] > 20)
    )
    draw_pixels(missing_rows, config, tmp_path / "category.png")
    draw_pixels(missing_rows, without(config, "category"), tmp_path / "number.png")


def test_rare_categories_are_combined(config: ModelConfig, trees: pd.DataFrame, tmp_path: Path) -> None:
    """A category of a hundred values still gives a picture of the usual size."""
    frame = trees.assign(sort=[f"S{number % 100}" for number in range(len(trees))])
    assert draw_pixels(frame, config, tmp_path / "plot.png").shape[:2] == (1080, 1440)


@pytest.mark.parametrize("case", ["perfect", "constant", "zeros", "large", "huge"])
def test_degenerate_predictions_are_drawn(config: ModelConfig, trees: pd.DataFrame, tmp_path: Path, case: str) -> None:
    """Perfect, constant and absurd answers, and targets of zero, give a picture and no warning."""
    actual = trees["apples"].to_numpy()
    rows = trees.assign(apples=np.where(np.arange(len(trees)) < 9, 0.0, actual)) if case == "zeros" else trees
    predicted = {"constant": np.full(len(trees), 40.0), "large": actual * 300, "huge": actual * 3e6}.get(case, actual)
    draw_pixels(rows, config, tmp_path / "plot.png", predicted)


def test_two_rows_are_enough(config: ModelConfig, trees: pd.DataFrame, tmp_path: Path) -> None:
    """A tiny test part is drawn too."""
    draw_pixels(trees.head(2), config, tmp_path / "plot.png")


def test_rows_must_match(config: ModelConfig, trees: pd.DataFrame, tmp_path: Path) -> None:
    """A wrong number of answers is an error that has the numbers."""
    metrics = regression_metrics([1.0], [1.0])
    with pytest.raises(
        ValueError, match=r"expected 120 actual and predicted values, one per row, got \(1,\) and \(1,\)"
    ):
        plot_regression([1.0], [1.0], trees, config, metrics, tmp_path / "plot.png")


def test_import_of_the_plots_does_not_import_pyplot() -> None:
    """The module does not import pyplot, which could start a window system."""
    code = "import sys, training.report.holdout_plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[4], check=False).returncode == 0
