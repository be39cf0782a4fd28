"""Differences: their reference magnitude, and equality."""

from __future__ import annotations

import numpy as np
import pytest

from tabento.parity.tolerances import beyond_rounding, differences


def test_differences_of_special_numbers() -> None:
    """Equal infinities and two NaN are equal; NaN or infinity and a number are infinitely distant."""
    expected = np.array([1.0, np.nan, np.inf, np.nan, 1.0, 0.0, 0.0])
    got = np.array([1.0, np.nan, np.inf, 1.0, np.inf, 0.0, 1e-300])
    absolute, relative = differences(expected, got)
    np.testing.assert_array_equal(absolute, [0, 0, 0, np.inf, np.inf, 0, 1e-300])
    np.testing.assert_array_equal(relative, [0, 0, 0, np.inf, np.inf, 0, 1])


def test_zero_does_not_blow_up_a_difference() -> None:
    """With a typical magnitude a difference at zero is relative to that; each column has its own."""
    expected = np.array([[0.0, 0.0], [100.0, 0.5]])
    got = np.array([[1e-9, 1e-9], [101.0, 0.5]])
    _, relative = differences(expected, got, np.array([10.0, 0.5]))
    np.testing.assert_allclose(relative, [[1e-10, 2e-9], [1 / 101, 0.0]])


def test_lost_rows_are_an_error() -> None:
    """Answers of another length are refused with both shapes."""
    with pytest.raises(ValueError, match=r"\(3,\), got \(2,\)"):
        differences(np.zeros(3), np.zeros(2))


def test_one_unit_in_the_last_place_is_rounding() -> None:
    """A neighbour is rounding, two units are not; in float32 the units are wider."""
    unit = np.ones(3)
    is_near = np.array([1.0, np.nextafter(1.0, 2.0), 1.0 + 3e-16 * 2])
    np.testing.assert_array_equal(beyond_rounding(unit, is_near, np.float64), [False, False, True])
    np.testing.assert_array_equal(beyond_rounding(unit, np.array([1.0, 1 + 1e-7, 1 + 1e-6]), np.float32), [0, 0, 1])


def test_nan_differs_only_from_numbers() -> None:
    """Two NaN are equal, NaN and a number are not."""
    expected, got = np.array([np.nan, np.nan, np.inf, 0.0]), np.array([np.nan, 1.0, np.inf, 5e-324])
    np.testing.assert_array_equal(beyond_rounding(expected, got, np.float64), [False, True, False, False])
