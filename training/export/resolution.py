"""Ties at the resolution of the data: rows on the training data's own grid that have equally far neighbours.

Measured columns have a resolution: tenths, cents, whole numbers, or such a grid behind a scaler. On a grid many training
rows are equally far from a row, so a search whose choice among them cannot be foretold is met by ordinary rows. Such
rows are looked for here: training rows, rows a few steps beside them, and rows between neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ASKED = 3_000
"""How many rows are asked about at most."""
ROOM = 6_000_000
"""How many distances are computed at most; a large training set is asked about fewer rows."""
FEWEST = 300
"""How many rows are asked about at least."""
DIVISORS = 12
"""The smallest distance of two values is up to so many steps of the grid."""
STEPS = 3
"""How many steps a row is moved at most along a column."""
SEED = 31

Distances = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Distances of rows, (N, D), to all training rows, (N, S); infinite for a row that is no candidate."""


@dataclass(frozen=True)
class Ties:
    """Rows with equally far neighbours of different targets.

    Attributes:
        count: how many there are.
        asked: among how many rows.
        example: one of them, (D,).
    """

    count: int
    asked: int
    example: NDArray[np.float64]


def grid_step(values: NDArray[np.float64]) -> float:
    """Return the step of the grid on which a column's values lie, shape (S,), or 0 if there is none; NaN is left out."""
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) < 2:
        return 0.0
    span = float(distinct[-1] - distinct[0])
    gaps = np.diff(distinct)
    gaps = gaps[gaps > span * 1e-9]  # a scaler leaves one value in two doubles
    if not len(gaps):
        return 0.0
    for divisor in range(1, DIVISORS + 1):
        step = float(gaps.min()) / divisor
        places = (distinct - distinct[0]) / step
        if np.abs(places - np.round(places)).max() < 1e-4:
            return step
    return 0.0


def rows_on_grid(points: NDArray[np.float64], targets: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Return rows at the resolution of training rows: those, moved by a few steps, and between two of them.

    Args:
        points: (S, D) the training rows.
        targets: (S, T) their targets.
        most: how many rows are returned at most.
    """
    generator = np.random.default_rng(SEED)
    size, width = points.shape
    part = max(most // 4, 1)
    steps = np.array([grid_step(column) for column in points.T])
    own = points[generator.permutation(size)[:part]]
    base = points[generator.integers(size, size=part)]
    moves = generator.integers(-STEPS, STEPS + 1, size=base.shape) * (generator.random(base.shape) < 0.5)
    moved = base + moves * steps
    first = generator.integers(size, size=part)
    second = _partners(points, targets, first, generator)
    middle = (points[first] + points[second]) / 2
    start = points[0]
    whole = start + np.round((middle - start) / np.where(steps > 0, steps, 1.0)) * steps
    # Real numbers stay together as they were measured: no row has one of them from here and one from there.
    between = np.where(steps > 0, whole, points[first])
    mixed = np.where((steps > 0) & (generator.random((part, width)) < 0.5), points[second], points[first])
    return np.concatenate([own, moved, between, mixed])


def _partners(
    points: NDArray[np.float64], targets: NDArray[np.float64], first: NDArray[np.intp], generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return for each row a near one with another target, (N,), among a hundred that are drawn."""
    drawn = generator.integers(len(points), size=(len(first), 100))
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.nansum((points[drawn] - points[first][:, np.newaxis]) ** 2, axis=2)
    other = (targets[drawn] != targets[first][:, np.newaxis]).any(axis=2)
    return np.asarray(drawn[np.arange(len(first)), np.where(other, apart, np.inf).argmin(axis=1)])


def ties_among(
    rows: NDArray[np.float64],
    distances: Distances,
    targets: NDArray[np.float64],
    count: int,
    slack: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Ties | None:
    """Look for rows whose last neighbour is as far as the next row, where their targets differ.

    Args:
        rows: (N, D) the rows that are asked about.
        distances: to all training rows.
        targets: (S, T) their targets.
        count: K, how many neighbours there are.
        slack: by how much two distances may differ and still count as equal, for rows of shape (N, D): (N,).

    Returns:
        The rows found, or None.
    """
    if count >= len(targets) or not len(rows):
        return None
    keys = np.unique(targets, axis=0, return_inverse=True)[1].reshape(-1).astype(np.float64)
    found: list[NDArray[np.float64]] = []
    for start in range(0, len(rows), 200):
        some = rows[start : start + 200]
        distance = distances(some)
        border = np.partition(distance, [count - 1, count], axis=1)
        last, beyond = border[:, count - 1], border[:, count]
        room = slack(some)
        with np.errstate(invalid="ignore"):
            tied = np.flatnonzero(np.isfinite(beyond) & (beyond - last <= room))
            near = np.abs(distance[tied] - last[tied, np.newaxis]) <= room[tied, np.newaxis]
        low = np.where(near, keys, np.inf).min(axis=1, initial=np.inf)
        high = np.where(near, keys, -np.inf).max(axis=1, initial=-np.inf)
        found.extend(some[tied[low < high]])
    return Ties(len(found), len(rows), found[0]) if found else None


def room_for(size: int) -> int:
    """Return about how many rows are asked about for so many training rows."""
    return int(np.clip(ROOM // max(size, 1), FEWEST, ASKED))
