"""Ties at the resolution of the data: grids are found, rows on them are asked about."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tests.training.export.test_neighbours import KINDS, TENTHS
from training.export.resolution import grid_step, rows_on_grid, ties_among

TARGETS = KINDS[:, np.newaxis].astype(np.float64)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([1.0, 2.0, 5.0, np.nan], 1.0),
        ([0.0, 2.0, 5.0], 1.0),
        ([0.1, 0.3, 0.4, 0.9], 0.1),
        ([7.0, 7.0], 0.0),
        ([0.0, 1.0], 1.0),
    ],
)
def test_step_of_a_grid(values: list[float], step: float) -> None:
    """The largest step that reaches all values; also behind a scaler, which rounds."""
    column = np.array(values)
    assert grid_step(column) == pytest.approx(step)
    assert grid_step((column - 3.7) / 1.3) == pytest.approx(step / 1.3)


def test_real_numbers_have_no_grid() -> None:
    """Measured with all their digits, they have no step."""
    assert grid_step(np.random.default_rng(0).normal(size=300)) == 0.0


def test_rows_lie_on_the_grid() -> None:
    """Every row that is asked about could be in the table."""
    rows = rows_on_grid(TENTHS, TARGETS, 1000)
    np.testing.assert_allclose(rows, np.round(rows, 1), atol=1e-9)


def test_ties_are_found_and_counted() -> None:
    """Rows with equally far neighbours of two classes; targets that are all the same leave nothing to choose."""
    rows = rows_on_grid(TENTHS, TARGETS, 1000)

    def nothing(some: np.ndarray) -> np.ndarray:
        return np.full(len(some), 1e-12)

    ties = ties_among(rows, lambda some: cdist(some, TENTHS), TARGETS, 3, nothing)
    assert ties is not None
    assert 0 < ties.count < ties.asked == len(rows)
    near = np.sort(cdist(ties.example[np.newaxis], TENTHS)[0])
    assert near[2] == pytest.approx(near[3])
    assert ties_among(rows, lambda some: cdist(some, TENTHS), np.ones((150, 1)), 3, nothing) is None
    assert ties_among(rows, lambda some: cdist(some, TENTHS), TARGETS, 150, nothing) is None
