"""Lines between rows, halved until their ends are neighbours: how a cut is approached that no column can be set to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.contract import Contract
from training.frames import to_frame
from training.parity.cuts import Cut
from training.parity.overhearing import as_numbers, overhear

HALVINGS = 120
"""The most halvings of a line: 53 bits, and some for a cut that lies far closer to zero than the line's ends."""


@dataclass(frozen=True)
class Line:
    """Two rows between which a cut is looked for."""

    owner: Any
    """The fitted object that cuts."""
    column: int
    """The column of what it is given."""
    value: float
    """The double that it tells from the next one above."""
    left: int
    """A row at or below the value."""
    right: int
    """A row above it."""


def draw(count: int, most: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return ``most`` of the places 0 to ``count`` - 1 in ascending order, or all where there are fewer."""
    if count <= most:
        return np.arange(count)
    return np.sort(generator.choice(count, max(most, 0), replace=False))


def taken_by(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], owners: Sequence[Any]
) -> dict[int, NDArray[np.float64]]:
    """Return what objects inside a pipeline are given for rows.

    Returns:
        By the object's identity: float64 of shape (N, its columns). An object that is asked nothing has no entry.
    """
    if not owners or not len(rows):
        return {}
    heard = overhear(pipeline, to_frame(rows, contract), owners)
    return {id(owner): as_numbers(what.taken) for owner, what in zip(owners, heard, strict=True) if what is not None}


def rows_around(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], lines: Sequence[Line]
) -> NDArray[np.float64]:
    """Return the two rows nearest to each cut, one on either side, as the pipeline's own arithmetic has it.

    Args:
        pipeline: fitted.
        contract: the columns.
        rows: float64 of shape (N, F), between which lines are drawn.
        lines: cuts of columns that follow from the row's.

    Returns:
        float64 of shape (2 · L, F): first the L left ends, then the L right ends. A line that does not cross its cut
        without changing a category is left out.
    """
    owners = list({id(line.owner): line.owner for line in lines}.values())
    # An encoder may refuse a number that it has not met, such as an integer with a fraction: then integers stay.
    for held in (("category", "boolean", "text"), ("category", "boolean", "text", "integer")):
        with suppress(ValueError):
            return _halved(pipeline, contract, rows, owners, list(lines), held)
    return np.empty((0, rows.shape[1]))


def _halved(
    pipeline: Any,
    contract: Contract,
    rows: NDArray[np.float64],
    owners: Sequence[Any],
    lines: list[Line],
    held: tuple[str, ...],
) -> NDArray[np.float64]:
    """Halve lines until their ends are neighbours, without moving columns of the types that are held.

    Raises:
        ValueError: the pipeline refuses a row in between.
    """
    low, high = rows[[line.left for line in lines]].copy(), rows[[line.right for line in lines]].copy()
    # What is held, and what is missing, cannot be halved: both ends take the left row's, if the cut still lies between
    # them then.
    whole = np.array([feature.type in held for feature in contract.features])
    high = np.where(whole[np.newaxis] | np.isnan(low) | np.isnan(high), low, high)
    between = ~_on_the_left(pipeline, contract, high, owners, lines)
    low, high = low[between], high[between]
    lines = [line for line, kept in zip(lines, between, strict=True) if kept]
    for _ in range(HALVINGS):
        # Half of each, then added: the sum of two large values would not be finite.
        middle = np.where(np.isnan(low), low, low / 2 + high / 2)
        moving = np.flatnonzero(((middle != low) & (middle != high) & ~np.isnan(middle)).any(axis=1))
        if not len(moving):
            break
        middle = middle[moving]
        left = _on_the_left(pipeline, contract, middle, owners, [lines[at] for at in moving])[:, np.newaxis]
        low[moving], high[moving] = np.where(left, middle, low[moving]), np.where(left, high[moving], middle)
    return np.concatenate([low, high])


def lines_across(
    cuts: Sequence[Cut], taken: dict[int, NDArray[np.float64]], max_lines: int, generator: np.random.Generator
) -> list[Line]:
    """Choose cuts, and for each a row on either side of it; a cut that has rows on one side only is left out.

    Args:
        cuts: of columns that follow from the row's.
        taken: what their owners are given for the rows, from ``taken_by``.
        max_lines: how many are chosen at most.
        generator: chooses.
    """
    places = [(cut, float(value)) for cut in cuts for value in cut.boundaries()]
    lines = []
    for at in draw(len(places), max_lines, generator):
        cut, value = places[at]
        column = taken[id(cut.owner)][:, cut.column]
        below, above = np.flatnonzero(column <= value), np.flatnonzero(column > value)
        if len(below) and len(above):
            left, right = int(generator.choice(below)), int(generator.choice(above))
            lines.append(Line(cut.owner, cut.column, value, left, right))
    return lines


def _on_the_left(
    pipeline: Any,
    contract: Contract,
    points: NDArray[np.float64],
    owners: Sequence[Any],
    lines: Sequence[Line],
) -> NDArray[np.bool_]:
    """Say of each line's point whether it is at or below the line's cut, shape (L,)."""
    taken = taken_by(pipeline, contract, points, owners)
    return np.array([taken[id(line.owner)][at, line.column] <= line.value for at, line in enumerate(lines)], dtype=bool)
