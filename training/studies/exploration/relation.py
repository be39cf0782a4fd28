"""Relations to the target: its course along each feature, and the strength of its association with each feature."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr, t
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
from threadpoolctl import threadpool_limits

from training.config import ModelConfig
from training.studies.exploration.association import MISSING_LABEL, codes_of, correlation_ratio, cramers_v
from training.studies.texts import format_distinct

BINS = 10
"""A number is divided at its deciles."""
CONFIDENCE = 0.95
NEIGHBOURS = 3
"""The number of neighbours for the estimate of mutual information; scikit-learn's default."""


@dataclass(frozen=True)
class Interval:
    """A mean or share with its confidence interval of 95%."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """Rows with similar values of a feature, with their target."""

    label: str
    rows: int
    target: tuple[Interval, ...]
    """A regression: the mean. Two classes: the share of the second. More: the share of each."""


@dataclass(frozen=True)
class Relation:
    """The relation of a feature to the target."""

    name: str
    bins: tuple[Bin, ...]
    mutual_information: float
    """In nats, by nearest neighbours (A. Kraskov et al., 2004; B. C. Ross, 2014); 0 means independent."""
    association: float
    """The strength by ``measure``; NaN if the feature or the target does not vary."""
    measure: Literal["Spearman's ρ", "2·AUC - 1", "η", "Cramér's V"]


def shown_classes(config: ModelConfig) -> tuple[str, ...]:
    """Return the labels whose shares are shown: of two classes the second; for a regression none."""
    labels = tuple(str(item.label) for item in config.target.classes or ())
    return labels[1:] if len(labels) == 2 else labels


def relate(config: ModelConfig, frame: pd.DataFrame) -> list[Relation]:
    """Relate each feature to the target.

    Args:
        config: the model's config.
        frame: N validated rows, or a sample of them.
    """
    target = frame[config.target.name].to_numpy(dtype=np.float64)
    n_classes = len(config.target.classes or ())
    relations = []
    for feature in config.features:
        if feature.type == "category":
            codes = codes_of(frame[feature.name].to_numpy(dtype=object))
            groups, labels = _category_groups(frame[feature.name])
            association, measure = (
                (cramers_v(codes, target.astype(np.int64)), "Cramér's V")
                if n_classes
                else (correlation_ratio(codes, target), "η")
            )
            information = _mutual_information(codes.astype(np.float64), target, n_classes, config.seed, discrete=True)
        else:
            values = frame[feature.name].to_numpy(dtype=np.float64)
            groups, labels = number_groups(values, yes_no=feature.type == "boolean")
            association, measure = _number_association(values, target, n_classes)
            is_known = ~np.isnan(values)
            information = _mutual_information(
                values[is_known], target[is_known], n_classes, config.seed, discrete=feature.type == "boolean"
            )
        bins = tuple(
            Bin(label, int((groups == group).sum()), _group_target(target[groups == group], n_classes))
            for group, label in enumerate(labels)
        )
        relations.append(Relation(feature.name, bins, information, association, measure))  # type: ignore[arg-type]
    return relations


def number_groups(values: NDArray[np.float64], *, yes_no: bool = False) -> tuple[NDArray[np.int64], list[str]]:
    """Divide a number at its deciles, or by value if it has few; missing values are the last group.

    Returns:
        The group of each row, int64 of shape (N,), and the groups' labels.
    """
    is_known = ~np.isnan(values)
    groups = np.full(values.size, -1, dtype=np.int64)
    distinct = np.unique(values[is_known])
    if len(distinct) <= BINS:
        groups[is_known] = np.searchsorted(distinct, values[is_known])
        labels = [("yes" if value else "no") for value in distinct] if yes_no else format_distinct(distinct.tolist())
    else:
        edges = np.unique(np.quantile(values[is_known], np.linspace(0, 1, BINS + 1)))
        groups[is_known] = np.clip(np.searchsorted(edges, values[is_known], side="left") - 1, 0, len(edges) - 2)
        labels = [f"{low} … {high}" for low, high in pairwise(format_distinct(edges.tolist()))]
    if not is_known.all():
        groups[~is_known] = len(labels)
        labels.append(MISSING_LABEL)
    return groups, labels


def _category_groups(column: pd.Series[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Group by category: the most frequent first, then all rare categories together, then missing values."""
    counts = column.value_counts(dropna=True)
    names = sorted(counts.index, key=lambda name: (-counts[name], str(name)))
    places = {name: min(place, BINS) for place, name in enumerate(names)}
    labels = [str(name) for name in names[:BINS]] + (["others"] if len(names) > BINS else [])
    missing = column.isna().to_numpy()
    groups = np.array([places.get(value, len(labels)) for value in column.to_numpy(dtype=object)], dtype=np.int64)
    return groups, [*labels, MISSING_LABEL] if missing.any() else labels


def _group_target(target: NDArray[np.float64], n_classes: int) -> tuple[Interval, ...]:
    if not n_classes:
        return (mean_interval(target),)
    classes = (1,) if n_classes == 2 else range(n_classes)
    return tuple(share_interval(int((target == place).sum()), len(target)) for place in classes)


def mean_interval(values: NDArray[np.float64]) -> Interval:
    """Return a mean with Student's interval; the interval of a single value is the value."""
    if not values.size:
        return Interval(np.nan, np.nan, np.nan)
    mean = float(values.mean())
    if values.size == 1:
        return Interval(mean, mean, mean)
    half = float(t.ppf((1 + CONFIDENCE) / 2, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size))
    return Interval(mean, mean - half, mean + half)


def share_interval(hits: int, rows: int) -> Interval:
    """Return a share with E. B. Wilson's score interval (1927), which stays within 0 and 1."""
    if not rows:
        return Interval(np.nan, np.nan, np.nan)
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    share = hits / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    # If all or no rows are hits, one end is the share itself, except for rounding.
    return Interval(share, min(share, max(0.0, float(middle - half))), max(share, min(1.0, float(middle + half))))


def _number_association(
    values: NDArray[np.float64], target: NDArray[np.float64], n_classes: int
) -> tuple[float, Literal["Spearman's ρ", "2·AUC - 1", "η"]]:
    is_known = ~np.isnan(values)
    values, target = values[is_known], target[is_known]
    measure: Literal["Spearman's ρ", "2·AUC - 1", "η"] = (
        "Spearman's ρ" if not n_classes else "2·AUC - 1" if n_classes == 2 else "η"
    )
    if len(np.unique(values)) < 2 or len(np.unique(target)) < 2:
        return float("nan"), measure
    if n_classes > 2:
        return correlation_ratio(target.astype(np.int64), values), measure
    if n_classes == 2:
        return _rank_biserial(values, target == 1), measure
    return float(spearmanr(values, target).statistic), measure


def _rank_biserial(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return 2·AUC - 1 of a number as a score of the positive class, -1 … 1 (H. B. Mann & D. R. Whitney, 1947)."""
    ranks = pd.Series(values).rank().to_numpy()
    hits = int(positive.sum())
    area = (ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * (len(values) - hits))
    return float(2 * area - 1)


def _mutual_information(
    values: NDArray[np.float64], target: NDArray[np.float64], n_classes: int, seed: int, *, discrete: bool
) -> float:
    """Return the mutual information of one feature and the target, in nats; 0 if there are too few rows."""
    if len(values) <= NEIGHBOURS + 1 or len(np.unique(values)) < 2 or len(np.unique(target)) < 2:
        return 0.0
    estimate = mutual_info_classif if n_classes else mutual_info_regression
    with threadpool_limits(limits=1):
        return float(
            estimate(
                values.reshape(-1, 1),
                target,
                discrete_features=discrete,
                n_neighbors=NEIGHBOURS,
                random_state=seed,
                n_jobs=1,
            )[0]
        )
