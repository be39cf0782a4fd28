"""Comparison of the training part with the test part: the only study that reads test rows. It decides nothing.

After a seeded, shuffled split both parts should have the same distribution. If they differ, metrics of the test part describe
other rows than the model was fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from tabento.bundle.drift import (
    Counts,
    category_counts,
    chi_square_test,
    number_counts,
    population_stability_index,
    psi_by_chance,
    quantile_edges,
)
from training.config import ModelConfig
from training.studies.exploration.missing import SIGNIFICANCE


@dataclass(frozen=True)
class ColumnComparison:
    """One column in the training and in the test part."""

    name: str
    psi: float
    """The population stability index over the training part's deciles or categories; missing values have their own bin."""
    psi_by_chance: float
    """The mean index of two samples of these sizes from one distribution: (bins - 1) · (1/n + 1/m)."""
    test: Literal["Kolmogorov-Smirnov", "chi-square"]
    p_value: float
    """The p-value of equal distributions, times the number of columns (Bonferroni); at most 1."""
    missing_train: float
    missing_test: float

    @property
    def differs(self) -> bool:
        """Whether the difference is significant."""
        return self.p_value < SIGNIFICANCE


def compare_parts(config: ModelConfig, train: pd.DataFrame, test: pd.DataFrame) -> list[ColumnComparison]:
    """Compare every feature and the target.

    Args:
        config: the model's config.
        train: N validated rows.
        test: M validated rows.

    Returns:
        One comparison per feature in the contract's order, then the comparison of the target.
    """
    types = {feature.name: feature.type for feature in config.features}
    types[config.target.name] = "category" if config.target.classes else "number"
    comparisons = []
    for name, kind in types.items():
        parts = train[name], test[name]
        if kind in ("category", "boolean"):
            counts = _category_counts(*parts)
            p_value, used = chi_square_test(counts).p_value, "chi-square"
        else:
            numbers = [part.to_numpy(dtype=np.float64) for part in parts]
            counts = _bin_counts(*numbers)
            p_value, used = _kolmogorov_smirnov_p_value(*numbers), "Kolmogorov-Smirnov"
        comparisons.append(
            ColumnComparison(
                name=name,
                psi=population_stability_index(*counts),
                psi_by_chance=psi_by_chance(*counts),
                test=used,  # type: ignore[arg-type]
                p_value=min(1.0, p_value * len(types)),
                missing_train=float(parts[0].isna().mean()),
                missing_test=float(parts[1].isna().mean()),
            )
        )
    return comparisons


def _category_counts(train: pd.Series[Any], test: pd.Series[Any]) -> Counts:
    """Count the values of both parts: int64 of shape (2, values + 1), missing the last."""
    cells = [[None if pd.isna(value) else str(value) for value in part] for part in (train, test)]
    names = sorted({value for part in cells for value in part if value is not None})
    return np.array([category_counts(part, names)[1] for part in cells], dtype=np.int64)


def _bin_counts(train: NDArray[np.float64], test: NDArray[np.float64]) -> Counts:
    """Count both parts in the training part's deciles: int64 of shape (2, bins + 1), missing the last."""
    edges = quantile_edges(train)
    return np.array([number_counts(part, edges) for part in (train, test)], dtype=np.int64)


def _kolmogorov_smirnov_p_value(train: NDArray[np.float64], test: NDArray[np.float64]) -> float:
    left, right = train[~np.isnan(train)], test[~np.isnan(test)]
    if not left.size or not right.size:
        return 1.0
    return float(ks_2samp(left, right, method="asymp").pvalue)
