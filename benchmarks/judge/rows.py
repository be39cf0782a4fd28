"""The rows that need no search: plain rows, rows at the table's own resolution, and the extremes of the contract."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge.space import Column, Space

GRID_STEPS = 3
"""The maximum number of steps of the column's resolution by which a value is moved."""
BASE_ROWS = 3
"""The number of plain rows for each extreme value."""
SMALL_VALUES = (0.0, -0.0, 5e-324, -5e-324, 1e-300, 2.2e-16, -2.2e-16, 1e-9, -1e-9, 1.0, -1.0)
LARGE_VALUES = (2.0**24 + 1, 2.0**53, 1e15, -1e15, 3.4e38, 3.5e38, -3.5e38, 1e300, -1e300)


def recombine_values(plain: NDArray[np.float64], count: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Return rows whose values are sampled from the observed values of each column."""
    columns = [column[draw.integers(len(plain), size=count)] for column in plain.T]
    return np.column_stack(columns)


def mix_rows(plain: NDArray[np.float64], count: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Return plain rows with one to three values from another plain row."""
    rows = plain[draw.integers(len(plain), size=count)].copy()
    other_rows = plain[draw.integers(len(plain), size=count)]
    width = plain.shape[1]
    for _ in range(min(3, width)):
        places = draw.integers(width, size=count)
        mask = draw.random(count) < 0.7
        rows[mask, places[mask]] = other_rows[mask, places[mask]]
    return rows


def grid_neighbours(
    plain: NDArray[np.float64], space: Space, count: int, draw: np.random.Generator
) -> NDArray[np.float64]:
    """Return plain rows in which some columns are moved by a few steps of the column's own resolution."""
    rows = plain[draw.integers(len(plain), size=count)].copy()
    movable = [place for place, column in enumerate(space.columns) if column.step > 0]
    if not movable:
        return rows[:0]
    alone = draw.random(count) < 0.5
    only = draw.choice(movable, size=count)
    for place in movable:
        column = space.columns[place]
        moved_mask = np.where(alone, only == place, draw.random(count) < 0.4)
        steps = draw.integers(-GRID_STEPS, GRID_STEPS + 1, size=count)
        values = rows[:, place] + steps * column.step
        if column.step < 1:
            # As a user writes the value: 5.7, not 5.699999999999999.
            values = np.round(values, round(-np.log10(column.step)))
        rows[moved_mask, place] = np.clip(values, column.low, column.high)[moved_mask]
    return rows


def special_values(column: Column) -> list[float]:
    """Return the extreme values of a column that the contract accepts."""
    values: list[float] = [np.nan] if column.nullable else []
    if column.is_text:
        return values + [float(place) for place in range(len(column.texts))]
    ends = [end for end in (column.low, column.high) if np.isfinite(end)]
    inner = [np.nextafter(end, 0.0) if end else 5e-324 for end in ends]
    candidates = [*ends, *inner, *SMALL_VALUES, *LARGE_VALUES]
    if column.kind == "timestamp":
        candidates = [value for value in candidates if abs(value) < 1e15]
    in_range = [value for value in candidates if column.low <= value <= column.high]
    return values + [value for value in in_range if not column.is_whole or float(value).is_integer()]


def extremes(plain: NDArray[np.float64], space: Space, limit: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Return plain rows with one extreme value, and rows with extreme values in most columns."""
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
            mask = draw.random(len(everywhere)) < 0.6
            everywhere[mask, place] = values[draw.integers(len(values), size=int(mask.sum()))]
    return np.concatenate([single, everywhere])
