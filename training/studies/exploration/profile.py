"""Profiles: statistics of each column. Means, quantiles and counts are of all rows, not of a sample."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tabento.bundle.contract import Feature
from tabento.bundle.numbers import number_text

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
TUKEY_FENCE = 1.5
"""The number of interquartile ranges beyond the quartiles from which on a value is an outlier (J. W. Tukey, 1977)."""
ROBUST_Z_LIMIT = 3.5
"""The modified z-score beyond which a value is an outlier (B. Iglewicz & D. Hoaglin, 1993)."""
MAD_TO_SD = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""
MEAN_AD_TO_SD = 1.2533
"""A normal distribution's standard deviation over its mean absolute deviation."""


@dataclass(frozen=True)
class NumberProfile:
    """A column of numbers; the statistics are NaN if the column has no values."""

    name: str
    rows: int
    missing: int
    distinct: int
    mean: float
    sd: float
    skewness: float
    """The third standardised moment; 0 if all values are equal."""
    zeros: int
    quantiles: dict[str, float]
    """By level, from ``0`` to ``1``, see ``QUANTILES``."""
    fences: tuple[float, float]
    """The lowest and highest values that are not outliers by the interquartile rule."""
    outside_fences: int
    """The number of values outside the fences."""
    far_by_robust_z: int
    """The number of values with a modified z-score beyond ``ROBUST_Z_LIMIT``."""
    commonest: tuple[float, int]
    """The most frequent value with its count; of equally frequent values the smallest."""

    @property
    def n_known(self) -> int:
        """The number of rows with a value."""
        return self.rows - self.missing


@dataclass(frozen=True)
class CategoryProfile:
    """A column of categories or booleans."""

    name: str
    rows: int
    missing: int
    counts: dict[str, int]
    """The count of each value, the most frequent first; equal counts in alphabetical order."""
    never: tuple[str, ...]
    """Values that the config lists and no row has."""

    @property
    def n_known(self) -> int:
        """The number of rows with a value."""
        return self.rows - self.missing

    @property
    def distinct(self) -> int:
        """The number of distinct values."""
        return len(self.counts)


Profile = NumberProfile | CategoryProfile


def profile_feature(feature: Feature, column: pd.Series[Any]) -> Profile:
    """Profile a feature's column of a validated frame: categories and booleans by value, other features as numbers."""
    if feature.type == "category":
        return profile_category(feature.name, column.to_numpy(dtype=object), feature.categories or ())
    values = column.to_numpy(dtype=np.float64)
    if feature.type == "boolean":
        words = np.array(["no", "yes", None], dtype=object)
        return profile_category(feature.name, words[np.where(np.isnan(values), 2, values).astype(np.intp)])
    return profile_number(feature.name, values)


def profile_number(name: str, values: ArrayLike) -> NumberProfile:
    """Profile numbers, float64 of shape (N,) with NaN for missing."""
    numbers = np.asarray(values, dtype=np.float64)
    present = np.sort(numbers[~np.isnan(numbers)])
    missing = numbers.size - present.size
    if not present.size:
        no_quantiles = dict.fromkeys(map(_level_key, QUANTILES), np.nan)
        return NumberProfile(
            name, numbers.size, missing, 0, np.nan, np.nan, np.nan, 0, no_quantiles, (np.nan, np.nan), 0, 0, (np.nan, 0)
        )
    distinct, counts = np.unique(present, return_counts=True)
    # Sums of squares of huge numbers overflow to infinity, which the report shows as infinity.
    with np.errstate(all="ignore"):
        mean, sd = float(present.mean()), float(present.std())
        skewness = float(np.mean(((present - mean) / sd) ** 3)) if len(distinct) > 1 and sd > 0 else 0.0
        quantiles = np.quantile(present, QUANTILES)
        first, third = np.quantile(present, (0.25, 0.75))
        low, high = first - TUKEY_FENCE * (third - first), third + TUKEY_FENCE * (third - first)
    common = int(np.argmax(counts))
    return NumberProfile(
        name=name,
        rows=numbers.size,
        missing=missing,
        distinct=len(distinct),
        mean=mean,
        sd=sd,
        skewness=skewness,
        zeros=int(np.count_nonzero(present == 0)),
        quantiles={_level_key(level): float(value) for level, value in zip(QUANTILES, quantiles, strict=True)},
        fences=(float(low), float(high)),
        outside_fences=int(np.count_nonzero((present < low) | (present > high))),
        far_by_robust_z=int(np.count_nonzero(np.abs(robust_z(present)) > ROBUST_Z_LIMIT)),
        commonest=(float(distinct[common]), int(counts[common])),
    )


def profile_category(name: str, values: NDArray[np.object_], known_values: tuple[str, ...] = ()) -> CategoryProfile:
    """Profile text, object of shape (N,) with None or NaN for missing.

    Args:
        name: the column's name.
        values: the column.
        known_values: the values that the config lists, to report the values that never occur.
    """
    counts = count_values(values)
    ordered = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    never = tuple(value for value in known_values if value not in ordered)
    return CategoryProfile(name, len(values), len(values) - sum(ordered.values()), ordered, never)


def count_values(values: NDArray[np.object_]) -> dict[str, int]:
    """Count the values that are not missing, as text."""
    counted: dict[Hashable, int] = pd.Series(values, dtype=object).value_counts(dropna=True).to_dict()
    return {str(value): int(count) for value, count in counted.items()}


def robust_z(values: ArrayLike) -> NDArray[np.float64]:
    """Return modified z-scores, float64 of the given shape (N,): distance from the median in robust deviations.

    The deviation is the median absolute one, times 1.4826; if more than half of the values are equal, the mean absolute
    deviation times 1.2533 replaces it (Iglewicz & Hoaglin, How to detect and handle outliers, 1993). All scores are 0 if all values are equal; NaN stays NaN.
    """
    numbers = np.asarray(values, dtype=np.float64)
    present = numbers[~np.isnan(numbers)]
    if not present.size:
        return numbers.copy()
    with np.errstate(all="ignore"):
        middle = np.median(present)
        deviations = np.abs(present - middle)
        scale = MAD_TO_SD * float(np.median(deviations)) or MEAN_AD_TO_SD * float(deviations.mean())
        scores: NDArray[np.float64] = (numbers - middle) / scale if scale else numbers - middle
    return scores


def _level_key(level: float) -> str:
    return number_text(level)
