"""Probabilities are believed as far as what happens bears them out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from tests.training.gate.gates import orchard_gate_input, seedling_gate_input, with_gate
from training.gate.calibration import calibration_figures, check_calibration


def binary(probability: np.ndarray) -> np.ndarray:
    """Return the answers of a binary classification with these probabilities of the second class."""
    return np.stack([probability >= 0.5, 1 - probability, probability], axis=1).astype(float)


def test_error_is_that_of_the_bins() -> None:
    """Two rows in each of two bins: the gaps 0.2 and 0.3, weighted by rows."""
    figures = calibration_figures(np.array([0.0, 1.0, 1.0, 1.0]), binary(np.array([0.3, 0.3, 0.7, 0.7])), 0.1, 5, "x")
    assert figures.ece == pytest.approx((2 * 0.2 + 2 * 0.3) / 4)
    assert [item.rows for item in figures.bins] == [0, 2, 0, 2, 0]
    assert (figures.bins[1].probability, figures.bins[1].frequency) == (0.3, 0.5)


def test_bins_are_those_of_scikit_learn() -> None:
    """Filled bins have the mean probability and the frequency of scikit-learn's calibration curve."""
    generator = np.random.default_rng(1)
    probability = generator.random(500)
    truth = (generator.random(500) < probability**2).astype(float)
    figures = calibration_figures(truth, binary(probability), 0.1, 10, "x")
    frequency, mean = calibration_curve(truth, probability, n_bins=10)
    filled = [item for item in figures.bins if item.rows]
    assert [item.frequency for item in filled] == pytest.approx(frequency.tolist())
    assert [item.probability for item in filled] == pytest.approx(mean.tolist())


def test_edges_belong_to_a_bin() -> None:
    """A probability of exactly 0 or 1 is counted."""
    figures = calibration_figures(np.array([0.0, 1.0]), binary(np.array([0.0, 1.0])), 0.0, 4, "x")
    assert [item.rows for item in figures.bins] == [1, 0, 0, 1]
    assert figures.ece == 0.0


def test_more_classes_are_judged_by_the_most_probable() -> None:
    """Of three classes the probability of the first choice is held against how often it was right."""
    answers = np.array([[0, 0.8, 0.1, 0.1], [2, 0.1, 0.1, 0.8], [1, 0.1, 0.8, 0.1], [1, 0.1, 0.8, 0.1]])
    figures = calibration_figures(np.array([0.0, 2.0, 1.0, 0.0]), answers, 0.2, 10, "the most probable class")
    assert figures.ece == pytest.approx(0.05)
    assert sum(item.rows for item in figures.bins) == 4


def test_limits_are_held_and_figures_are_shown_without() -> None:
    """Each of the two figures has its own limit; without limits both are shown."""
    gate_input = seedling_gate_input()
    checks, figures = check_calibration(with_gate(gate_input, calibration={"brier_max": 0.9, "ece_max": 0.0001}))
    assert [(check.name, check.passed) for check in checks] == [
        ("calibration.brier_max", True),
        ("calibration.ece_max", False),
    ]
    assert figures is not None
    assert figures.subject == "died"
    assert figures.brier == gate_input.metrics["brier"]
    checks, _ = check_calibration(with_gate(gate_input))
    assert [check.verdict for check in checks] == ["shown", "shown"]


def test_number_has_no_calibration() -> None:
    """A regression's gate says that there is nothing to calibrate."""
    checks, figures = check_calibration(orchard_gate_input())
    assert ([check.verdict for check in checks], figures) == (["off"], None)
