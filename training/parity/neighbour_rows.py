"""Rows between neighbours: where a search for the nearest rows has to choose.

A search chooses among equally far rows, and those are met by ordinary rows where columns have a resolution: tenths,
cents, whole numbers. So rows on the grid of the test rows are tried: a few steps beside them, and in the middle between
two of them with different answers. A line between such two is halved, too, until its ends are neighbours in double: the
last row with the one answer and the first with another one.
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

from bundle.contract import Contract
from training.export.graph import Step
from training.export.resolution import rows_on_grid
from training.frames import to_frame
from training.parity.answers import pipeline_answers
from training.parity.hostile_rows import Rows, keeps_contract

SEARCHES = (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNNImputer,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
"""What looks for the nearest of some points."""
MISSING = 0.1
"""The share of values that are left out of the rows on the grid, where they may be missing."""
LINES = 64
"""How many lines are halved at most."""
HALVINGS = 60
"""A double has 53 bits; the line may be longer than its end."""
SEED = 33


def neighbour_rows(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], steps: Sequence[Step], max_rows: int
) -> Rows:
    """Return rows on the grid of some rows, and on both sides of where the answer changes between two of them.

    Args:
        pipeline: fitted.
        contract: the columns.
        rows: float64 of shape (N, F), rows that keep the contract, N at least 1.
        steps: the fitted objects of the pipeline; nothing is returned if none of them searches for neighbours.
        max_rows: about how many rows are returned at most.
    """
    nothing = rows[:0]
    if not any(isinstance(step.model, SEARCHES) for step in steps) or max_rows < 1:
        return Rows("neighbours", nothing, to_frame(nothing, contract))
    generator = np.random.default_rng(SEED)
    free = np.array([feature.ordered for feature in contract.features])
    answers = _answers(pipeline, contract, rows)
    found = [_on_grid(rows, answers, contract, free, max_rows, generator)]
    # An encoder may refuse a number that it has not met: then no line is halved.
    with suppress(ValueError):
        found.append(_on_lines(pipeline, contract, rows, answers, free, min(LINES, max_rows // 4), generator))
    packed = np.concatenate(found)
    return Rows("neighbours", packed, to_frame(packed, contract))


def _on_grid(
    rows: NDArray[np.float64],
    answers: NDArray[np.float64],
    contract: Contract,
    free: NDArray[np.bool_],
    most: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Return rows at the resolution of some rows; categories are those of a row that is there, float64 (G, F)."""
    if not free.any():
        return rows[:0]
    values = rows_on_grid(rows[:, free], answers, most)
    made = rows[generator.integers(len(rows), size=len(values))]
    made[:, free] = values
    # A sum of steps is beside the decimal number that a client writes.
    decimals = np.round(made, 9)
    made = np.where(np.abs(decimals - made) <= 1e-12 * np.abs(made), decimals, made)
    nullable = np.array([feature.nullable for feature in contract.features])
    made[(generator.random(made.shape) < MISSING) & nullable] = np.nan
    return made[keeps_contract(made, contract)]


def _on_lines(
    pipeline: Any,
    contract: Contract,
    rows: NDArray[np.float64],
    answers: NDArray[np.float64],
    free: NDArray[np.bool_],
    most: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Return both ends of lines between rows of different answers, halved until they are neighbours: (2 · L, F)."""
    first, second = (generator.integers(len(rows), size=4 * most) for _ in range(2))
    # Only numbers move; what is missing in one of the two, or is no number, stays as it is in the first.
    low, target = rows[first].copy(), rows[second]
    high = np.where(free & ~np.isnan(low) & ~np.isnan(target), target, low)
    whole = np.array([feature.type == "integer" for feature in contract.features])
    if not most:
        return rows[:0]
    start = answers[first]
    differ = np.flatnonzero((_answers(pipeline, contract, high) != start).any(axis=1))[:most]
    low, high, start = low[differ], high[differ], start[differ]
    for _ in range(HALVINGS):
        middle = low / 2 + high / 2
        middle[:, whole] = np.floor(middle[:, whole])
        moving = np.flatnonzero(((middle != low) & (middle != high) & ~np.isnan(middle)).any(axis=1))
        if not len(moving):
            break
        same = (_answers(pipeline, contract, middle[moving]) == start[moving]).all(axis=1)[:, np.newaxis]
        low[moving] = np.where(same, middle[moving], low[moving])
        high[moving] = np.where(same, high[moving], middle[moving])
    return np.concatenate([low, high])


def _answers(pipeline: Any, contract: Contract, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pipeline's answers, float64 of shape (N, W)."""
    return pipeline_answers(pipeline, to_frame(rows, contract), contract).reshape(len(rows), -1)
