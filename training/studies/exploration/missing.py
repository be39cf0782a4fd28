"""Missing values: their shares, the columns that miss values in the same rows, and the relation to the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from tabento.bundle.drift import chi_square_test

SIGNIFICANCE = 0.05
"""The family-wise significance level of the tests of the study; each family is Bonferroni-corrected."""


@dataclass(frozen=True)
class TargetByMissing:
    """The target in the rows that miss a value of one column, compared with the other rows."""

    name: str
    missing: int
    where_missing: float
    """The mean target (of a classification the share of the last class) of the rows that miss the value."""
    where_known: float
    """The same for the other rows."""
    p_value: float
    """The p-value of no difference, times the number of compared columns (Bonferroni); at most 1.

    Numbers: Welch's t-test (B. L. Welch, 1947). Classes: Pearson's chi-square test.
    """

    @property
    def related(self) -> bool:
        """Whether the difference is significant: a missing value is then informative."""
        return self.p_value < SIGNIFICANCE


@dataclass(frozen=True)
class Missing:
    """The missing values of a data set."""

    shares: dict[str, float]
    """The share of missing values of each column, in its order."""
    jaccard_index: dict[str, dict[str, float]]
    """The Jaccard index of two columns: the rows that miss both values over the rows that miss at least one."""
    by_target: tuple[TargetByMissing, ...]
    """The columns with at least two missing values and at least two other values."""


def study_missing(frame: pd.DataFrame, columns: list[str], target: NDArray[np.float64], n_classes: int) -> Missing:
    """Study the missing values of some columns.

    Args:
        frame: N validated rows.
        columns: the studied columns.
        target: float64 of shape (N,): numbers, or the index of the class.
        n_classes: the number of classes; 0 for a regression.
    """
    missing = {name: frame[name].isna().to_numpy() for name in columns}
    shares = {name: float(rows.mean()) if rows.size else 0.0 for name, rows in missing.items()}
    incomplete = {name: rows for name, rows in missing.items() if rows.any()}
    jaccard_index = {
        left: {
            right: float((rows & right_rows).sum() / (rows | right_rows).sum())
            for right, right_rows in incomplete.items()
        }
        for left, rows in incomplete.items()
    }
    compared = {name: rows for name, rows in incomplete.items() if min(rows.sum(), (~rows).sum()) >= 2}
    return Missing(
        shares,
        jaccard_index,
        tuple(_by_target(name, rows, target, n_classes, len(compared)) for name, rows in compared.items()),
    )


def _by_target(
    name: str, missing: NDArray[np.bool_], target: NDArray[np.float64], n_classes: int, tests: int
) -> TargetByMissing:
    if n_classes:
        hit = target == n_classes - 1
        p_value = chi_square_test(
            [[np.count_nonzero(target[rows] == k) for k in range(n_classes)] for rows in (missing, ~missing)]
        ).p_value
        means = float(hit[missing].mean()), float(hit[~missing].mean())
    else:
        means = float(target[missing].mean()), float(target[~missing].mean())
        p_value = 1.0
        if target[missing].std() > 0 or target[~missing].std() > 0:
            p_value = float(ttest_ind(target[missing], target[~missing], equal_var=False).pvalue)
    return TargetByMissing(name, int(missing.sum()), *means, min(1.0, p_value * tests))
