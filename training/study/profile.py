"""Profiles: what each column holds, in figures. Means, quantiles and counts are of all rows, none of a sample."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bundle.contract import Feature
from bundle.numbers import number_text

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
TUKEY_FENCE = 1.5
"""How many interquartile ranges beyond the quartiles a value counts as an outlier (J. W. Tukey, 1977)."""
ROBUST_Z_LIMIT = 3.5
"""The modified z-score beyond which a value counts as an outlier (B. Iglewicz & D. Hoaglin, 1993)."""
MAD_TO_SD = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""
MEAN_AD_TO_SD = 1.2533
"""A normal distribution's standard deviation over its mean absolute deviation."""


@dataclass(frozen=True)
class NumberProfile:
    """A column of numbers; figures are NaN where no value is known."""

    name: str
    rows: int
    missing: int
    distinct: int
    mean: float
    sd: float
    skewness: float
    """Third standardised moment; 0 where all values are equal."""
    zeros: int
    quantiles: dict[str, float]
    """By level, from ``0`` to ``1``, see ``QUANTILES``."""
    fences: tuple[float, float]
    """The lowest and highest values that the interquartile rule lets pass."""
    outside_fences: int
    """How many values lie outside."""
    far_by_robust_z: int
    """How many values have a modified z-score beyond ``ROBUST_Z_LIMIT``."""
    commonest: tuple[float, int]
    """The most frequent value and how often it stands; the smallest of equals."""

    @property
    def known(self) -> int:
        """How many values are known."""
        return self.rows - self.missing


@dataclass(frozen=True)
class CategoryProfile:
    """A column of categories or of yes and no."""

    name: str
    rows: int
    missing: int
    counts: dict[str, int]
    """How often each value stands, the most frequent first, equals in alphabetical order."""
    never: tuple[str, ...]
    """Values that the config knows and no row has."""

    @property
    def known(self) -> int:
        """How many values are known."""
        return self.rows - self.missing

    @property
    def distinct(self) -> int:
        """How many different values there are."""
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
    given = np.asarray(values, dtype=np.float64)
    known = np.sort(given[~np.isnan(given)])
    missing = given.size - known.size
    if not known.size:
        nothing = dict.fromkeys(map(_level, QUANTILES), np.nan)
        return NumberProfile(
            name, given.size, missing, 0, np.nan, np.nan, np.nan, 0, nothing, (np.nan, np.nan), 0, 0, (np.nan, 0)
        )
    distinct, counts = np.unique(known, return_counts=True)
    # Sums of squares of huge numbers overflow to infinity, which is shown as it is.
    with np.errstate(all="ignore"):
        mean, sd = float(known.mean()), float(known.std())
        skewness = float(np.mean(((known - mean) / sd) ** 3)) if len(distinct) > 1 and sd > 0 else 0.0
        quantiles = np.quantile(known, QUANTILES)
        first, third = np.quantile(known, (0.25, 0.75))
        low, high = first - TUKEY_FENCE * (third - first), third + TUKEY_FENCE * (third - first)
    common = int(np.argmax(counts))
    return NumberProfile(
        name=name,
        rows=given.size,
        missing=missing,
        distinct=len(distinct),
        mean=mean,
        sd=sd,
        skewness=skewness,
        zeros=int(np.count_nonzero(known == 0)),
        quantiles={_level(level): float(value) for level, value in zip(QUANTILES, quantiles, strict=True)},
        fences=(float(low), float(high)),
        outside_fences=int(np.count_nonzero((known < low) | (known > high))),
        far_by_robust_z=int(np.count_nonzero(np.abs(robust_z(known)) > ROBUST_Z_LIMIT)),
        commonest=(float(distinct[common]), int(counts[common])),
    )


def profile_category(name: str, values: NDArray[np.object_], known_values: tuple[str, ...] = ()) -> CategoryProfile:
    """Profile text, object of shape (N,) with None or NaN for missing.

    Args:
        name: the column's name.
        values: the column.
        known_values: what the config promises, to see what never comes.
    """
    counts = count_values(values)
    ordered = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    never = tuple(value for value in known_values if value not in ordered)
    return CategoryProfile(name, len(values), len(values) - sum(ordered.values()), ordered, never)


def count_values(values: NDArray[np.object_]) -> dict[str, int]:
    """Count the values that are there, as text."""
    counted: dict[Hashable, int] = pd.Series(values, dtype=object).value_counts(dropna=True).to_dict()
    return {str(value): int(count) for value, count in counted.items()}


def robust_z(values: ArrayLike) -> NDArray[np.float64]:
    """Return modified z-scores, float64 of the given shape (N,): distance from the median in robust deviations.

    The deviation is the median absolute one, times 1.4826; where more than half of the values are equal, the mean
    absolute one times 1.2533 stands in (Iglewicz & Hoaglin, How to detect and handle outliers, 1993). All are 0 where
    all values are equal; NaN stays NaN.
    """
    given = np.asarray(values, dtype=np.float64)
    known = given[~np.isnan(given)]
    if not known.size:
        return given.copy()
    with np.errstate(all="ignore"):
        middle = np.median(known)
        away = np.abs(known - middle)
        scale = MAD_TO_SD * float(np.median(away)) or MEAN_AD_TO_SD * float(away.mean())
        scores: NDArray[np.float64] = (given - middle) / scale if scale else given - middle
    return scores


def _level(level: float) -> str:
    return number_text(level)
