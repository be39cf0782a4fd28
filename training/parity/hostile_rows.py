"""Hostile rows: where an export that is nearly right goes wrong.

Made from real rows, so that everything but the hostile value is plausible. They lie within the contract's ranges; only
integers may get a fraction here, because a threshold lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import UNKNOWN_CATEGORY, Contract, Feature, timestamp_seconds
from training.frames import to_frame
from training.parity.cut_rows import cut_rows
from training.parity.cuts import Cut
from training.parity.hostile_texts import text_rows
from training.texts import text_of

EDGE_BASES = 20
"""On how many rows each edge is tried, where there is room."""
MIXED_SEED = 25
MIXED_SHARE = 20
"""One row of so many is mixed from others."""
UNKNOWN_STRINGS = ("", " ", "?", "nan", "None", "0", "ÄÖÜß", "カテゴリ", "🍏", "a\u0301", "x" * 300)
"""Strings that a client may send for a category that the contract does not list."""


@dataclass(frozen=True)
class Rows:
    """One kind of rows: as they travel, and as the pipeline sees them."""

    name: str
    packed: NDArray[np.float64]
    """Shape (N, F)."""
    frame: pd.DataFrame
    """N rows, as ``training.frames.to_frame`` makes them."""

    def select(self, places: NDArray[np.intp]) -> Rows:
        """Return some of the rows."""
        return Rows(self.name, self.packed[places], self.frame.iloc[places].reset_index(drop=True))


def hostile_rows(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], cuts: Sequence[Cut], max_rows: int
) -> list[Rows]:
    """Return every kind of hostile rows: on cuts, around derived ones, on edges, mixed, with unknown categories.

    Args:
        pipeline: fitted.
        contract: the columns.
        rows: float64 of shape (N, F), N at least 1.
        cuts: what the objects of the pipeline cut, from ``training.parity.cuts.cuts_of``.
        max_rows: about how many rows are made at most.
    """
    edges = edge_rows(contract, rows, max_rows // 4)
    texts = text_rows(contract, rows, max_rows // 4)
    unknown = unknown_rows(contract, rows, max_rows // 20)
    mixed = mixed_rows(rows, max_rows // MIXED_SHARE)
    room = max(max_rows - len(edges) - len(unknown.packed) - len(mixed) - len(texts), 8)
    exact, around = cut_rows(pipeline, contract, rows, cuts, room)
    packed = {"thresholds": exact, "derived_thresholds": around, "edges": edges, "mixed": mixed}
    if len(texts):
        packed["texts"] = texts
    return [*(Rows(name, some, to_frame(some, contract)) for name, some in packed.items()), unknown]


_TURNS = (
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
"""Days at which parts of a date change: ends of years, leap days and their absence, both sides of 1970."""
_TURN_TIMES = ("00:00:00", "00:00:00.5", "11:59:59.999", "12:00:00", "23:59:59", "23:59:59.999999")


def edge_rows(contract: Contract, rows: NDArray[np.float64], max_rows: int = 5000) -> NDArray[np.float64]:
    """Return rows with one extreme value each, and some with all columns at once.

    For each feature: both ends of its range, zero and the smallest and largest magnitudes inside it, every category,
    the unknown one where it is ignored, true and false, and missing where that is allowed. Then everything missing that
    may be, every unknown at once, every number at its lower or upper end. Float64 of shape (E, F).
    """
    together: list[dict[int, float]] = [
        {at: np.nan for at, feature in enumerate(contract.features) if feature.nullable},
        {at: UNKNOWN_CATEGORY for at, feature in enumerate(contract.features) if feature.unknown == "ignore"},
        {at: feature.lower for at, feature in enumerate(contract.features) if feature.ordered},
        {at: feature.upper for at, feature in enumerate(contract.features) if feature.ordered},
    ]
    changes = [{at: value} for at, feature in enumerate(contract.features) for value in _extremes(feature)]
    changes += [change for change in together if change]
    if not changes:
        return rows[:0]
    bases = min(EDGE_BASES, len(rows), max(max_rows // len(changes), 1))
    chosen = rows[np.linspace(0, len(rows) - 1, bases).astype(np.intp)]
    made = np.tile(chosen, (len(changes), 1))
    for number, change in enumerate(changes):
        part = made[number * bases : (number + 1) * bases]
        for at, value in change.items():
            part[:, at] = value
    if len(made) > max_rows:
        made = made[np.linspace(0, len(made) - 1, max(max_rows, 1)).astype(np.intp)]
    return made


def unknown_rows(contract: Contract, rows: NDArray[np.float64], max_rows: int = 1000) -> Rows:
    """Return rows with strings that the contract does not list, where it ignores such; the pipeline sees the string.

    Empty rows where the contract refuses every unknown string.
    """
    changes = [
        (at, feature, text)
        for at, feature in enumerate(contract.features)
        if feature.unknown == "ignore"
        for text in UNKNOWN_STRINGS
        if feature.normalise(text) == text and text not in (feature.categories or ())
    ][: max(max_rows, 1)]
    packed = rows[np.arange(len(changes)) % len(rows)].copy()
    for number, (at, _, _) in enumerate(changes):
        packed[number, at] = UNKNOWN_CATEGORY
    frame = to_frame(packed, contract)
    for number, (_, feature, text) in enumerate(changes):
        frame.loc[number, feature.name] = text
    return Rows("unknown_categories", packed, frame)


def refusals(contract: Contract) -> tuple[str, ...]:
    """Say what the service refuses before the graph sees it, and what is therefore not compared."""
    found = ["numbers that are infinite or not a number", "numbers outside their range"]
    missing = [feature.name for feature in contract.features if not feature.nullable]
    if missing:
        found.append(f"missing values of {', '.join(missing)}")
    if contract.texts:
        found.append("texts that are too long or have lone surrogates")
    unknown = [
        feature.name for feature in contract.features if feature.type == "category" and feature.unknown == "refuse"
    ]
    if unknown:
        found.append(f"unknown categories of {', '.join(unknown)}")
    return tuple(found)


def keeps_contract(rows: NDArray[np.float64], contract: Contract) -> NDArray[np.bool_]:
    """Say which packed rows a client could have sent, shape (N,); fractions of integers are let through."""
    kept = np.ones(len(rows), dtype=bool)
    for feature, column in zip(contract.features, rows.T, strict=True):
        missing = np.isnan(column)
        if feature.type == "category":
            lowest = UNKNOWN_CATEGORY if feature.unknown == "ignore" else 0.0
            inside = (column >= lowest) & (column < len(feature.categories or ()))
        elif feature.type == "boolean":
            inside = (column == 0.0) | (column == 1.0)
        elif feature.type == "text":
            inside = np.array([feature.takes_text(text_of(number) or "") for number in column.tolist()], dtype=bool)
        else:
            inside = (column >= feature.lower) & (column <= feature.upper)
        kept &= np.where(missing, feature.nullable, inside)
    return kept


def has_whole_integers(rows: NDArray[np.float64], contract: Contract) -> NDArray[np.bool_]:
    """Say which packed rows have no integer with a fraction, which no client can send, shape (N,)."""
    whole = np.ones(len(rows), dtype=bool)
    for feature, column in zip(contract.features, rows.T, strict=True):
        if feature.type == "integer":
            whole &= np.isnan(column) | (column == np.floor(column))
    return whole


def mixed_rows(rows: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return rows that take each value from another row: values of the table's own resolution, which meet ties.

    Args:
        rows: float64 of shape (N, F).
        count: how many are made.
    """
    taken = np.random.default_rng(MIXED_SEED).integers(0, len(rows), (count, rows.shape[1]))
    return np.take_along_axis(rows, taken, axis=0)


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
        moments = [timestamp_seconds(f"{day}T{time}Z") for day in _TURNS for time in _TURN_TIMES]
        inside = [moment for moment in moments if moment is not None and feature.lower <= moment <= feature.upper]
        return [feature.lower, feature.upper, *inside, *missing]
    double, single = np.finfo(np.float64), np.finfo(np.float32)
    far = [0.0, -0.0, 1.0, -1.0, 1e15, -1e15]
    if feature.type == "number":
        small = (double.smallest_subnormal, double.tiny, single.smallest_subnormal, single.tiny, 1e-300, 1e-8)
        far += [sign * float(value) for value in small for sign in (1, -1)]
    inside = [value for value in far if feature.lower <= value <= feature.upper]
    return [feature.lower, feature.upper, *inside, *missing]
