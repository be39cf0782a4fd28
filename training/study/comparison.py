"""Comparison of the two parts of the split: the only place of the studies that sees test rows. It decides nothing.

A seeded, shuffled split should leave nothing to see here. If it does, an evaluation on the test part speaks of other
rows than those that were learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from training.config import ModelConfig
from training.study.missing import SIGNIFICANCE, independence

PSI_BINS = 10
PSI_NOTABLE = 0.1
"""From here on the population stability index is usually called a moderate shift (N. Siddiqi, 2006), 0.25 a large one."""


@dataclass(frozen=True)
class ColumnComparison:
    """One column in the training and in the test part."""

    name: str
    psi: float
    """The population stability index over the training part's deciles or categories; missing is a bin of its own."""
    psi_by_chance: float
    """What two samples of these sizes from one source have on average: (bins - 1) · (1/n + 1/m)."""
    test: Literal["Kolmogorov-Smirnov", "chi-square"]
    p_value: float
    """Of both parts having one distribution, times the number of columns (Bonferroni); at most 1."""
    missing_train: float
    missing_test: float

    @property
    def differs(self) -> bool:
        """Whether chance does not explain the difference."""
        return self.p_value < SIGNIFICANCE


def compare_parts(config: ModelConfig, train: pd.DataFrame, test: pd.DataFrame) -> list[ColumnComparison]:
    """Compare every feature and the target.

    Args:
        config: the model's config.
        train: N validated rows.
        test: M validated rows.

    Returns:
        One comparison per feature in the contract's order, then the target's.
    """
    types = {feature.name: feature.type for feature in config.features}
    types[config.target.name] = "category" if config.target.classes else "number"
    found = []
    for name, kind in types.items():
        parts = train[name], test[name]
        if kind in ("category", "boolean"):
            counts = _category_counts(*parts)
            p_value, used = independence(counts), "chi-square"
        else:
            numbers = [part.to_numpy(dtype=np.float64) for part in parts]
            counts = _bin_counts(*numbers)
            p_value, used = _same_distribution(*numbers), "Kolmogorov-Smirnov"
        found.append(
            ColumnComparison(
                name=name,
                psi=stability_index(*counts),
                psi_by_chance=(np.count_nonzero(counts.sum(axis=0)) - 1) * (1 / len(train) + 1 / len(test)),
                test=used,  # type: ignore[arg-type]
                p_value=min(1.0, p_value * len(types)),
                missing_train=float(parts[0].isna().mean()),
                missing_test=float(parts[1].isna().mean()),
            )
        )
    return found


def stability_index(expected: NDArray[np.int64], actual: NDArray[np.int64]) -> float:
    """Return the population stability index of two vectors of counts: Σ (p - q) · ln(p / q).

    It is the symmetrised Kullback-Leibler divergence (S. Kullback & R. A. Leibler, 1951). Half a row is added to every
    bin, so that an empty one gives no infinity.
    """
    used = (expected + actual) > 0
    p = (expected[used] + 0.5) / (expected[used] + 0.5).sum()
    q = (actual[used] + 0.5) / (actual[used] + 0.5).sum()
    return float(np.sum((p - q) * np.log(p / q)))


def _category_counts(train: pd.Series[Any], test: pd.Series[Any]) -> NDArray[np.int64]:
    """Count the values of both parts: int64 of shape (2, values), missing the last."""
    counts = [part.value_counts(dropna=True) for part in (train, test)]
    values = sorted(set(counts[0].index) | set(counts[1].index), key=str)
    return np.array(
        [
            [*(int(count.get(value, 0)) for value in values), int(part.isna().sum())]
            for count, part in zip(counts, (train, test), strict=True)
        ],
        dtype=np.int64,
    )


def _bin_counts(train: NDArray[np.float64], test: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count both parts in the training part's deciles: int64 of shape (2, bins), missing the last."""
    known = train[~np.isnan(train)]
    levels = np.linspace(0, 1, PSI_BINS + 1)[1:-1]
    edges = np.unique(np.quantile(known, levels)) if known.size else np.empty(0)
    counts = []
    for part in (train, test):
        there = part[~np.isnan(part)]
        inside = np.bincount(np.searchsorted(edges, there, side="left"), minlength=len(edges) + 1)
        counts.append([*inside.tolist(), part.size - there.size])
    return np.array(counts, dtype=np.int64)


def _same_distribution(train: NDArray[np.float64], test: NDArray[np.float64]) -> float:
    one, other = train[~np.isnan(train)], test[~np.isnan(test)]
    if not one.size or not other.size:
        return 1.0
    return float(ks_2samp(one, other, method="asymp").pvalue)
