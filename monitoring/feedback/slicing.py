"""Slices: the parts of the rows for which live quality is shown, by one feature at a time.

A category and a boolean have one slice for each value. A number has up to four, which the reference's quantile bins divide.
A row's slices are stored as small integers, so no value of a feature leaves the prediction log.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.core_time import offer_core
from tabento.bundle.contract import Contract, Feature, parse_boolean, timestamp_seconds, timestamp_text
from tabento.bundle.reference import NumberDistribution, Reference

MISSING, OTHER, ABSENT = -1, -2, -3
"""The codes of a missing value, of a value outside the contract, and of a row without the value: it has no slice."""
MOST_FEATURES = 32
MOST_VALUES = 50
"""A category with more values has no slices."""
QUARTERS = (0.25, 0.5, 0.75)

Codes = NDArray[np.int16]


class SlicedFeature(msgspec.Struct):
    """A feature by which rows are sliced."""

    name: str
    kind: str
    """The feature's type in the contract."""
    labels: list[str]
    """The name of each slice; the code of a slice is its index."""
    edges: list[float] = []
    """Of a number, the inner edges of its slices: slice i holds edge i-1 < x <= edge i."""

    def label(self, code: int) -> str:
        """Return the name of a code."""
        if code == MISSING:
            return "missing"
        return self.labels[code] if 0 <= code < len(self.labels) else "other"

    def codes(self, numbers: NDArray[np.float64]) -> Codes:
        """Return the codes of a column of packed rows, shape (N,)."""
        missing = np.isnan(numbers)
        if self.edges:
            numbers_of_slices = np.searchsorted(np.asarray(self.edges), numbers, side="left")
        else:
            known_mask = (numbers >= 0) & (numbers < len(self.labels))
            numbers_of_slices = np.where(known_mask, np.nan_to_num(numbers), OTHER)
        return np.where(missing, MISSING, numbers_of_slices).astype(np.int16)

    def code(self, value: object) -> int:
        """Return the code of a value of the prediction log."""
        if value is None:
            return MISSING
        if self.edges:
            number = timestamp_seconds(value) if isinstance(value, str) else value
            if isinstance(number, bool) or not isinstance(number, int | float):
                return OTHER
            return int(np.searchsorted(np.asarray(self.edges), float(number), side="left"))
        if self.kind == "boolean":
            truth = parse_boolean(value)
            return OTHER if truth is None else int(truth)
        return self.labels.index(value) if isinstance(value, str) and value in self.labels else OTHER


def sliced_features(
    contract: Contract,
    reference: Reference,
    names: Sequence[str] = (),
    is_private: Callable[[str], bool] | None = None,
) -> list[SlicedFeature]:
    """Return the features by which rows of a model are sliced.

    Args:
        contract: the model's contract.
        reference: the distributions that divide numbers.
        names: the features; none means all that can be sliced.
        is_private: returns whether a feature is private. Such a feature has no slices.
    """
    features = [feature for feature in contract.features if not names or feature.name in names]
    slices = (_slice(feature, reference) for feature in features if is_private is None or not is_private(feature.name))
    return [item for item in slices if item is not None][:MOST_FEATURES]


def slice_codes(features: Sequence[SlicedFeature], contract: Contract, numbers: NDArray[np.float64]) -> Codes:
    """Return the codes of packed rows, shape (N, S).

    Args:
        features: S features by which rows are sliced.
        contract: the model's contract.
        numbers: N packed rows, shape (N, F).
    """
    codes = np.empty((len(numbers), len(features)), np.int16)
    for column, feature in enumerate(features):
        offer_core()
        codes[:, column] = feature.codes(numbers[:, contract.feature_names.index(feature.name)])
    return codes


def logged_codes(features: Sequence[SlicedFeature], values: Mapping[str, Any], private: Collection[str] = ()) -> Codes:
    """Return the codes of one row of the prediction log, shape (S,).

    Args:
        features: S features by which rows are sliced.
        values: the logged values of the features.
        private: the names of the features whose values are not logged.
    """
    names = [feature.name for feature in features]
    return np.array(
        [
            feature.code(values[name]) if name in values and name not in private else ABSENT
            for name, feature in zip(names, features, strict=True)
        ],
        np.int16,
    )


def _slice(feature: Feature, reference: Reference) -> SlicedFeature | None:
    if feature.type == "boolean":
        return SlicedFeature(feature.name, feature.type, ["false", "true"])
    if feature.type == "category":
        categories = feature.categories or ()
        return SlicedFeature(feature.name, feature.type, list(categories)) if len(categories) <= MOST_VALUES else None
    distribution = reference.features.get(feature.name)
    if feature.type == "text" or not isinstance(distribution, NumberDistribution) or not distribution.edges:
        return None
    totals = np.cumsum(distribution.shares)[:-1]
    indices = sorted({int(np.argmin(np.abs(totals - quarter))) for quarter in QUARTERS})
    edges = [distribution.edges[index] for index in indices]
    words = [timestamp_text(edge) if feature.type == "timestamp" else _edge_text(edge) for edge in edges]
    middle = [f"above {low} to {high}" for low, high in pairwise(words)]
    return SlicedFeature(feature.name, feature.type, [f"to {words[0]}", *middle, f"above {words[-1]}"], edges)


def _edge_text(edge: float) -> str:
    """Return an edge with enough digits to distinguish adjacent edges."""
    return f"{edge:,.6g}"  # rounded: a quantile of the training data
