"""Drift: the distance of new rows from the rows that the champion learned from.

The population stability index of each column over the bins of the champion's ``reference.json`` decides: below 0.1 nothing
has moved, from 0.1 the shift is moderate, from 0.2 the model should be trained again. Missing values are a bin of their own.
Pearson's chi-square test over the same bins is computed as well, and for numbers the Kolmogorov–Smirnov distance at the
edges. With many rows these tests find differences that do not matter. With few rows they prevent that chance is taken for
drift. ``tabento.bundle.drift`` has the formulas and their sources.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kstwobign

from tabento.bundle.contract import Feature, Strict, label_key
from tabento.bundle.drift import (
    PSI_MODERATE,
    category_counts,
    chi_square_test,
    number_counts,
    population_stability_index,
)
from tabento.bundle.reference import UNKNOWN_VALUE, CategoryDistribution, NumberDistribution, Reference
from tabento.tables.texts import text_lengths
from training.config import ModelConfig

PSI_RETRAIN = 0.2
ALPHA = 0.05
"""The significance level. A column with a higher p-value has not drifted, regardless of its index."""

Level = Literal["none", "moderate", "retrain"]


class ColumnDrift(Strict):
    """The drift of one column."""

    name: str
    role: Literal["feature", "target"]
    psi: float
    """The population stability index over the reference's bins."""
    level: Level
    """The level of the index, if chance does not explain it."""
    p_value: float
    """The p-value of the chi-square test over the bins; 1 if both have a single bin."""
    ks: float | None
    """The largest distance of the two distribution functions at the edges; None for a category."""
    ks_p_value: float | None
    """An upper bound of its p-value: between the edges the distance may be larger."""
    missing_before: float
    """The share of missing values in the reference."""
    missing_now: float


class DriftReport(Strict):
    """The drift of a data set."""

    rows: int
    columns: tuple[ColumnDrift, ...]
    """Features in the contract's order, then the target."""

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The columns that drifted far enough for a new training."""
        return tuple(column for column in self.columns if column.level == "retrain")

    @property
    def psi_max(self) -> float:
        """The largest index of all columns; 0 without columns."""
        return max((column.psi for column in self.columns), default=0.0)


def measure_drift(reference: Reference, frame: pd.DataFrame, config: ModelConfig) -> DriftReport:
    """Measure the drift of new rows from the champion's reference.

    Args:
        reference: the champion's reference.
        frame: N new rows as ``training.data.validation.validate`` types them.
        config: the types of the columns. A feature that the reference does not have is omitted.
    """
    columns = [
        _drift(feature.name, "feature", reference.features[feature.name], _cells(frame[feature.name], feature))
        for feature in config.features
        if feature.name in reference.features and _fits(reference.features[feature.name], feature)
    ]
    if reference.target is not None:
        target = frame[config.target.name].to_numpy(dtype=np.float64)
        if config.target.classes is None and isinstance(reference.target, NumberDistribution):
            columns.append(_drift(config.target.name, "target", reference.target, target))
        elif config.target.classes is not None and isinstance(reference.target, CategoryDistribution):
            keys = np.array([label_key(item.label) for item in config.target.classes], dtype=object)
            columns.append(_drift(config.target.name, "target", reference.target, keys[target.astype(np.intp)]))
    return DriftReport(rows=len(frame), columns=tuple(columns))


def level_of(index: float, p_value: float) -> Level:
    """Return the level of an index; ``none`` if chance explains it."""
    if p_value >= ALPHA or index < PSI_MODERATE:
        return "none"
    return "moderate" if index < PSI_RETRAIN else "retrain"


def _fits(before: NumberDistribution | CategoryDistribution, feature: Feature) -> bool:
    return isinstance(before, NumberDistribution) == (feature.ordered or feature.type == "text")


def _cells(column: pd.Series[Any], feature: Feature) -> NDArray[np.float64] | NDArray[np.object_]:
    """Return a column as numbers with NaN, or as the keys of the reference's shares with None."""
    if feature.ordered:
        return column.to_numpy(dtype=np.float64)
    if feature.type == "text":
        return text_lengths(column)
    if feature.type == "boolean":
        words = {0.0: "false", 1.0: "true"}
        return np.array([words.get(value) for value in column.to_numpy(dtype=np.float64)], dtype=object)
    categories = set(feature.categories or ())
    cells = [None if pd.isna(value) else value if value in categories else UNKNOWN_VALUE for value in column]
    return np.array(cells, dtype=object)


def _drift(
    name: str,
    role: Literal["feature", "target"],
    before: NumberDistribution | CategoryDistribution,
    cells: NDArray[np.float64] | NDArray[np.object_],
) -> ColumnDrift:
    ks, ks_p_value = None, None
    if isinstance(before, NumberDistribution):
        edges = np.asarray(before.edges, dtype=np.float64)
        shares = np.asarray(before.shares, dtype=np.float64)
        counts = number_counts(cells.astype(np.float64), edges)
        if counts[:-1].sum() and edges.size:
            ks, ks_p_value = _kolmogorov_smirnov(shares, before.count, counts[:-1])
    else:
        names, counts = category_counts(cells.tolist(), tuple(before.shares))
        shares = np.array([before.shares.get(name, 0.0) for name in names], dtype=np.float64)
    missing_before = before.count * before.null_rate / (1 - before.null_rate) if before.null_rate < 1 else 0.0
    counts_before = np.append(shares * before.count, missing_before)
    index = population_stability_index(counts_before, counts)
    p_value = chi_square_test([counts_before, counts]).p_value
    return ColumnDrift(
        name=name,
        role=role,
        psi=index,
        level=level_of(index, p_value),
        p_value=p_value,
        ks=ks,
        ks_p_value=ks_p_value,
        missing_before=before.null_rate,
        missing_now=float(counts[-1] / len(cells)) if len(cells) else 0.0,
    )


def _kolmogorov_smirnov(shares: NDArray[np.float64], count: int, counts: NDArray[np.int64]) -> tuple[float, float]:
    """Return the distance of two distribution functions at the edges between bins, and its asymptotic p-value."""
    now = int(counts.sum())
    distance = float(np.abs(np.cumsum(shares)[:-1] - np.cumsum(counts)[:-1] / now).max())
    effective = count * now / (count + now)
    return distance, float(kstwobign.sf(np.sqrt(effective) * distance))
