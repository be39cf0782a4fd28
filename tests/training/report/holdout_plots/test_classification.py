"""The picture of a classification is drawn for any number of classes, however odd the answers are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.image import imread

from tests.training.gate.gates import orchard_gate_input, seedling_gate_input
from tests.training.seedlings import seedling_config
from training.config import ModelConfig
from training.model.metrics import classification_metrics
from training.report.holdout_plots import plot_classification, plot_results

THREE = [{"value": name, "label": name} for name in ("early", "late", "never")]


def three_classes() -> ModelConfig:
    """Return the seedlings' config with three fates."""
    content = seedling_config().model_dump()
    content |= {"decision": {}, "target": {"name": "fate", "classes": THREE}}
    return ModelConfig.model_validate(content)


def answers_of(truth: np.ndarray, classes: int, seed: int = 0) -> np.ndarray:
    """Return answers that know something: the label and the probabilities."""
    scores = np.random.default_rng(seed).random((len(truth), classes)) + np.eye(classes)[truth.astype(int)]
    shares = scores / scores.sum(axis=1, keepdims=True)
    return np.column_stack([shares.argmax(axis=1), shares])


def draw_pixels(truth: np.ndarray, answers: np.ndarray, config: ModelConfig, path: Path) -> np.ndarray:
    """Draw answers and return the picture's pixels."""
    plot_classification(truth, answers, config, classification_metrics(truth, answers), path)
    pixels: np.ndarray = imread(path)
    return pixels


@pytest.mark.parametrize("classes", [2, 3])
def test_picture_has_six_filled_panels(tmp_path: Path, classes: int) -> None:
    """The file is a PNG of a readable size with something drawn in each panel."""
    truth = np.random.default_rng(1).integers(0, classes, 300).astype(float)
    config = seedling_config() if classes == 2 else three_classes()
    pixels = draw_pixels(truth, answers_of(truth, classes), config, tmp_path / "plot.png")
    height, width, _ = pixels.shape
    assert (height, width) == (1080, 1800)
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for third in range(3):
            columns = slice(third * width // 3, (third + 1) * width // 3)
            assert (pixels[rows, columns, :3] < 0.9).any(axis=2).mean() > 0.01


def test_same_input_gives_the_same_file(tmp_path: Path) -> None:
    """Equal input gives equal bytes."""
    truth = np.arange(60) % 2.0
    for name in ("a.png", "b.png"):
        draw_pixels(truth, answers_of(truth, 2), seedling_config(), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("case", ["perfect", "constant", "one class", "always positive", "two rows"])
def test_degenerate_answers_are_drawn(tmp_path: Path, case: str) -> None:
    """Certain, constant and one-sided answers give a picture and no warning."""
    truth = np.arange(2 if case == "two rows" else 80) % 2.0
    if case == "one class":
        truth = np.zeros(80)
    share = {"perfect": truth, "always positive": np.full(len(truth), 0.9)}.get(case, np.full(len(truth), 0.3))
    answers = np.column_stack([share >= 0.5, 1 - share, share])
    assert draw_pixels(truth, answers, seedling_config(), tmp_path / "plot.png").shape[:2] == (1080, 1800)


def test_class_without_rows_is_drawn(tmp_path: Path) -> None:
    """A class without test rows does not prevent the picture."""
    truth = np.arange(90) % 2.0
    assert draw_pixels(truth, answers_of(truth, 3), three_classes(), tmp_path / "plot.png").shape[:2] == (1080, 1800)


def test_answers_must_fit_the_classes(tmp_path: Path) -> None:
    """Labels without probabilities are an error that has the shapes."""
    with pytest.raises(ValueError, match=r"expected answers of shape \(4, 3\).*got \(4, 1\)"):
        plot_classification([0, 1, 0, 1], np.zeros((4, 1)), seedling_config(), {}, tmp_path / "plot.png")


def test_task_decides_which_picture(tmp_path: Path) -> None:
    """A regression has four panels, a classification six."""
    for gate_input, size in ((orchard_gate_input(), (1080, 1440)), (seedling_gate_input(), (1080, 1800))):
        plot_results(gate_input.config, gate_input.test, gate_input.answers, gate_input.metrics, tmp_path / "plot.png")
        assert imread(tmp_path / "plot.png").shape[:2] == size


def test_drawing_opens_no_figure_of_pyplot(tmp_path: Path) -> None:
    """scikit-learn's displays draw into the given figure, so that no figure stays in memory."""
    truth = np.arange(60) % 2.0
    draw_pixels(truth, answers_of(truth, 2), seedling_config(), tmp_path / "plot.png")
    assert pyplot.get_fignums() == []
