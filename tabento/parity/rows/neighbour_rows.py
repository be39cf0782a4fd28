"""Rows between neighbours: the rows for which a search for the nearest rows must choose.

A search chooses among equally near rows. Ordinary rows have equally near neighbours if columns have a resolution: tenths,
cents, integers. So rows on the grid of the test rows are made: a few steps from a row, and in the middle between two rows with
different answers. A line between two such rows is also halved until its ends are adjacent doubles: the last row with one
answer and the first with another.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import KNNImputer
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)

from tabento.bundle.contract import Contract
from tabento.export.analysis.data_resolution import rows_on_grid
from tabento.export.graph.facts import Step
from tabento.export.pipeline_answers import pipeline_answers
from tabento.parity.rows.hostile_rows import Rows, keeps_contract
from tabento.tables.frames import to_frame

SEARCHES = (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNNImputer,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
"""The estimators that search for the nearest of some points."""
MISSING = 0.1
"""The share of values that are made missing in the rows on the grid, in columns that can be missing."""
LINES = 64
"""The largest number of lines that are halved."""
HALVINGS = 60
"""A double has 53 bits; a line can be longer than its end."""
SEED = 33


def neighbour_rows(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], steps: Sequence[Step], max_rows: int
) -> Rows:
    """Return rows on the grid of some rows, and rows on both sides of a change of the answer between two of them.

    Args:
        pipeline: fitted.
        contract: the columns.
        rows: float64 of shape (N, F), rows that keep the contract, N at least 1.
        steps: the fitted objects of the pipeline; if none of them searches for neighbours, no rows are returned.
        max_rows: the approximate maximum number of rows.
    """
    no_rows = rows[:0]
    if not any(isinstance(step.model, SEARCHES) for step in steps) or max_rows < 1:
        return Rows("neighbours", no_rows, to_frame(no_rows, contract))
    generator = np.random.default_rng(SEED)
    is_numeric = np.array([feature.ordered for feature in contract.features])
    answers = _answers(pipeline, contract, rows)
    parts = [_grid_rows(rows, answers, contract, is_numeric, max_rows, generator)]
    # An encoder may refuse a number that it has not met: then no line is halved.
    with suppress(ValueError):
        parts.append(
            _ends_of_lines(pipeline, contract, rows, answers, is_numeric, min(LINES, max_rows // 4), generator)
        )
    packed = np.concatenate(parts)
    return Rows("neighbours", packed, to_frame(packed, contract))


def _grid_rows(
    rows: NDArray[np.float64],
    answers: NDArray[np.float64],
    contract: Contract,
    is_numeric: NDArray[np.bool_],
    maximum: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Return rows at the resolution of some rows, float64 of shape (G, F); their categories are those of an existing row."""
    if not is_numeric.any():
        return rows[:0]
    values = rows_on_grid(rows[:, is_numeric], answers, maximum)
    grid = rows[generator.integers(len(rows), size=len(values))]
    grid[:, is_numeric] = values
    # A sum of steps is next to the decimal number that a client writes.
    decimals = np.round(grid, 9)
    grid = np.where(np.abs(decimals - grid) <= 1e-12 * np.abs(grid), decimals, grid)
    nullable = np.array([feature.nullable for feature in contract.features])
    grid[(generator.random(grid.shape) < MISSING) & nullable] = np.nan
    return grid[keeps_contract(grid, contract)]


def _ends_of_lines(
    pipeline: Any,
    contract: Contract,
    rows: NDArray[np.float64],
    answers: NDArray[np.float64],
    is_numeric: NDArray[np.bool_],
    maximum: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Return both ends of lines between rows with different answers, halved until they are adjacent: (2 · L, F)."""
    first, second = (generator.integers(len(rows), size=4 * maximum) for _ in range(2))
    # Only numbers change. A value that is missing in one of the two rows, or is not a number, stays as in the first.
    low, target = rows[first].copy(), rows[second]
    high = np.where(is_numeric & ~np.isnan(low) & ~np.isnan(target), target, low)
    is_integer = np.array([feature.type == "integer" for feature in contract.features])
    if not maximum:
        return rows[:0]
    start = answers[first]
    is_different = np.flatnonzero((_answers(pipeline, contract, high) != start).any(axis=1))[:maximum]
    low, high, start = low[is_different], high[is_different], start[is_different]
    for _ in range(HALVINGS):
        middle = low / 2 + high / 2
        middle[:, is_integer] = np.floor(middle[:, is_integer])
        moving = np.flatnonzero(((middle != low) & (middle != high) & ~np.isnan(middle)).any(axis=1))
        if not len(moving):
            break
        is_same = (_answers(pipeline, contract, middle[moving]) == start[moving]).all(axis=1)[:, np.newaxis]
        low[moving] = np.where(is_same, middle[moving], low[moving])
        high[moving] = np.where(is_same, high[moving], middle[moving])
    return np.concatenate([low, high])


def _answers(pipeline: Any, contract: Contract, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pipeline's answers, float64 of shape (N, W)."""
    return pipeline_answers(pipeline, to_frame(rows, contract), contract).reshape(len(rows), -1)
