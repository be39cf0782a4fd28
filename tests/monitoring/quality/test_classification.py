"""Live metrics of a classification are those of training, with intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monitoring.quality.classification import classification_figures
from training.gate.calibration import calibration_figures
from training.model.metrics import classification_metrics


def _rows(count: int, classes: int, seed: int = 0) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    scores = np.round(generator.normal(size=(count, classes)), 1)  # many equal scores
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    actual = (shares.cumsum(axis=1) > generator.random((count, 1))).argmax(axis=1)
    return actual, shares.argmax(axis=1), shares


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_figures_are_those_of_training(classes: int) -> None:
    """Each live metric has the definition of training, and the calibration error that of the gate."""
    actual, label, shares = _rows(3000, classes)
    answers = np.column_stack([label, shares])
    expected = classification_metrics(actual, answers)
    figures = classification_figures(actual, label, shares, classes, 0.95)
    for name in expected.keys() - {"average_precision"}:
        assert figures[name].value == pytest.approx(expected[name], rel=1e-9), name
    ece = calibration_figures(actual.astype(np.float64), answers, 0.1, 10, "").ece
    assert figures["calibration_error"].value == pytest.approx(ece, rel=1e-9)
    for name, figure in figures.items():
        assert figure.low is not None, name
        assert figure.high is not None, name
        assert figure.low <= figure.value <= figure.high, name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accuracy", "f1", "precision", "recall", "roc_auc", "brier", "log_loss"])
def test_intervals_hold_the_true_figure(name: str) -> None:
    """Of 150 samples about 95% have the figure of the population in their interval."""
    actual, label, shares = _rows(100_000, 2, seed=3)
    truth = classification_figures(actual, label, shares, 2, 0.95)[name].value
    generator = np.random.default_rng(4)
    hits = 0
    for _ in range(150):
        sample = generator.integers(0, len(actual), 400)
        figure = classification_figures(actual[sample], label[sample], shares[sample], 2, 0.95)[name]
        assert figure.low is not None
        assert figure.high is not None
        hits += figure.low <= truth <= figure.high
    assert 133 <= hits <= 149


def test_labels_alone_have_label_metrics() -> None:
    """Without probabilities there are no metrics of probabilities."""
    actual, label, _ = _rows(100, 3)
    figures = classification_figures(actual, label, None, 3, 0.95)
    assert figures.keys() == {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "f1_macro"}


def test_a_class_that_never_happened_has_no_area() -> None:
    """All other metrics are defined with one class, and with one row."""
    shares = np.array([[0.2, 0.8]])
    figures = classification_figures(np.array([1]), np.array([1]), shares, 2, 0.95)
    assert "roc_auc" not in figures
    assert (figures["accuracy"].value, figures["f1"].value) == (1.0, 1.0)
