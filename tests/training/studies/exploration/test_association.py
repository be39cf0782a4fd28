"""Tests of the measures of association."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.studies.exploration.association import (
    category_associations,
    codes_of,
    contingency,
    correlation_ratio,
    correlations,
    cramers_v,
)


def test_codes_follow_the_alphabet_and_missing_is_last() -> None:
    """None and NaN have one code."""
    values = np.array(["b", None, "a", np.nan], dtype=object)
    assert codes_of(values).tolist() == [1, 2, 0, 2]


def test_correlations_see_lines_and_curves() -> None:
    """A steep curve is perfect for Spearman and less for Pearson; a constant column gives no number."""
    x = np.linspace(0, 5, 100)
    frame = pd.DataFrame({"x": x, "curve": np.exp(3 * x), "flat": 1.0})
    frame.loc[3, "x"] = np.nan
    pearson, spearman = correlations(frame, ["x", "curve", "flat"])
    assert spearman.to_numpy()[0, 1] == pytest.approx(1)
    assert pearson.to_numpy()[0, 1] < 0.9
    assert np.isnan(spearman.to_numpy()[0, 2])


def test_a_category_that_sets_the_number_has_a_ratio_of_one() -> None:
    """η is 1 if the category determines the number, near 0 if it does not, and undefined for a constant."""
    codes = np.repeat(np.arange(3), 200)
    noise = np.random.default_rng(0).normal(size=600)
    assert correlation_ratio(codes, codes.astype(np.float64)) == pytest.approx(1)
    assert correlation_ratio(codes, noise) < 0.1
    assert np.isnan(correlation_ratio(codes, np.ones(600)))
    assert np.isnan(correlation_ratio(codes, np.full(600, np.nan)))


def test_correlation_ratio_leaves_out_missing_numbers() -> None:
    """A row without the number is ignored."""
    assert correlation_ratio(np.array([0, 0, 1, 1]), np.array([1.0, np.nan, 2.0, 2.0])) == pytest.approx(1)


def test_cramers_v_of_equal_and_of_unrelated_columns() -> None:
    """V is 1 for equal columns and about 0 for unrelated columns, also with many categories."""
    generator = np.random.default_rng(0)
    categories = generator.integers(0, 20, 400)
    assert cramers_v(categories, categories) == pytest.approx(1)
    assert cramers_v(categories, generator.integers(0, 20, 400)) < 0.1
    assert np.isnan(cramers_v(categories, np.zeros(400, dtype=np.int64)))


def test_pairs_are_counted() -> None:
    """The table has a row and a column for every code."""
    assert contingency(np.array([0, 1, 1]), np.array([2, 0, 0])).tolist() == [[0, 0, 1], [2, 0, 0]]


def test_the_table_of_categories_has_numbers_too() -> None:
    """Each category has a row, with itself at 1."""
    frame = pd.DataFrame({"c": np.array(["u", "v"] * 50, dtype=object), "n": [0.0, 1.0] * 50})
    table = category_associations(frame, ["c"], ["n"])
    assert table.loc["c", "c"] == 1
    assert table.loc["c", "n"] == pytest.approx(1)
