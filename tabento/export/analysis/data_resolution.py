"""Ties at the resolution of the data: rows on the grid of the training data that have equally distant neighbours.

Measured columns have a resolution: tenths, cents, integers, or such a grid after a scaler. On a grid many training rows
have the same distance to a row. If the choice of a search among them is not predictable, ordinary rows are affected.
This module searches for such rows: training rows, rows a few steps away from them, and rows between neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_QUERIED_ROWS = 3_000
"""The largest number of rows whose neighbours are computed."""
MAX_DISTANCES = 6_000_000
"""The largest number of computed distances; a large training set gets fewer queried rows."""
MIN_QUERIED_ROWS = 300
"""The smallest number of queried rows."""
DIVISORS = 12
"""The smallest distance of two values is at most this number of steps of the grid."""
STEPS = 3
"""The largest number of steps by which a row is moved along a column."""
SEED = 31

Distances = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Function from rows, (N, D), to their distances to all training rows, (N, S); infinite if a row is not a candidate."""


@dataclass(frozen=True)
class Ties:
    """Rows with equally distant neighbours of different targets.

    Attributes:
        count: the number of such rows.
        queried: the number of rows that were tested.
        example: the first such row, (D,).
    """

    count: int
    queried: int
    example: NDArray[np.float64]


def grid_step(values: NDArray[np.float64]) -> float:
    """Return the step of the grid of a column's values, or 0 if they have no grid.

    Args:
        values: float64 of shape (S,); NaN is ignored.
    """
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) < 2:
        return 0.0
    span = float(distinct[-1] - distinct[0])
    gaps = np.diff(distinct)
    gaps = gaps[gaps > span * 1e-9]  # after a scaler one value can be two neighbouring doubles
    if not len(gaps):
        return 0.0
    for divisor in range(1, DIVISORS + 1):
        step = float(gaps.min()) / divisor
        places = (distinct - distinct[0]) / step
        if np.abs(places - np.round(places)).max() < 1e-4:
            return step
    return 0.0


def rows_on_grid(points: NDArray[np.float64], targets: NDArray[np.float64], limit: int) -> NDArray[np.float64]:
    """Return rows at the resolution of the training rows: training rows, moved by a few steps, and between two of them.

    Args:
        points: (S, D) the training rows.
        targets: (S, T) their targets.
        limit: the largest number of rows.
    """
    generator = np.random.default_rng(SEED)
    size, width = points.shape
    n_part = max(limit // 4, 1)
    steps = np.array([grid_step(column) for column in points.T])
    training_rows = points[generator.permutation(size)[:n_part]]
    base = points[generator.integers(size, size=n_part)]
    offsets = generator.integers(-STEPS, STEPS + 1, size=base.shape) * (generator.random(base.shape) < 0.5)
    shifted_rows = base + offsets * steps
    first = generator.integers(size, size=n_part)
    second = _partners(points, targets, first, generator)
    middle = (points[first] + points[second]) / 2
    start = points[0]
    on_grid = start + np.round((middle - start) / np.where(steps > 0, steps, 1.0)) * steps
    # Columns without a grid are taken from one row together, so that their combination was measured.
    between = np.where(steps > 0, on_grid, points[first])
    mixed = np.where((steps > 0) & (generator.random((n_part, width)) < 0.5), points[second], points[first])
    return np.concatenate([training_rows, shifted_rows, between, mixed])


def _partners(
    points: NDArray[np.float64], targets: NDArray[np.float64], first: NDArray[np.intp], generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return for each row the nearest of 100 sampled rows with another target, int64 of shape (N,)."""
    sample = generator.integers(len(points), size=(len(first), 100))
    with np.errstate(invalid="ignore", over="ignore"):
        squared_distances = np.nansum((points[sample] - points[first][:, np.newaxis]) ** 2, axis=2)
    has_other_target = (targets[sample] != targets[first][:, np.newaxis]).any(axis=2)
    return np.asarray(
        sample[np.arange(len(first)), np.where(has_other_target, squared_distances, np.inf).argmin(axis=1)]
    )


def ties_among(
    rows: NDArray[np.float64],
    distances: Distances,
    targets: NDArray[np.float64],
    count: int,
    slack: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Ties | None:
    """Find rows whose last neighbour has the same distance as the next training row, but another target.

    Args:
        rows: (N, D) the rows to test.
        distances: the function that computes distances to all training rows.
        targets: (S, T) the targets of the training rows.
        count: the number of neighbours, K.
        slack: the function from rows, (N, D), to the largest difference of two equal distances, (N,).

    Returns:
        The rows with ties, or None if there are none.
    """
    if count >= len(targets) or not len(rows):
        return None
    keys = np.unique(targets, axis=0, return_inverse=True)[1].reshape(-1).astype(np.float64)
    tied_rows: list[NDArray[np.float64]] = []
    for start in range(0, len(rows), 200):
        batch = rows[start : start + 200]
        distance = distances(batch)
        border = np.partition(distance, [count - 1, count], axis=1)
        last, following = border[:, count - 1], border[:, count]
        tolerance = slack(batch)
        with np.errstate(invalid="ignore"):
            tied = np.flatnonzero(np.isfinite(following) & (following - last <= tolerance))
            is_tied = np.abs(distance[tied] - last[tied, np.newaxis]) <= tolerance[tied, np.newaxis]
        low = np.where(is_tied, keys, np.inf).min(axis=1, initial=np.inf)
        high = np.where(is_tied, keys, -np.inf).max(axis=1, initial=-np.inf)
        tied_rows.extend(batch[tied[low < high]])
    return Ties(len(tied_rows), len(rows), tied_rows[0]) if tied_rows else None


def max_queried_rows(size: int) -> int:
    """Return the number of rows to test for a number of training rows."""
    return int(np.clip(MAX_DISTANCES // max(size, 1), MIN_QUERIED_ROWS, MAX_QUERIED_ROWS))
