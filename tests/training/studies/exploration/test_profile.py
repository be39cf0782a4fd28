"""Tests of the profiles of columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.contract import Feature
from training.studies.exploration.profile import (
    CategoryProfile,
    NumberProfile,
    profile_category,
    profile_feature,
    profile_number,
    robust_z,
)


def test_a_number_is_counted_and_measured() -> None:
    """Counts, moments, quantiles and the most frequent value are those of the present values."""
    profile = profile_number("x", [1.0, 2.0, 2.0, 3.0, np.nan, 0.0])
    assert (profile.rows, profile.missing, profile.n_known, profile.distinct, profile.zeros) == (6, 1, 5, 4, 1)
    assert profile.mean == pytest.approx(1.6)
    assert profile.quantiles["0.5"] == 2.0
    assert profile.commonest == (2.0, 2)


def test_outliers_are_counted_by_both_rules() -> None:
    """A value far beyond the quartiles is outside the fences and far by robust z."""
    profile = profile_number("x", [*np.linspace(0, 10, 99).tolist(), 1000.0])
    assert profile.outside_fences == 1
    assert profile.far_by_robust_z == 1
    assert profile.fences[1] < 1000


def test_the_fences_are_tukeys() -> None:
    """The fences are 1.5 interquartile ranges beyond the quartiles."""
    assert profile_number("x", [0.0, 1.0, 2.0, 3.0, 4.0]).fences == (1 - 1.5 * 2, 3 + 1.5 * 2)


@pytest.mark.parametrize("values", [[np.nan, np.nan], []])
def test_a_column_without_values_has_no_statistics(values: list[float]) -> None:
    """A column without values gives NaN, not an error."""
    profile = profile_number("x", values)
    assert profile.missing == len(values)
    assert profile.distinct == 0
    assert np.isnan(profile.mean)
    assert np.isnan(profile.quantiles["0.5"])


def test_a_constant_has_no_spread() -> None:
    """A column with one value has no skewness and no outliers."""
    profile = profile_number("x", np.full(20, 0.1))
    assert (profile.distinct, profile.skewness, profile.outside_fences, profile.far_by_robust_z) == (1, 0.0, 0, 0)


def test_huge_numbers_are_profiled() -> None:
    """A square that overflows becomes infinite without a warning."""
    assert profile_number("x", [1e308, -1e308, 1e308]).sd == np.inf


def test_categories_are_counted_in_order() -> None:
    """The most frequent value is first, equal counts are in alphabetical order, and values that never occur are listed."""
    values = np.array(["b", "a", "c", "c", None, np.nan], dtype=object)
    profile = profile_category("x", values, ("a", "b", "c", "d"))
    assert list(profile.counts.items()) == [("c", 2), ("a", 1), ("b", 1)]
    assert profile.missing == 2
    assert profile.never == ("d",)


def test_features_are_profiled_by_their_type() -> None:
    """A boolean is counted as yes and no, a number has statistics, a category has counts."""
    column = pd.Series([1.0, 0.0, np.nan, 1.0])
    yes_no = profile_feature(Feature(name="x", type="boolean"), column)
    assert isinstance(yes_no, CategoryProfile)
    assert yes_no.counts == {"yes": 2, "no": 1}
    assert isinstance(profile_feature(Feature(name="x", type="number"), column), NumberProfile)
    text = profile_feature(
        Feature(name="x", type="category", categories=("u", "v")), pd.Series(["u", None], dtype=object)
    )
    assert isinstance(text, CategoryProfile)
    assert (text.counts, text.never) == ({"u": 1}, ("v",))


def test_a_normal_column_has_ordinary_z_scores() -> None:
    """The modified z-score of normal numbers is near the plain one."""
    values = np.random.default_rng(0).normal(5, 2, 20_000)
    assert np.abs(robust_z(values) - (values - 5) / 2).max() < 0.2


def test_z_scores_of_mostly_equal_values_use_the_mean_deviation() -> None:
    """If the median deviation is 0 the mean deviation replaces it, so that an outlier is still visible."""
    scores = robust_z([0.0, 0.0, 0.0, 0.0, 10.0])
    assert scores[0] == 0
    assert scores[4] == pytest.approx(10 / (1.2533 * 2))


def test_z_scores_keep_missing_values() -> None:
    """NaN stays NaN, also in a column without values."""
    assert np.isnan(robust_z([np.nan, 1.0, 2.0])[0])
    assert np.isnan(robust_z([np.nan])).all()
