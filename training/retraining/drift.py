"""Drift: how far new rows have moved from those that the champion learned from.

The population stability index (D. Lewis, An Introduction to Credit Scoring, 1992) of each column over the bins of the
champion's ``reference.json`` decides: below 0.1 nothing moved, from 0.1 a little, from 0.2 so much that the model should
be trained anew. Missing values are a bin of their own. Beside it stands Pearson's chi-square test over the same bins, and
for numbers the Kolmogorov–Smirnov distance at the edges: with many rows they find differences that do not matter, with
few rows they keep chance from passing for drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, kstwobign

from bundle.contract import Feature, Strict, label_key
from bundle.reference import UNKNOWN_VALUE, CategoryDistribution, NumberDistribution, Reference
from training.config import ModelConfig
from training.texts import text_lengths

PSI_MODERATE = 0.1
PSI_RETRAIN = 0.2
ALPHA = 0.05
"""A column whose difference chance makes more often than this has not drifted, whatever its index."""
SHARE_MIN = 1e-4
"""What an empty bin counts as: the index takes logarithms."""

Level = Literal["none", "moderate", "retrain"]


class ColumnDrift(Strict):
    """How far one column moved."""

    name: str
    role: Literal["feature", "target"]
    psi: float
    """The population stability index over the reference's bins."""
    level: Level
    """What the index says, where chance does not explain it."""
    p_value: float
    """Of the chi-square test over the bins; 1 where both have a single bin."""
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
        """The columns that ask for training anew."""
        return tuple(column for column in self.columns if column.level == "retrain")

    @property
    def drifted_share(self) -> float:
        """The share of columns that ask for training anew; 0 without columns."""
        return len(self.drifted) / len(self.columns) if self.columns else 0.0

    @property
    def psi_max(self) -> float:
        """The largest index of all columns; 0 without columns."""
        return max((column.psi for column in self.columns), default=0.0)


def measure_drift(reference: Reference, frame: pd.DataFrame, config: ModelConfig) -> DriftReport:
    """Measure how far new rows have moved from the champion's reference.

    Args:
        reference: the champion's.
        frame: N new rows as ``training.data.validation.validate`` types them.
        config: what the columns mean. A feature that the reference does not have is left out.
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


def psi(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Return the population stability index Σ (q - p) · ln(q / p) of two distributions over the same K bins.

    Args:
        before: the shares p, float64 of shape (K,).
        now: the shares q, of the same shape. A share below ``SHARE_MIN`` counts as that.
    """
    p, q = np.maximum(before, SHARE_MIN), np.maximum(now, SHARE_MIN)
    return float(np.sum((q - p) * np.log(q / p)))


def level_of(index: float, p_value: float) -> Level:
    """Say what an index means, where chance does not explain it."""
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
    known = set(feature.categories or ())
    cells = [None if pd.isna(value) else value if value in known else UNKNOWN_VALUE for value in column]
    return np.array(cells, dtype=object)


def _drift(
    name: str,
    role: Literal["feature", "target"],
    before: NumberDistribution | CategoryDistribution,
    cells: NDArray[np.float64] | NDArray[np.object_],
) -> ColumnDrift:
    missing = pd.isna(cells)
    there = cells[~missing]
    ks, ks_p_value = None, None
    if isinstance(before, NumberDistribution):
        edges = np.asarray(before.edges, dtype=np.float64)
        counts = np.bincount(np.searchsorted(edges, there.astype(np.float64), side="left"), minlength=edges.size + 1)
        shares = np.asarray(before.shares, dtype=np.float64)
        if there.size and edges.size:
            ks, ks_p_value = _kolmogorov_smirnov(shares, before.count, counts)
    else:
        shares, counts = _category_counts(before.shares, there)
    # Missing values are one bin more.
    p = np.append(shares * (1 - before.null_rate), before.null_rate)
    found = np.append(counts, missing.sum())
    reference_rows = before.count / (1 - before.null_rate) if before.null_rate < 1 else before.count
    p_value = _chi_square(p * reference_rows, found)
    index = psi(p, found / max(found.sum(), 1))
    return ColumnDrift(
        name=name,
        role=role,
        psi=index,
        level=level_of(index, p_value),
        p_value=p_value,
        ks=ks,
        ks_p_value=ks_p_value,
        missing_before=before.null_rate,
        missing_now=float(missing.mean()) if len(cells) else 0.0,
    )


def _category_counts(
    shares: Mapping[str, float], values: NDArray[np.float64] | NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the shares before and the counts now over the same values, those that are new ones included."""
    found = pd.Series(values, dtype=object).value_counts()
    names = [*shares, *sorted(str(value) for value in found.index if value not in shares)]
    before = np.array([shares.get(name, 0.0) for name in names], dtype=np.float64)
    return before, np.array([found.get(name, 0) for name in names], dtype=np.intp)


def _chi_square(before: NDArray[np.float64], now: NDArray[np.float64] | NDArray[np.intp]) -> float:
    """Return the p-value of Pearson's chi-square test that two rows of counts, both of shape (K,), are of one kind."""
    table = np.array([before, now], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return 1.0
    return float(chi2_contingency(table, correction=False).pvalue)


def _kolmogorov_smirnov(shares: NDArray[np.float64], count: int, counts: NDArray[np.intp]) -> tuple[float, float]:
    """Return the distance of two distribution functions at the edges between bins, and its asymptotic p-value."""
    now = int(counts.sum())
    distance = float(np.abs(np.cumsum(shares)[:-1] - np.cumsum(counts)[:-1] / now).max())
    effective = count * now / (count + now)
    return distance, float(kstwobign.sf(np.sqrt(effective) * distance))
