"""Differences row by row: relative for numbers, absolute for probabilities, and labels."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.zoo.compare import compare, typical_magnitude
from tabento.bundle.contract import Contract, Feature, Output


def _contract(*classes: str, probabilities: bool = False) -> Contract:
    return Contract(
        name="pears",
        title="Pears",
        description="Test data.",
        task="classification" if classes else "regression",
        features=(Feature(name="age", type="number"),),
        output=Output(name="kind", classes=classes or None, probabilities=probabilities),
    )


def test_numbers_are_compared_relatively() -> None:
    """A difference is relative to the larger number, or to the typical magnitude if both numbers are small."""
    expected, graph_answers = np.array([100.0, -100.0, 1e-9, 100.0]), np.array([101.0, -100.0, 2e-9, 100.001])
    difference = compare(expected, graph_answers, _contract(), typical_magnitude(expected))
    np.testing.assert_allclose(difference.far, [1 / 101, 0.0, 1e-9 / 75, 1e-5], rtol=1e-4)
    assert difference.noticed.tolist() == [True, False, False, False]
    assert difference.flips is None


def test_the_worst_of_several_numbers_is_used() -> None:
    """Each number of a row has its own typical magnitude."""
    expected, graph_answers = np.array([[1.0, 1e6], [1.0, 1e6]]), np.array([[1.0, 1e6 + 1], [1.5, 1e6]])
    difference = compare(expected, graph_answers, _contract(), typical_magnitude(expected))
    np.testing.assert_allclose(difference.far, [1e-6, 1 / 3], rtol=1e-3)


def test_nan_has_an_infinite_difference() -> None:
    """NaN against a number is an infinite difference; equal NaN and equal infinities are not a difference."""
    expected, graph_answers = np.array([1.0, np.nan, np.inf, 1.0]), np.array([np.nan, np.nan, np.inf, -np.inf])
    difference = compare(expected, graph_answers, _contract(), np.array(1.0))
    assert difference.far.tolist() == [np.inf, 0.0, 0.0, np.inf]


def test_probabilities_are_compared_absolutely_and_labels_too() -> None:
    """A row differs by its worst probability or by its label."""
    expected = np.array([[0, 0.9, 0.1], [1, 0.3, 0.7], [1, 0.5, 0.5]])
    graph_answers = np.array([[0, 0.9, 0.1], [1, 0.31, 0.69], [0, 0.5, 0.5]])
    difference = compare(
        expected, graph_answers, _contract("bad", "good", probabilities=True), typical_magnitude(expected)
    )
    np.testing.assert_allclose(difference.far, [0.0, 0.01, 0.0], atol=1e-15)
    assert difference.noticed.tolist() == [False, True, True]


def test_labels_alone() -> None:
    """Without probabilities only the labels are compared."""
    expected, graph_answers = np.array([[0.0], [1.0]]), np.array([[1.0], [1.0]])
    difference = compare(expected, graph_answers, _contract("bad", "good"), typical_magnitude(expected))
    assert difference.far.tolist() == [0.0, 0.0]
    assert difference.noticed.tolist() == [True, False]


def test_other_shapes_are_an_error() -> None:
    """Answers of different shapes are an error."""
    with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
        compare(np.ones(2), np.ones(1), _contract(), np.array(1.0))
