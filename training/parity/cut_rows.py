"""Rows on cuts: every threshold and edge of a pipeline's objects, met exactly and from both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.contract import Contract
from training.frames import to_frame
from training.parity.cuts import Cut, float32_boundaries
from training.parity.lines import Line, draw, lines_across, rows_around
from training.parity.nodes import Nodes, visited_nodes
from training.parity.overhearing import as_numbers, overhear

SEED = 20
"""Seed of every choice that is made here."""


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


def _raw_column(feature: NDArray[np.float64], rows: NDArray[np.float64], contract: Contract) -> int:
    """Return the numeric column that a feature is equal to wherever the column is not missing, or -1."""
    for position, column in enumerate(rows.T):
        present = ~np.isnan(column)
        if contract.features[position].ordered and present.any() and np.array_equal(feature[present], column[present]):
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
