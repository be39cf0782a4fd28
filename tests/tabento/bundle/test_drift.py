"""Drift statistics: the index, the chi-square test and the binning, on counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom, chi2, chi2_contingency, ks_2samp, wasserstein_distance

from tabento.bundle.drift import (
    category_counts,
    chi_square_p_value,
    chi_square_test,
    jensen_shannon,
    kolmogorov_smirnov,
    number_counts,
    population_stability_index,
    psi_by_chance,
    quantile_edges,
    rate_p_value,
    wasserstein,
)

COUNTS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=30)


def test_index_of_two_bins_is_the_formula() -> None:
    """The index of large counts is Σ (p - q) · ln(p / q) of their shares."""
    expected = (0.5 - 0.8) * np.log(0.5 / 0.8) + (0.5 - 0.2) * np.log(0.5 / 0.2)
    assert population_stability_index([5e9, 5e9], [8e9, 2e9]) == pytest.approx(expected)


def test_empty_bin_gets_half_a_count() -> None:
    """A bin that is empty in one sample is counted as half a row; the index is finite."""
    p, q = 10.5 / 11, 5.5 / 11
    expected = (p - q) * np.log(p / q) + (0.5 / 11 - 5.5 / 11) * np.log(0.5 / 5.5)
    assert population_stability_index([10, 0], [5, 5]) == pytest.approx(expected)


def test_empty_bin_of_a_larger_sample_weighs_more() -> None:
    """The same shares with an empty bin give a larger index if the samples are larger."""
    small, large = (population_stability_index([n, 0], [n // 2, n // 2]) for n in (10, 10_000))
    assert small < large


def test_bin_that_is_empty_in_both_samples_is_not_used() -> None:
    """A bin without rows in both samples does not change the index."""
    assert population_stability_index([3, 0, 7], [6, 0, 4]) == population_stability_index([3, 7], [6, 4])


@given(COUNTS)
def test_index_is_symmetric_and_not_negative(counts: list[tuple[int, int]]) -> None:
    """The index is finite, at least 0, the same in both directions, and 0 for equal counts."""
    first, second = np.array(counts).T
    index = population_stability_index(first, second)
    assert np.isfinite(index)
    assert index >= 0
    assert index == pytest.approx(population_stability_index(second, first), abs=1e-12)
    assert population_stability_index(first, first) == 0


def test_index_by_chance_is_the_mean_of_samples_from_one_distribution() -> None:
    """The mean index of 2,000 pairs of samples is within 5% of the formula."""
    generator = np.random.default_rng(5)
    shares = np.full(10, 0.1)
    first, second = generator.multinomial(3000, shares, 2000), generator.multinomial(1000, shares, 2000)
    mean = np.mean([population_stability_index(*pair) for pair in zip(first, second, strict=True)])
    assert mean == pytest.approx(psi_by_chance(first[0], second[0]), rel=0.05)


def test_samples_in_different_bins_are_refused() -> None:
    """Counts of two lengths, negative counts and a sample without rows are errors."""
    with pytest.raises(ValueError, match=r"got shapes \(2,\) and \(3,\)"):
        population_stability_index([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="counts >= 0"):
        population_stability_index([1, -2], [1, 2])
    with pytest.raises(ValueError, match="rows in both samples, got 3 and 0"):
        psi_by_chance([1, 2], [0, 0])


@given(st.integers(2, 5), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_chi_square_test_equals_scipy(rows: int, columns: int, seed: int) -> None:
    """Statistic, degrees of freedom and p-value of a full table are the numbers that SciPy computes."""
    table = np.random.default_rng(seed).integers(1, 300, (rows, columns))
    expected = chi2_contingency(table, correction=False)
    result = chi_square_test(table)
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
    assert result.degrees_of_freedom == expected.dof
    assert result.p_value == pytest.approx(expected.pvalue, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 99, 1000, 20_001])
def test_p_value_equals_scipy(degrees: int) -> None:
    """The p-value is accurate from 1 down to the smallest doubles, for few and for many degrees of freedom."""
    for statistic in (0.0, 1e-9, 0.5, degrees, degrees + 3 * np.sqrt(degrees), 1300.0):
        expected = chi2.sf(statistic, degrees)
        assert chi_square_p_value(statistic, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_table_with_one_row_left_has_nothing_to_test() -> None:
    """Empty rows and columns are not used; a single row or column has the p-value 1."""
    assert chi_square_test([[5, 5], [0, 0]]).p_value == 1
    assert chi_square_test([[5, 0], [7, 0]]).p_value == 1
    assert chi_square_test([[10, 0, 20], [20, 0, 40]]).degrees_of_freedom == 1
    with pytest.raises(ValueError, match="expected a table"):
        chi_square_test([1, 2])
    with pytest.raises(ValueError, match="expected statistic"):
        chi_square_p_value(-1.0, 2)


def test_quantile_bins_are_never_empty() -> None:
    """Edges are values of the sample, and every bin contains at least one of its values."""
    values = np.array([0.0] * 60 + [1.0, 2.0, 3.0, np.nan])
    edges = quantile_edges(values)
    assert set(edges) <= set(values)
    assert (number_counts(values, edges)[:-1] > 0).all()
    even = np.random.default_rng(2).permutation(100).astype(float)
    assert number_counts(even, quantile_edges(even)).tolist() == [10] * 10 + [0]


def test_constant_or_empty_column_has_one_bin() -> None:
    """A column with one value, or with none, has no edge."""
    assert quantile_edges(np.array([7.0, 7.0])).size == 0
    assert number_counts(np.array([7.0, 7.0, np.nan]), np.empty(0)).tolist() == [2, 1]
    assert quantile_edges(np.array([np.nan])).size == 0


def test_value_at_an_edge_belongs_to_the_lower_bin() -> None:
    """Bin i contains the values above edge i-1 up to and including edge i."""
    assert number_counts(np.array([1.0, 1.5, 2.0, 9.0]), np.array([1.0, 2.0])).tolist() == [1, 2, 1, 0]


def test_unknown_categories_are_bins_after_the_known_ones() -> None:
    """Known values keep their order, other values follow in alphabetical order, missing values are last."""
    names, counts = category_counts(["b", "z", None, "b", "y"], ["a", "b"])
    assert names == ("a", "b", "y", "z")
    assert counts.tolist() == [0, 2, 1, 1, 1]


def test_kolmogorov_smirnov_of_bins_agrees_with_scipy() -> None:
    """If every value has its own bin, the distance is that of the samples; with fewer bins it is at most that."""
    random = np.random.default_rng(3)
    first, second = random.integers(0, 12, 500), random.integers(2, 14, 300)
    counts = [np.bincount(sample, minlength=14) for sample in (first, second)]
    statistic = ks_2samp(first, second).statistic
    assert kolmogorov_smirnov(*counts) == pytest.approx(statistic)
    assert kolmogorov_smirnov(*(sample.reshape(7, 2).sum(axis=1) for sample in counts)) <= statistic
    assert kolmogorov_smirnov([0, 0], [1, 2]) == 0


@given(COUNTS)
def test_jensen_shannon_agrees_with_scipy(pairs: list[tuple[int, int]]) -> None:
    """The distance to the base 2 is scipy's; 0 if a sample is empty."""
    first, second = np.array(pairs, dtype=float).T
    if not first.sum() or not second.sum():
        assert jensen_shannon(first, second) == 0
    else:
        squared = float(jensenshannon(first, second, base=2)) ** 2
        assert jensen_shannon(first, second) ** 2 == pytest.approx(0.0 if np.isnan(squared) else squared, abs=1e-12)


def test_wasserstein_of_bins_agrees_with_scipy() -> None:
    """The area between the distribution functions is the distance of samples that are spread evenly inside of the bins."""
    random = np.random.default_rng(4)
    bounds = np.array([0.0, 1, 1.5, 4, 9])
    counts = random.integers(1, 50, (2, 4))
    samples = []
    for sample in counts:
        parts = zip(sample, bounds, bounds[1:], strict=False)
        samples.append(
            np.concatenate([low + (np.arange(n * 500) + 0.5) / (n * 500) * (high - low) for n, low, high in parts])
        )
    assert wasserstein(counts[0], counts[1], bounds) == pytest.approx(wasserstein_distance(*samples), rel=1e-3)
    assert wasserstein([1, 0], [0, 0], [0, 1, 2]) == 0
    with pytest.raises(ValueError, match="expected 3 bounds"):
        wasserstein([1, 0], [0, 1], [0, 1])


@given(st.integers(0, 300), st.integers(1, 5_000), st.integers(0, 300), st.integers(1, 5_000))
def test_rate_test_agrees_with_scipy(expected: int, expected_rows: int, count: int, rows: int) -> None:
    """The p-value is the tail of the binomial distribution of the second count; 1 up to its mean."""
    share = rows / (rows + expected_rows)
    p_value = rate_p_value(expected, expected_rows, count, rows)
    if count <= (expected + count) * share:
        assert p_value == 1
    else:
        assert p_value == pytest.approx(binom.sf(count - 1, expected + count, share), rel=1e-6)


def test_rate_test_of_huge_counts_is_finite() -> None:
    """Counts of billions of rows neither overflow nor take long."""
    assert rate_p_value(10**9, 10**10, 10**9, 10**10) == 1
    assert rate_p_value(10**8, 10**10, 2 * 10**8, 10**10) == 0
    with pytest.raises(ValueError, match="rows >= 1"):
        rate_p_value(0, 0, 1, 1)
