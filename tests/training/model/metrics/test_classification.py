"""Metrics of a classification, checked by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from training.model.metrics import classification_metrics

Array = NDArray[np.float64]

TRUTH = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
SECOND = np.array([0.1, 0.2, 0.6, 0.4, 0.9])
ANSWERS = np.c_[SECOND >= 0.5, 1 - SECOND, SECOND]


def three_class_answers(rows: int = 300) -> tuple[Array, Array]:
    """Return answers about three_class_answers classes."""
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 3, rows).astype(np.float64)
    raw = generator.random((rows, 3))
    raw[np.arange(rows), truth.astype(int)] += 0.5
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    return truth, np.c_[probabilities.argmax(axis=1), probabilities]


def test_two_classes_by_hand() -> None:
    """Every metric of a small example equals the result by hand; the second class is the positive class."""
    metrics = classification_metrics(TRUTH, ANSWERS)
    assert metrics == pytest.approx(
        {
            "accuracy": 3 / 5,
            "balanced_accuracy": (2 / 3 + 1 / 2) / 2,
            "precision": 1 / 2,
            "recall": 1 / 2,
            "f1": 1 / 2,
            "f1_macro": (2 / 3 + 1 / 2) / 2,
            "log_loss": -sum(math.log(share) for share in (0.9, 0.8, 0.4, 0.4, 0.9)) / 5,
            "brier": (0.01 + 0.04 + 0.36 + 0.36 + 0.01) / 5,
            "roc_auc": 5 / 6,
            "average_precision": 0.5 * 1 + 0.5 * 2 / 3,
        },
        rel=1e-12,
    )
    assert all(type(value) is float for value in metrics.values())


def test_three_classes_agree_with_scikit_learn() -> None:
    """With more classes F1 is a mean, the area is one class against the rest, and the Brier score is a sum of squares."""
    truth, answers = three_class_answers()
    metrics = classification_metrics(truth, answers, 3)
    label, shares = answers[:, 0], answers[:, 1:]
    assert metrics["f1"] == metrics["f1_macro"] == pytest.approx(f1_score(truth, label, average="macro"))
    assert metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, label))
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(truth, shares, multi_class="ovr", average="macro"))
    assert metrics["log_loss"] == pytest.approx(log_loss(truth, shares))
    assert metrics["brier"] == pytest.approx(np.mean(((shares - np.eye(3)[truth.astype(int)]) ** 2).sum(axis=1)))


def test_a_threshold_changes_labels_and_nothing_else() -> None:
    """Metrics of probabilities do not depend on the labels."""
    lower = np.c_[SECOND >= 0.3, ANSWERS[:, 1:]]
    first, second = classification_metrics(TRUTH, ANSWERS), classification_metrics(TRUTH, lower)
    assert second["recall"] == 1.0
    for name in ("roc_auc", "average_precision", "log_loss", "brier"):
        assert first[name] == second[name]


def test_without_probabilities_labels_are_measured() -> None:
    """Without probabilities the number of classes must be given."""
    metrics = classification_metrics(TRUTH, ANSWERS[:, :1], 2)
    assert set(metrics) == {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "f1_macro"}
    with pytest.raises(ValueError, match="two or more"):
        classification_metrics(TRUTH, ANSWERS[:, :1])


def test_class_that_does_not_occur_has_no_curve() -> None:
    """A slice with one class has no area; its other metrics are those of the present class."""
    metrics = classification_metrics(np.zeros(3), ANSWERS[:3], 2)
    assert "roc_auc" not in metrics
    assert "average_precision" not in metrics
    assert metrics["balanced_accuracy"] == pytest.approx(2 / 3)
    assert metrics["recall"] == 0.0


def test_no_positive_prediction_is_zero_without_a_warning() -> None:
    """A model that never predicts the positive class has a precision, recall and F1 of 0."""
    metrics = classification_metrics(TRUTH, np.c_[np.zeros(5), ANSWERS[:, 1:]])
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (0.0, 0.0, 0.0)


def test_probabilities_with_a_rounded_sum_are_accepted() -> None:
    """Rounding errors of float32 cause no warning."""
    single = ANSWERS.astype(np.float32).astype(np.float64)
    assert classification_metrics(TRUTH, single)["log_loss"] == pytest.approx(
        classification_metrics(TRUTH, ANSWERS)["log_loss"], rel=1e-6
    )


@pytest.mark.parametrize(
    ("truth", "answers", "classes", "message"),
    [
        (TRUTH, ANSWERS[:3], None, r"got \(5,\) and \(3, 3\)"),
        (TRUTH, ANSWERS[:, 0], None, r"got \(5,\) and \(5,\)"),
        (TRUTH[:0], ANSWERS[:0], None, "N > 0"),
        (TRUTH, ANSWERS, 3, "probabilities of 3 classes, got 2"),
        (TRUTH + 1, ANSWERS, None, "2 classes in truth, got 2"),
        (TRUTH, ANSWERS + np.array([0.5, 0, 0]), None, "2 classes in answers, got 0.5"),
        (TRUTH, ANSWERS * [1, np.nan, 1], None, "finite"),
    ],
)
def test_impossible_input_is_refused(truth: Array, answers: Array, classes: int | None, message: str) -> None:
    """The message names the input that would make a metric meaningless."""
    with pytest.raises(ValueError, match=message):
        classification_metrics(truth, answers, classes)
