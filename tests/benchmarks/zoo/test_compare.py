"""Differences row by row: relative for numbers, absolute for probabilities, and labels."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.zoo.compare import compare, typical_magnitude
from bundle.contract import Contract, Feature, Output


def _contract(*classes: str, probabilities: bool = False) -> Contract:
    return Contract(
        name="pears",
        title="Pears",
        description="Made up.",
        task="classification" if classes else "regression",
        features=(Feature(name="age", type="number"),),
        output=Output(name="kind", classes=classes or None, probabilities=probabilities),
    )


def test_numbers_are_compared_relatively() -> None:
    """To the larger of the two, or to what is typical where both are small."""
    expected, got = np.array([100.0, -100.0, 1e-9, 100.0]), np.array([101.0, -100.0, 2e-9, 100.001])
    difference = compare(expected, got, _contract(), typical_magnitude(expected))
    np.testing.assert_allclose(difference.far, [1 / 101, 0.0, 1e-9 / 75, 1e-5], rtol=1e-4)
    assert difference.noticed.tolist() == [True, False, False, False]
    assert difference.flips is None


def test_worst_of_several_numbers_counts() -> None:
    """Each number is compared with its own kind."""
    expected, got = np.array([[1.0, 1e6], [1.0, 1e6]]), np.array([[1.0, 1e6 + 1], [1.5, 1e6]])
    difference = compare(expected, got, _contract(), typical_magnitude(expected))
    np.testing.assert_allclose(difference.far, [1e-6, 1 / 3], rtol=1e-3)


def test_what_is_no_number_is_infinitely_far() -> None:
    """NaN beside NaN and equal infinities are no difference."""
    expected, got = np.array([1.0, np.nan, np.inf, 1.0]), np.array([np.nan, np.nan, np.inf, -np.inf])
    difference = compare(expected, got, _contract(), np.array(1.0))
    assert difference.far.tolist() == [np.inf, 0.0, 0.0, np.inf]


def test_probabilities_are_compared_absolutely_and_labels_too() -> None:
    """A row counts as off by its worst probability, or by its label."""
    expected = np.array([[0, 0.9, 0.1], [1, 0.3, 0.7], [1, 0.5, 0.5]])
    got = np.array([[0, 0.9, 0.1], [1, 0.31, 0.69], [0, 0.5, 0.5]])
    difference = compare(expected, got, _contract("bad", "good", probabilities=True), typical_magnitude(expected))
    np.testing.assert_allclose(difference.far, [0.0, 0.01, 0.0], atol=1e-15)
    assert difference.noticed.tolist() == [False, True, True]


def test_labels_alone() -> None:
    """A classification without probabilities differs by labels only."""
    expected, got = np.array([[0.0], [1.0]]), np.array([[1.0], [1.0]])
    difference = compare(expected, got, _contract("bad", "good"), typical_magnitude(expected))
    assert difference.far.tolist() == [0.0, 0.0]
    assert difference.noticed.tolist() == [True, False]


def test_other_shapes_are_an_error() -> None:
    """A graph that loses rows is not compared."""
    with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
        compare(np.ones(2), np.ones(1), _contract(), np.array(1.0))
