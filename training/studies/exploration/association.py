"""Association: the strength of the relation between two columns, with the measure for their types.

Numbers by Pearson's and Spearman's correlation; a category and a number by the correlation ratio η; two categories by
Cramér's V with W. Bergsma's bias correction (A bias-correction for Cramér's V and Tschuprow's T, 2013), without which many categories in few rows look related.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MISSING_LABEL = "missing"


def correlations(frame: pd.DataFrame, columns: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the correlations of numeric columns over the rows with both values.

    Args:
        frame: N rows.
        columns: F numeric columns with NaN for missing.

    Returns:
        Pearson's and Spearman's (F, F); NaN if a column has one value only or fewer than three rows have both.
    """
    values = frame[columns].astype(np.float64)
    # Correlations of huge numbers overflow; the report shows NaN as a gap.
    with np.errstate(all="ignore"):
        return values.corr(method="pearson", min_periods=3), values.corr(method="spearman", min_periods=3)


def codes_of(values: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return a code for each value, int64 of shape (N,), 0 … C-1 in alphabetical order; the last is the code of missing values."""
    codes, _ = pd.factorize(pd.Series(values, dtype=object), sort=True)
    missing = codes == -1
    return np.where(missing, codes.max(initial=-1) + 1, codes).astype(np.int64)


def correlation_ratio(codes: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    """Return η: the root of the share of a number's variance between categories (K. Pearson, 1905).

    Args:
        codes: int64 of shape (N,), 0 … C-1.
        values: float64 of shape (N,); rows with NaN are omitted.

    Returns:
        0 … 1; NaN if the number does not vary.
    """
    is_known = ~np.isnan(values)
    codes, values = codes[is_known], values[is_known]
    if not values.size:
        return float("nan")
    counts = np.bincount(codes)
    with np.errstate(all="ignore"):
        centred = values - values.mean()
        total = float(np.sum(centred * centred))
        sums = np.bincount(codes, weights=centred)
        between = float(np.sum(sums[counts > 0] ** 2 / counts[counts > 0]))
    if not np.isfinite(total) or total == 0:
        return float("nan")
    return float(np.sqrt(min(1.0, between / total)))


def cramers_v(left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
    """Return the bias-corrected Cramér's V of two columns of codes, both int64 of shape (N,).

    Returns:
        0 … 1; NaN if a column has one value only.
    """
    table = contingency(left, right).astype(np.float64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n, (r, c) = table.sum(), table.shape
    if min(r, c) < 2 or n < 2:
        return float("nan")
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    phi2 = float(((table - expected) ** 2 / expected).sum() / n)
    phi2 = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    smallest = min(rows, columns) - 1
    return float(np.sqrt(min(1.0, phi2 / smallest))) if smallest > 0 else float("nan")


def contingency(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count pairs of codes: int64 of shape (largest left code + 1, largest right code + 1)."""
    shape = int(left.max(initial=0)) + 1, int(right.max(initial=0)) + 1
    return np.bincount(left * shape[1] + right, minlength=shape[0] * shape[1]).reshape(shape)


def category_associations(frame: pd.DataFrame, categories: list[str], numbers: list[str]) -> pd.DataFrame:
    """Return the association of categories with each other (Cramér's V) and with numbers (η).

    Missing values are one more category.

    Returns:
        One row per category, one column per category and number; 0 … 1, NaN if a column has one value only.
    """
    codes = {name: codes_of(frame[name].to_numpy(dtype=object)) for name in categories}
    table = {
        name: [
            *(1.0 if name == other else cramers_v(codes[name], codes[other]) for other in categories),
            *(correlation_ratio(codes[name], frame[number].to_numpy(dtype=np.float64)) for number in numbers),
        ]
        for name in categories
    }
    return pd.DataFrame.from_dict(table, orient="index", columns=[*categories, *numbers])
