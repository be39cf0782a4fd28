"""The rows that need no search: plain ones, rows at the table's own resolution, and the extremes of the contract."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge.space import Column, Space

GRID_STEPS = 3
"""How many neighbours at the column's decimals a value is moved by, at most."""
BASE_ROWS = 3
"""How many plain rows each extreme value is put into."""
SMALL_VALUES = (0.0, -0.0, 5e-324, -5e-324, 1e-300, 2.2e-16, -2.2e-16, 1e-9, -1e-9, 1.0, -1.0)
LARGE_VALUES = (2.0**24 + 1, 2.0**53, 1e15, -1e15, 3.4e38, 3.5e38, -3.5e38, 1e300, -1e300)


def recombined(plain: NDArray[np.float64], count: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Return rows whose columns are each drawn from the column's observed values."""
    columns = [column[draw.integers(len(plain), size=count)] for column in plain.T]
    return np.column_stack(columns)


def mixed(plain: NDArray[np.float64], count: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Return plain rows of which one to three columns come from another plain row."""
    rows = plain[draw.integers(len(plain), size=count)].copy()
    others = plain[draw.integers(len(plain), size=count)]
    width = plain.shape[1]
    for _ in range(min(3, width)):
        places = draw.integers(width, size=count)
        taken = draw.random(count) < 0.7
        rows[taken, places[taken]] = others[taken, places[taken]]
    return rows


def grid_neighbours(
    plain: NDArray[np.float64], space: Space, count: int, draw: np.random.Generator
) -> NDArray[np.float64]:
    """Return plain rows of which some columns moved by a few steps of the column's own resolution."""
    rows = plain[draw.integers(len(plain), size=count)].copy()
    movable = [place for place, column in enumerate(space.columns) if column.step > 0]
    if not movable:
        return rows[:0]
    alone = draw.random(count) < 0.5
    only = draw.choice(movable, size=count)
    for place in movable:
        column = space.columns[place]
        moved = np.where(alone, only == place, draw.random(count) < 0.4)
        steps = draw.integers(-GRID_STEPS, GRID_STEPS + 1, size=count)
        values = rows[:, place] + steps * column.step
        if column.step < 1:
            # As a person writes it: 5.7, not 5.699999999999999.
            values = np.round(values, round(-np.log10(column.step)))
        rows[moved, place] = np.clip(values, column.low, column.high)[moved]
    return rows


def special_values(column: Column) -> list[float]:
    """Return the extreme values of a column that its contract takes."""
    values: list[float] = [np.nan] if column.nullable else []
    if column.is_text:
        return values + [float(place) for place in range(len(column.texts))]
    ends = [end for end in (column.low, column.high) if np.isfinite(end)]
    inner = [np.nextafter(end, 0.0) if end else 5e-324 for end in ends]
    wanted = [*ends, *inner, *SMALL_VALUES, *LARGE_VALUES]
    if column.kind == "timestamp":
        wanted = [value for value in wanted if abs(value) < 1e15]
    taken = [value for value in wanted if column.low <= value <= column.high]
    return values + [value for value in taken if not column.is_whole or float(value).is_integer()]


def extremes(plain: NDArray[np.float64], space: Space, limit: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Return plain rows with one extreme value each, and rows that are extreme everywhere."""
    specials = [np.array(special_values(column)) for column in space.columns]
    rows = []
    for place, values in enumerate(specials):
        base = plain[draw.integers(len(plain), size=(BASE_ROWS, len(values)))].copy()
        base[:, :, place] = values
        rows.append(base.reshape(-1, plain.shape[1]))
    single = np.concatenate(rows)
    if len(single) > limit:
        single = single[draw.permutation(len(single))[:limit]]
    everywhere = plain[draw.integers(len(plain), size=limit // 4)].copy()
    for place, values in enumerate(specials):
        if len(values):
            chosen = draw.random(len(everywhere)) < 0.6
            everywhere[chosen, place] = values[draw.integers(len(values), size=int(chosen.sum()))]
    return np.concatenate([single, everywhere])
