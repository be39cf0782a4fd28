"""Figures on the sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tabento.adopt.errors import AdoptionError
from tabento.bundle.contract import Contract, Feature, Output
from training.stages.adoption.figures import sample_metrics


def contract_of(classes: tuple[Any, ...] | None, probabilities: bool = False) -> Contract:
    """A contract with some answer."""
    return Contract(
        name="m",
        title="M",
        description="",
        task="regression" if classes is None else "classification",
        features=(Feature(name="a", type="number"),),
        output=Output(name="y", classes=classes, probabilities=probabilities),
    )


def test_regression_has_the_metrics_of_training() -> None:
    """Perfect answers have no error."""
    metrics = sample_metrics(contract_of(None), np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    assert (metrics["rmse"], metrics["r2"], metrics["mape"]) == (0.0, 1.0, 0.0)


def test_truth_without_a_percentage_is_told() -> None:
    """All zero: there is no percentage error."""
    with pytest.raises(AdoptionError, match=r"--target 'y'.*is 0"):
        sample_metrics(contract_of(None), np.zeros(3), np.ones(3))


def test_classification_by_hand() -> None:
    """Three of four right; the rarer class counts as much as the other in the balanced figures."""
    truth, labels = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0])
    probability = np.array([0.1, 0.2, 0.6, 0.9])
    answers = np.c_[labels, 1 - probability, probability]
    metrics = sample_metrics(contract_of(("a", "b"), True), truth, answers)
    assert metrics["accuracy"] == 0.75
    assert metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert metrics["f1_macro"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert metrics["roc_auc"] == 1.0
    assert metrics["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.9]).mean())


def test_classes_that_do_not_occur_do_not_count() -> None:
    """A sample with one class of three has no area under a curve, and no warning is raised."""
    answers = np.array([[0, 0.5, 0.3, 0.2], [2, 0.1, 0.2, 0.7]])
    metrics = sample_metrics(contract_of((1, 2, 3), True), np.zeros(2), answers)
    assert metrics["balanced_accuracy"] == 0.5
    assert "roc_auc" not in metrics


def test_without_probabilities_labels_are_measured_only() -> None:
    """Without probabilities only the metrics of labels are measured."""
    metrics = sample_metrics(contract_of((False, True)), np.array([0.0, 1.0]), np.array([[0.0], [1.0]]))
    assert set(metrics) == {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "f1_macro"}
    assert set(metrics.values()) == {1.0}
