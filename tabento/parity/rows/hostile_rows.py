"""Hostile rows: the rows on which an export that is nearly right goes wrong.

They are made from real rows, so that all values except the hostile one are plausible. They are within the contract's ranges.
Only integers can have a fraction here, because a threshold is between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import UNKNOWN_CATEGORY, Contract, Feature, timestamp_seconds
from tabento.parity.rows.hostile_texts import text_rows
from tabento.parity.rows.threshold_rows import threshold_rows
from tabento.parity.rows.thresholds import Threshold
from tabento.tables.frames import to_frame
from tabento.tables.texts import text_of

EDGE_BASES = 20
"""The number of rows on which each edge is tested, if there is room."""
MIXED_SEED = 25
MIXED_SHARE = 20
"""One of this number of rows is mixed from others."""
UNKNOWN_STRINGS = ("", " ", "?", "nan", "None", "0", "ÄÖÜß", "カテゴリ", "🍏", "a\u0301", "x" * 300)
"""Strings that a client can send for a category and that the contract does not list."""


@dataclass(frozen=True)
class Rows:
    """One kind of rows: packed as in a request, and as the pipeline sees them."""

    name: str
    packed: NDArray[np.float64]
    """Shape (N, F)."""
    frame: pd.DataFrame
    """N rows, as ``tabento.tables.frames.to_frame`` makes them."""

    def select(self, indices: NDArray[np.intp]) -> Rows:
        """Return the rows with some indices."""
        return Rows(self.name, self.packed[indices], self.frame.iloc[indices].reset_index(drop=True))


def hostile_rows(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], thresholds: Sequence[Threshold], max_rows: int
) -> list[Rows]:
    """Return every kind of hostile rows: on thresholds, around computed thresholds, on edges, mixed, with unknown categories.

    Args:
        pipeline: fitted.
        contract: the columns.
        rows: float64 of shape (N, F), N at least 1.
        thresholds: the thresholds of the pipeline's objects, from ``tabento.parity.rows.thresholds.thresholds_of``.
        max_rows: the approximate maximum number of rows.
    """
    edges = edge_rows(contract, rows, max_rows // 4)
    texts = text_rows(contract, rows, max_rows // 4)
    unknown = unknown_rows(contract, rows, max_rows // 20)
    mixed = mixed_rows(rows, max_rows // MIXED_SHARE)
    room = max(max_rows - len(edges) - len(unknown.packed) - len(mixed) - len(texts), 8)
    exact, around = threshold_rows(pipeline, contract, rows, thresholds, room)
    packed = {"thresholds": exact, "derived_thresholds": around, "edges": edges, "mixed": mixed}
    if len(texts):
        packed["texts"] = texts
    return [*(Rows(name, kind_rows, to_frame(kind_rows, contract)) for name, kind_rows in packed.items()), unknown]


_DATES = (
    "1582-10-15",
    "1600-02-29",
    "1600-03-01",
    "1900-02-28",
    "1900-03-01",
    "1969-12-31",
    "1970-01-01",
    "1999-12-31",
    "2000-01-01",
    "2000-02-29",
    "2000-03-01",
    "2024-02-29",
    "2024-12-31",
    "2025-01-01",
    "2100-02-28",
    "2100-03-01",
)
"""Days at which parts of a date change: ends of years, days near the end of February, both sides of 1970."""
_TIMES = ("00:00:00", "00:00:00.5", "11:59:59.999", "12:00:00", "23:59:59", "23:59:59.999999")


def edge_rows(contract: Contract, rows: NDArray[np.float64], max_rows: int = 5000) -> NDArray[np.float64]:
    """Return rows with one extreme value each, and some with extreme values in all columns, float64 of shape (E, F).

    For each feature: both ends of its range, zero and the smallest and largest magnitudes inside the range, every category,
    an unknown category if it is ignored, true and false, and missing if it is allowed. Then all nullable features missing,
    all categories unknown, and all numbers at their lower or upper end.
    """
    all_columns: list[dict[int, float]] = [
        {index: np.nan for index, feature in enumerate(contract.features) if feature.nullable},
        {index: UNKNOWN_CATEGORY for index, feature in enumerate(contract.features) if feature.unknown == "ignore"},
        {index: feature.lower for index, feature in enumerate(contract.features) if feature.ordered},
        {index: feature.upper for index, feature in enumerate(contract.features) if feature.ordered},
    ]
    changes = [{index: value} for index, feature in enumerate(contract.features) for value in _extremes(feature)]
    changes += [change for change in all_columns if change]
    if not changes:
        return rows[:0]
    bases = min(EDGE_BASES, len(rows), max(max_rows // len(changes), 1))
    base_rows = rows[np.linspace(0, len(rows) - 1, bases).astype(np.intp)]
    edge = np.tile(base_rows, (len(changes), 1))
    for number, change in enumerate(changes):
        part = edge[number * bases : (number + 1) * bases]
        for index, value in change.items():
            part[:, index] = value
    if len(edge) > max_rows:
        edge = edge[np.linspace(0, len(edge) - 1, max(max_rows, 1)).astype(np.intp)]
    return edge


def unknown_rows(contract: Contract, rows: NDArray[np.float64], max_rows: int = 1000) -> Rows:
    """Return rows with strings that the contract does not list but ignores; the pipeline sees the string itself.

    If the contract refuses every unknown string, there are no rows.
    """
    changes = [
        (index, feature, text)
        for index, feature in enumerate(contract.features)
        if feature.unknown == "ignore"
        for text in UNKNOWN_STRINGS
        if feature.normalise(text) == text and text not in (feature.categories or ())
    ][: max(max_rows, 1)]
    packed = rows[np.arange(len(changes)) % len(rows)].copy()
    for number, (index, _, _) in enumerate(changes):
        packed[number, index] = UNKNOWN_CATEGORY
    frame = to_frame(packed, contract)
    for number, (_, feature, text) in enumerate(changes):
        frame.loc[number, feature.name] = text
    return Rows("unknown_categories", packed, frame)


def refusals(contract: Contract) -> tuple[str, ...]:
    """Return the kinds of values that the service refuses before the graph runs, and that are therefore not compared."""
    refused_kinds = ["numbers that are infinite or not a number", "numbers outside their range"]
    missing = [feature.name for feature in contract.features if not feature.nullable]
    if missing:
        refused_kinds.append(f"missing values of {', '.join(missing)}")
    if contract.texts:
        refused_kinds.append("texts that are too long or have lone surrogates")
    unknown = [
        feature.name for feature in contract.features if feature.type == "category" and feature.unknown == "refuse"
    ]
    if unknown:
        refused_kinds.append(f"unknown categories of {', '.join(unknown)}")
    return tuple(refused_kinds)


def keeps_contract(rows: NDArray[np.float64], contract: Contract) -> NDArray[np.bool_]:
    """Return the mask of packed rows that a client can send, shape (N,); integers with a fraction are allowed."""
    mask = np.ones(len(rows), dtype=bool)
    for feature, column in zip(contract.features, rows.T, strict=True):
        missing = np.isnan(column)
        if feature.type == "category":
            lowest = UNKNOWN_CATEGORY if feature.unknown == "ignore" else 0.0
            is_inside = (column >= lowest) & (column < len(feature.categories or ()))
        elif feature.type == "boolean":
            is_inside = (column == 0.0) | (column == 1.0)
        elif feature.type == "text":
            is_inside = np.array([feature.takes_text(text_of(number) or "") for number in column.tolist()], dtype=bool)
        else:
            is_inside = (column >= feature.lower) & (column <= feature.upper)
        mask &= np.where(missing, feature.nullable, is_inside)
    return mask


def has_whole_integers(rows: NDArray[np.float64], contract: Contract) -> NDArray[np.bool_]:
    """Return the mask of packed rows without a fraction in an integer, shape (N,). No client can send such a fraction."""
    mask = np.ones(len(rows), dtype=bool)
    for feature, column in zip(contract.features, rows.T, strict=True):
        if feature.type == "integer":
            mask &= np.isnan(column) | (column == np.floor(column))
    return mask


def mixed_rows(rows: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return rows that take each value from a random row: values of the table's own resolution, which produce ties.

    Args:
        rows: float64 of shape (N, F).
        count: the number of rows to make.
    """
    sources = np.random.default_rng(MIXED_SEED).integers(0, len(rows), (count, rows.shape[1]))
    return np.take_along_axis(rows, sources, axis=0)


def _extremes(feature: Feature) -> list[float]:
    missing = [np.nan] if feature.nullable else []
    if feature.type == "category":
        unknown = [UNKNOWN_CATEGORY] if feature.unknown == "ignore" else []
        return [float(code) for code in range(len(feature.categories or ()))] + unknown + missing
    if feature.type == "boolean":
        return [0.0, 1.0, *missing]
    if feature.type == "text":
        return missing  # see ``text_rows``
    if feature.type == "timestamp":
        moments = [timestamp_seconds(f"{day}T{time}Z") for day in _DATES for time in _TIMES]
        in_range = [moment for moment in moments if moment is not None and feature.lower <= moment <= feature.upper]
        return [feature.lower, feature.upper, *in_range, *missing]
    double, single = np.finfo(np.float64), np.finfo(np.float32)
    far = [0.0, -0.0, 1.0, -1.0, 1e15, -1e15]
    if feature.type == "number":
        small = (double.smallest_subnormal, double.tiny, single.smallest_subnormal, single.tiny, 1e-300, 1e-8)
        far += [sign * float(value) for value in small for sign in (1, -1)]
    in_range = [value for value in far if feature.lower <= value <= feature.upper]
    return [feature.lower, feature.upper, *in_range, *missing]
