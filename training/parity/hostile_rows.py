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

from bundle.contract import UNKNOWN_CATEGORY, Contract, Feature
from training.frames import to_frame
from training.parity.cuts import Cut, float32_boundaries
from training.parity.lines import Line, draw, lines_across, rows_around
from training.parity.nodes import Nodes, visited_nodes
from training.parity.overhearing import as_numbers, overhear

SEED = 20
"""Seed of every choice that is made here."""
EDGE_BASES = 20
"""On how many rows each edge is tried, where there is room."""
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
    """Return every kind of hostile rows: on cuts, around derived ones, on edges, with unknown categories.

    Args:
        pipeline: fitted.
        contract: the columns.
        rows: float64 of shape (N, F), N at least 1.
        cuts: what the objects of the pipeline cut, from ``training.parity.cuts.cuts_of``.
        max_rows: about how many rows are made at most.
    """
    edges = edge_rows(contract, rows, max_rows // 4)
    unknown = unknown_rows(contract, rows, max_rows // 20)
    room = max(max_rows - len(edges) - len(unknown.packed), 8)
    exact, around = cut_rows(pipeline, contract, rows, cuts, room)
    packed = {"thresholds": exact, "derived_thresholds": around, "edges": edges}
    return [*(Rows(name, some, to_frame(some, contract)) for name, some in packed.items()), unknown]


def cut_rows(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], cuts: Sequence[Cut], max_rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows on and around the cuts of a pipeline's objects, wherever in the pipeline they are.

    Where an object's column is a numeric column as it came, or imputed, the column is set to the cut, to the double on
    either side, to the float32 on either side and, where the object compares in float32, to the middle between those
    two and the double on either side of that. Where it is derived (scaled, a ratio, a component, another model's
    answer), the value cannot be set, so a line is drawn between a row left of the cut and a row right of it, and
    halved, in the pipeline's own arithmetic, until its ends are neighbours: the last row on one side and the first on
    the other.

    Three quarters of the rows go to the nodes of trees: each is met by a row that comes to it.

    Args:
        pipeline: fitted.
        contract: the columns.
        rows: float64 of shape (N, F), N at least 1.
        cuts: what is cut.
        max_rows: about how many rows are made at most; cuts are drawn evenly where there are more.

    Returns:
        Rows on cuts of raw columns and rows around cuts of derived ones, float64 of shapes (A, F), (B, F). A cut that
        no row of the contract's ranges or no pair of rows reaches has no rows.
    """
    generator = np.random.default_rng(SEED)
    owners = list({id(cut.owner): cut.owner for cut in cuts}.values())
    heard = overhear(pipeline, to_frame(rows, contract), owners) if owners else []
    given = {id(owner): what.taken for owner, what in zip(owners, heard, strict=True) if what is not None}
    taken = {key: as_numbers(what) for key, what in given.items()}
    cuts = [cut for cut in cuts if id(cut.owner) in taken and cut.column < taken[id(cut.owner)].shape[1]]
    raw = {
        key: np.array([_raw_column(column, rows, contract) for column in values.T], dtype=np.int64)
        for key, values in taken.items()
    }
    grown = {id(cut.owner): (cut.owner, cut.grown) for cut in cuts if cut.grown}
    nodes = [found for key, (owner, trees) in grown.items() for found in visited_nodes(owner, trees, given[key])]
    nodes = [some.select(some.columns < taken[id(some.owner)].shape[1]) for some in nodes]
    set_nodes, crossed = _drawn(nodes, raw, max_rows * 3 // 8, generator)
    at_nodes = _at_nodes(set_nodes, raw, contract, rows)
    room = max_rows - len(at_nodes) - 2 * len(crossed)
    settable = [(int(raw[id(cut.owner)][cut.column]), cut) for cut in cuts if raw[id(cut.owner)][cut.column] >= 0]
    derived = [cut for cut in cuts if raw[id(cut.owner)][cut.column] < 0]
    exact = _on(settable, contract, rows, room // 2 if derived else room, generator)
    across = lines_across(derived, taken, (room - len(exact)) // 2, generator)
    around = rows_around(pipeline, contract, rows, [*crossed, *across])
    return np.concatenate([at_nodes, exact]), around


def _drawn(
    nodes: Sequence[Nodes], raw: dict[int, NDArray[np.int64]], most: int, generator: np.random.Generator
) -> tuple[list[Nodes], list[Line]]:
    """Draw nodes: those whose column can be set, and lines across those that have rows on both sides."""
    settable = [raw[id(some.owner)][some.columns] >= 0 for some in nodes]
    usable = [can | ((some.left >= 0) & (some.right >= 0)) for can, some in zip(settable, nodes, strict=True)]
    places = np.concatenate([np.flatnonzero(part) for part in usable]) if nodes else np.empty(0, dtype=np.intp)
    owner = np.repeat(np.arange(len(nodes)), [int(part.sum()) for part in usable])
    chosen = draw(len(places), most, generator)
    set_nodes, lines = [], []
    for number, some in enumerate(nodes):
        mine = places[chosen[owner[chosen] == number]]
        can = settable[number][mine]
        set_nodes.append(some.select(mine[can]))
        lines += [
            Line(some.owner, int(some.columns[at]), float(some.values[at]), int(some.left[at]), int(some.right[at]))
            for at in mine[~can]
        ]
    return set_nodes, lines


def _at_nodes(
    nodes: Sequence[Nodes], raw: dict[int, NDArray[np.int64]], contract: Contract, rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each node a row that comes to it, on its threshold and on the next double."""
    made = [np.empty((0, rows.shape[1]))]
    for some in nodes:
        base = np.where(some.left >= 0, some.left, some.right)
        columns = raw[id(some.owner)][some.columns]
        tried = (some.values, np.nextafter(some.values, np.inf))
        made += [_with(rows[base], columns, values, contract) for values in tried]
    return np.concatenate(made)


def _with(
    rows: NDArray[np.float64], columns: NDArray[np.int64], values: NDArray[np.float64], contract: Contract
) -> NDArray[np.float64]:
    """Return rows with one column each set to a value, those left out whose value no client may send."""
    low = np.array([feature.lower for feature in contract.features])[columns]
    high = np.array([feature.upper for feature in contract.features])[columns]
    inside = np.flatnonzero(np.isfinite(values) & (values >= low) & (values <= high))
    made = rows[inside]
    made[np.arange(len(inside)), columns[inside]] = values[inside]
    return made


def edge_rows(contract: Contract, rows: NDArray[np.float64], max_rows: int = 5000) -> NDArray[np.float64]:
    """Return rows with one extreme value each, and some with all columns at once.

    For each feature: both ends of its range, zero and the smallest and largest magnitudes inside it, every category,
    the unknown one where it is ignored, true and false, and missing where that is allowed. Then everything missing that
    may be, every unknown at once, every number at its lower or upper end. Float64 of shape (E, F).
    """
    together: list[dict[int, float]] = [
        {at: np.nan for at, feature in enumerate(contract.features) if feature.nullable},
        {at: UNKNOWN_CATEGORY for at, feature in enumerate(contract.features) if feature.unknown == "ignore"},
        {at: feature.lower for at, feature in enumerate(contract.features) if feature.type in ("number", "integer")},
        {at: feature.upper for at, feature in enumerate(contract.features) if feature.type in ("number", "integer")},
    ]
    changes = [{at: value} for at, feature in enumerate(contract.features) for value in _extremes(feature)]
    changes += [change for change in together if change]
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
        else:
            inside = (column >= feature.lower) & (column <= feature.upper)
        kept &= np.where(missing, feature.nullable, inside)
    return kept


def _extremes(feature: Feature) -> list[float]:
    missing = [np.nan] if feature.nullable else []
    if feature.type == "category":
        unknown = [UNKNOWN_CATEGORY] if feature.unknown == "ignore" else []
        return [float(code) for code in range(len(feature.categories or ()))] + unknown + missing
    if feature.type == "boolean":
        return [0.0, 1.0, *missing]
    double, single = np.finfo(np.float64), np.finfo(np.float32)
    far = [0.0, -0.0, 1.0, -1.0, 1e15, -1e15]
    if feature.type == "number":
        small = (double.smallest_subnormal, double.tiny, single.smallest_subnormal, single.tiny, 1e-300, 1e-8)
        far += [sign * float(value) for value in small for sign in (1, -1)]
    inside = [value for value in far if feature.lower <= value <= feature.upper]
    return [feature.lower, feature.upper, *inside, *missing]


def _raw_column(feature: NDArray[np.float64], rows: NDArray[np.float64], contract: Contract) -> int:
    """Return the numeric column that a feature is equal to wherever the column is not missing, or -1."""
    for position, column in enumerate(rows.T):
        present = ~np.isnan(column)
        numeric = contract.features[position].type in ("number", "integer")
        if numeric and present.any() and np.array_equal(feature[present], column[present]):
            return position
    return -1


def _on(
    raw: list[tuple[int, Cut]],
    contract: Contract,
    rows: NDArray[np.float64],
    max_rows: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Return rows whose column is on each cut and right beside it, where the range allows it."""
    if not raw:
        return np.empty((0, rows.shape[1]))
    columns = np.concatenate([np.full(len(cut.values), column) for column, cut in raw])
    values = np.concatenate([cut.values for _, cut in raw])
    single = np.concatenate([np.full(len(cut.values), cut.single) for _, cut in raw])
    chosen = draw(len(values), max_rows // (8 if single.any() else 5), generator)
    columns, values, single = columns[chosen], values[chosen], single[chosen]
    below, above = float32_boundaries(values)
    with np.errstate(over="ignore", invalid="ignore"):
        middle = np.where(single, below / 2 + above / 2, values)
    tried = [values, below, above]
    for centre in (values, middle):
        tried += [np.nextafter(centre, -np.inf), centre, np.nextafter(centre, np.inf)]
    pairs = np.unique(np.stack([np.tile(columns, len(tried)), np.concatenate(tried)], axis=1), axis=0)
    columns, values = pairs[:, 0].astype(np.intp), pairs[:, 1]
    return _with(rows[np.arange(len(values)) % len(rows)], columns, values, contract)
