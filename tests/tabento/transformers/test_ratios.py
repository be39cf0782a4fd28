"""Ratios of columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from tabento.transformers.ratios import Ratios


@parametrize_with_checks([Ratios()])  # type: ignore[untyped-decorator]
def test_ratios_is_a_scikit_learn_transformer(estimator: Any, check: Any) -> None:
    """Scikit-learn's own checks of a transformer pass."""
    check(estimator)


def test_columns_are_divided_by_columns() -> None:
    """Each pair gives one column, in order."""
    rows = np.array([[6.0, 2.0, 3.0], [1.0, 4.0, 8.0]])
    np.testing.assert_array_equal(Ratios([(0, 1), (2, 0)]).fit_transform(rows), [[3.0, 0.5], [0.25, 8.0]])


def test_zero_denominator_is_missing() -> None:
    """A number over zero of either sign is NaN without a warning; zero over a number is zero."""
    rows = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, -0.0], [0.0, 2.0], [np.nan, 1.0], [1.0, np.nan]])
    np.testing.assert_array_equal(
        Ratios([(0, 1)]).fit_transform(rows)[:, 0], [np.nan, np.nan, np.nan, 0.0, np.nan, np.nan]
    )


def test_names_are_given_or_made() -> None:
    """Features are called as they were named, or after their columns."""
    rows = np.ones((2, 2))
    assert list(Ratios([(0, 1)], ["share"]).fit(rows).get_feature_names_out()) == ["share"]
    assert list(Ratios([(0, 1)]).fit(rows).get_feature_names_out(["rooms", "homes"])) == ["rooms_per_homes"]
    assert list(Ratios([(1, 0)]).fit(rows).get_feature_names_out()) == ["x1_per_x0"]


@pytest.mark.parametrize("pairs", [[(0, 2)], [(-1, 0)], [(0, 1, 1)]])
def test_pair_outside_the_columns_is_refused(pairs: list[tuple[int, int]]) -> None:
    """The error about a position outside the columns contains the allowed positions."""
    with pytest.raises(ValueError, match="from 0 to 1"):
        Ratios(pairs).fit(np.ones((2, 2)))


def test_one_name_per_pair() -> None:
    """Too few names are refused with both numbers."""
    with pytest.raises(ValueError, match="got 1 for 2 pairs"):
        Ratios([(0, 1), (1, 0)], ["one"]).fit(np.ones((2, 2)))


def test_unfitted_is_refused() -> None:
    """Transforming before fitting is an error."""
    with pytest.raises(NotFittedError):
        Ratios([(0, 1)]).transform(np.ones((2, 2)))
