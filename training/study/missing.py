"""Missing values: how many, which go together, and whether that a value is missing says something of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, ttest_ind

SIGNIFICANCE = 0.05
"""The family-wise level of the tests of the study; each family is Bonferroni-corrected."""


@dataclass(frozen=True)
class TargetByMissing:
    """A column whose missing values are compared with its known ones by the target."""

    name: str
    missing: int
    where_missing: float
    """The mean target (a classification: the share of its last class) of rows where the value is missing."""
    where_known: float
    """The same of the other rows."""
    p_value: float
    """Of no difference, times the number of columns compared (Bonferroni); at most 1.

    Numbers: Welch's t-test (B. L. Welch, 1947). Classes: Pearson's chi-square test.
    """

    @property
    def related(self) -> bool:
        """Whether chance does not explain the difference: missing is then itself a signal."""
        return self.p_value < SIGNIFICANCE


@dataclass(frozen=True)
class Missing:
    """What is missing in a data set."""

    shares: dict[str, float]
    """Of each column, in its order."""
    together: dict[str, dict[str, float]]
    """The Jaccard index of two columns' missing rows: those missing in both over those missing in any."""
    by_target: tuple[TargetByMissing, ...]
    """Columns in which at least two values are missing and at least two known."""


def find_missing(frame: pd.DataFrame, columns: list[str], target: NDArray[np.float64], n_classes: int) -> Missing:
    """Look at the missing values of some columns.

    Args:
        frame: N validated rows.
        columns: which columns are looked at.
        target: float64 of shape (N,): numbers, or the index of the class.
        n_classes: of a classification; 0 for a regression.
    """
    missing = {name: frame[name].isna().to_numpy() for name in columns}
    shares = {name: float(rows.mean()) if rows.size else 0.0 for name, rows in missing.items()}
    some = {name: rows for name, rows in missing.items() if rows.any()}
    together = {
        one: {other: float((rows & others).sum() / (rows | others).sum()) for other, others in some.items()}
        for one, rows in some.items()
    }
    compared = {name: rows for name, rows in some.items() if min(rows.sum(), (~rows).sum()) >= 2}
    return Missing(
        shares,
        together,
        tuple(_by_target(name, rows, target, n_classes, len(compared)) for name, rows in compared.items()),
    )


def _by_target(
    name: str, missing: NDArray[np.bool_], target: NDArray[np.float64], n_classes: int, tests: int
) -> TargetByMissing:
    if n_classes:
        hit = target == n_classes - 1
        p_value = independence(
            np.array([[np.count_nonzero(target[rows] == k) for k in range(n_classes)] for rows in (missing, ~missing)])
        )
        means = float(hit[missing].mean()), float(hit[~missing].mean())
    else:
        means = float(target[missing].mean()), float(target[~missing].mean())
        p_value = 1.0
        if target[missing].std() > 0 or target[~missing].std() > 0:
            p_value = float(ttest_ind(target[missing], target[~missing], equal_var=False).pvalue)
    return TargetByMissing(name, int(missing.sum()), *means, min(1.0, p_value * tests))


def independence(counts: NDArray[np.int_]) -> float:
    """Return the p-value of Pearson's chi-square test that rows and columns of a table of counts are independent.

    Empty rows and columns are left out; with a single row or column left there is nothing to test, and it is 1.
    """
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return 1.0
    return float(chi2_contingency(table, correction=False).pvalue)
