"""Drift statistics over counts per bin, among them the population stability index and the chi-square test; the binning.

Training and serving compare two samples of one column by the same functions: both samples are counted in the same bins, and
the counts are compared. All functions need NumPy only, so that a service can call them on counts that it collects itself.
A column of numbers is binned by the quantiles of the first sample, a column of texts by its values. Missing values are a
bin of their own, the last one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabento.bundle.numbers import number_text

QUANTILE_BINS = 10
"""The number of bins of a column of numbers: deciles are what the published thresholds of the index were found with."""
PSI_MODERATE = 0.1
"""From this value on the index is usually called a moderate shift (N. Siddiqi, Credit Risk Scorecards, 2006)."""
PRIOR_COUNT = 0.5
"""The count that is added to every bin before the index is computed, see ``population_stability_index``."""

Counts = NDArray[np.int64]


class ChiSquareTest(NamedTuple):
    """The result of Pearson's chi-square test."""

    statistic: float
    """The sum of (observed - expected)² / expected; 0 if there is nothing to test."""
    degrees_of_freedom: int
    """(rows - 1) · (columns - 1) of the table without its empty rows and columns."""
    p_value: float
    """The probability of a statistic at least this large if rows and columns are independent; 1 if there is nothing to test."""


def population_stability_index(expected: ArrayLike, actual: ArrayLike) -> float:
    """Return the population stability index Σ (p - q) · ln(p / q) of two samples that were counted in the same bins.

    The index (E. M. Lewis, An Introduction to Credit Scoring, 1992) is the symmetric form of the Kullback-Leibler
    divergence (S. Kullback and R. A. Leibler, On Information and Sufficiency, 1951). It is symmetric in its arguments and 0
    if the shares are equal.

    The logarithm of an empty bin is infinite. Therefore the shares are estimated with half a count added to every bin:
    the posterior mean under Jeffreys' prior, known as the estimator of R. E. Krichevsky and V. K. Trofimov (The Performance of
    Universal Encoding, IEEE Transactions on Information Theory 27, 1981). The weight of an empty bin then depends on the size
    of the sample: zero of 50 rows says less than zero of 50,000 rows. A fixed smallest share, such as 0.0001, would treat
    both alike. A bin that is empty in both samples is not used.

    Args:
        expected: the counts of the first sample, numbers >= 0 of shape (K,); the reference. They need not be integers.
        actual: the counts of the second sample, of the same shape.

    Raises:
        ValueError: the shapes differ, or a count is negative.
    """
    first, second = _pair(expected, actual)
    is_used = (first + second) > 0
    first, second = first[is_used] + PRIOR_COUNT, second[is_used] + PRIOR_COUNT
    p, q = first / first.sum(), second / second.sum()
    return float(np.sum((p - q) * np.log(p / q)))


def psi_by_chance(expected: ArrayLike, actual: ArrayLike) -> float:
    """Return the mean of the index for two samples of these sizes from one distribution: (B - 1) · (1/N + 1/M).

    The index, divided by 1/N + 1/M, is approximately chi-square distributed with B - 1 degrees of freedom (B. Yurdakul,
    Statistical Properties of Population Stability Index, Western Michigan University, 2018).

    Args:
        expected: the counts of the first sample of N rows, numbers >= 0 of shape (K,).
        actual: the counts of the second sample of M rows, of the same shape. B is the number of bins that are not empty in
            both samples.

    Raises:
        ValueError: the shapes differ, a count is negative, or a sample has no rows.
    """
    first, second = _pair(expected, actual)
    if not first.sum() > 0 or not second.sum() > 0:
        raise ValueError(
            f"expected rows in both samples, got {number_text(first.sum())} and {number_text(second.sum())}"
        )
    return float((np.count_nonzero(first + second) - 1) * (1 / first.sum() + 1 / second.sum()))


def chi_square_test(table: ArrayLike) -> ChiSquareTest:
    """Test whether rows and columns of a table of counts are independent (K. Pearson, 1900), without continuity correction.

    Empty rows and columns are not used. If one row or column remains, there is nothing to test and the p-value is 1.

    Args:
        table: counts, numbers >= 0 of shape (R, C). For two samples in the same bins: shape (2, K).

    Raises:
        ValueError: the table does not have two dimensions, or a count is negative.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or not (counts >= 0).all():
        raise ValueError(f"expected a table of counts >= 0 of shape (R, C), got {counts.tolist()}")
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return ChiSquareTest(0.0, 0, 1.0)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    statistic = float(np.sum((counts - expected) ** 2 / expected))
    degrees = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    return ChiSquareTest(statistic, degrees, chi_square_p_value(statistic, degrees))


def chi_square_p_value(statistic: float, degrees_of_freedom: int) -> float:
    """Return the probability that a chi-square distributed number is at least ``statistic``.

    For an even number of degrees the probability is a finite sum of Poisson probabilities; for an odd number the error
    function is added (M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 1964, 26.4.4 and 26.4.5).

    Args:
        statistic: a number >= 0.
        degrees_of_freedom: an integer >= 1.

    Raises:
        ValueError: an argument is outside its range.
    """
    if not statistic >= 0 or degrees_of_freedom < 1:
        raise ValueError(f"expected statistic >= 0 and degrees >= 1, got {statistic} and {degrees_of_freedom}")
    half = statistic / 2
    if half == 0:
        return 1.0
    is_odd = degrees_of_freedom % 2
    total = math.erfc(math.sqrt(half)) if is_odd else 0.0
    for index in range(degrees_of_freedom // 2):
        power = index + is_odd / 2
        total += math.exp(power * math.log(half) - half - math.lgamma(power + 1))
    return min(total, 1.0)


def quantile_edges(values: NDArray[np.float64], bins: int = QUANTILE_BINS) -> NDArray[np.float64]:
    """Return the inner edges of at most ``bins`` quantile bins, ascending and distinct; bin i holds edge i-1 < x <= edge i.

    An edge is a value of the sample, without interpolation, so that no bin is empty. The greatest value is not an edge: a
    constant column has one bin and no edge.

    Args:
        values: float64 of shape (N,); NaN is a missing value.
        bins: the number of bins, at least 1.
    """
    present = values[~np.isnan(values)]
    if not present.size:
        return np.empty(0)
    edges = np.unique(np.quantile(present, np.arange(1, bins) / bins, method="inverted_cdf"))
    inner: NDArray[np.float64] = edges[edges < present.max()]
    return inner


def number_counts(values: NDArray[np.float64], edges: NDArray[np.float64]) -> Counts:
    """Count numbers in the bins between edges.

    Args:
        values: float64 of shape (N,); NaN is a missing value.
        edges: the inner edges, ascending, float64 of shape (E,).

    Returns:
        int64 of shape (E + 2,): the E + 1 bins, and the count of missing values.
    """
    is_missing = np.isnan(values)
    bins = np.searchsorted(edges, values[~is_missing], side="left")
    return np.append(np.bincount(bins, minlength=len(edges) + 1), np.count_nonzero(is_missing)).astype(np.int64)


def category_counts(values: Iterable[str | None], categories: Sequence[str]) -> tuple[tuple[str, ...], Counts]:
    """Count the values of a column of texts.

    Args:
        values: the column; None is a missing value.
        categories: the known values, each once.

    Returns:
        The names of the bins: the known values, then the other values of the column in alphabetical order. The counts: int64
        of shape (names + 1,), the last one the count of missing values.
    """
    counter = Counter(values)
    n_missing = counter.pop(None, 0)
    known_names = set(categories)
    names = (*categories, *sorted(name for name in counter if name is not None and name not in known_names))
    return names, np.array([*(counter[name] for name in names), n_missing], dtype=np.int64)


def kolmogorov_smirnov(expected: ArrayLike, actual: ArrayLike) -> float:
    """Return the largest distance of two distribution functions at the edges of the bins: a number from 0 to 1.

    It is a lower bound of the statistic of the samples themselves, whose largest distance may be inside of a bin.

    Args:
        expected: the counts of the first sample in ordered bins, without missing values, of shape (K,).
        actual: the counts of the second sample, of the same shape.

    Returns:
        The distance; 0 if a sample has no rows.

    Raises:
        ValueError: the shapes differ, or a count is negative.
    """
    first, second = _pair(expected, actual)
    if not first.sum() > 0 or not second.sum() > 0:
        return 0.0
    return float(np.max(np.abs(np.cumsum(first) / first.sum() - np.cumsum(second) / second.sum())))


def jensen_shannon(expected: ArrayLike, actual: ArrayLike) -> float:
    """Return the Jensen-Shannon distance to the base 2, from 0 to 1 (J. Lin, Divergence Measures Based on the Shannon Entropy, 1991).

    It is the square root of the divergence. Empty bins need no correction.

    Args:
        expected: the counts of the first sample, of shape (K,).
        actual: the counts of the second sample, of the same shape.

    Returns:
        The distance; 0 if a sample has no rows.

    Raises:
        ValueError: the shapes differ, or a count is negative.
    """
    first, second = _pair(expected, actual)
    if not first.sum() > 0 or not second.sum() > 0:
        return 0.0
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    divergence = 0.0
    for shares in (p, q):
        is_used = shares > 0
        divergence += float(np.sum(shares[is_used] * np.log2(shares[is_used] / middle[is_used]))) / 2
    return math.sqrt(max(divergence, 0.0))


def wasserstein(expected: ArrayLike, actual: ArrayLike, bounds: ArrayLike) -> float:
    """Return the Wasserstein distance of order 1 of two samples in ordered bins, in the unit of the bounds.

    It is the area between both distribution functions, which are straight lines inside of a bin. Values outside of the
    outermost bounds count as if they were in the outermost bins.

    Args:
        expected: the counts of the first sample, without missing values, of shape (K,).
        actual: the counts of the second sample, of the same shape.
        bounds: the bounds of the bins, ascending, of shape (K + 1,).

    Returns:
        The distance; 0 if a sample has no rows.

    Raises:
        ValueError: the shapes do not fit, or a count is negative.
    """
    first, second = _pair(expected, actual)
    limits = np.asarray(bounds, dtype=np.float64)
    if limits.shape != (len(first) + 1,):
        raise ValueError(f"expected {len(first) + 1} bounds of {len(first)} bins, got shape {limits.shape}")
    if not first.sum() > 0 or not second.sum() > 0:
        return 0.0
    after = np.cumsum(first) / first.sum() - np.cumsum(second) / second.sum()
    before = np.append(0.0, after[:-1])
    total = np.abs(before) + np.abs(after)
    # A difference that changes its sign inside of a bin encloses two triangles instead of a trapezium.
    has_crossing = before * after < 0
    areas = np.where(has_crossing, (before**2 + after**2) / (2 * np.where(has_crossing, total, 1.0)), total / 2)
    return float(np.sum(areas * np.diff(limits)))


def rate_p_value(expected_count: int, expected_rows: int, count: int, rows: int) -> float:
    """Return the probability of a count at least this large if both samples have the same rate.

    The test is exact: given the sum of both counts, the second count is binomially distributed with the share ``rows`` /
    (``rows`` + ``expected_rows``) (J. Przyborowski and H. Wilenski, Biometrika 31, 1940). It needs no least count.

    Args:
        expected_count: the number of events in the first sample.
        expected_rows: the size of the first sample, at least 1.
        count: the number of events in the second sample.
        rows: the size of the second sample, at least 1.

    Raises:
        ValueError: a number is outside its range.
    """
    if min(expected_count, count) < 0 or min(expected_rows, rows) < 1:
        raise ValueError(
            f"expected counts >= 0 and rows >= 1, got {expected_count} of {expected_rows} and {count} of {rows}"
        )
    total = expected_count + count
    share = rows / (rows + expected_rows)
    if count <= total * share:
        return 1.0
    step = np.arange(count, total + 1)
    if step.size > 10_000:  # the terms fall at least geometrically behind the mean
        step = step[:10_000]
    # Consecutive terms of the binomial distribution as ratios to the first one.
    ratios = (total - step[:-1]) / (step[:-1] + 1) * (share / (1 - share))
    tail = 1.0 + float(np.sum(np.cumprod(ratios)))
    logarithm = (
        math.lgamma(total + 1)
        - math.lgamma(count + 1)
        - math.lgamma(expected_count + 1)
        + count * math.log(share)
        + expected_count * math.log1p(-share)
        + math.log(tail)
    )
    return min(math.exp(min(logarithm, 0.0)), 1.0)


def _pair(expected: ArrayLike, actual: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            f"expected counts of two samples in the same bins, got shapes {first.shape} and {second.shape}"
        )
    if not (first >= 0).all() or not (second >= 0).all():
        raise ValueError(f"expected counts >= 0, got {first.tolist()} and {second.tolist()}")
    return first, second
