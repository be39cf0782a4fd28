"""Ties at the resolution of the data: grids of columns, and rows on the grids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tabento.export.analysis.data_resolution import grid_step, rows_on_grid, ties_among
from tests.tabento.export.converters.neighbors.test_k_neighbors import KINDS, TENTHS

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
    """The step of a grid is the largest step that reaches all values, also after a scaler, which rounds."""
    column = np.array(values)
    assert grid_step(column) == pytest.approx(step)
    assert grid_step((column - 3.7) / 1.3) == pytest.approx(step / 1.3)


def test_real_numbers_have_no_grid() -> None:
    """Measured with all their digits, they have no step."""
    assert grid_step(np.random.default_rng(0).normal(size=300)) == 0.0


def test_rows_are_on_the_grid() -> None:
    """Every sampled row could be in the table."""
    rows = rows_on_grid(TENTHS, TARGETS, 1000)
    np.testing.assert_allclose(rows, np.round(rows, 1), atol=1e-9)


def test_ties_are_found_and_counted() -> None:
    """Rows with equally distant neighbours of two classes are ties; with equal targets no tie exists."""
    rows = rows_on_grid(TENTHS, TARGETS, 1000)

    def no_rows(queried_rows: np.ndarray) -> np.ndarray:
        return np.full(len(queried_rows), 1e-12)

    ties = ties_among(rows, lambda queried_rows: cdist(queried_rows, TENTHS), TARGETS, 3, no_rows)
    assert ties is not None
    assert 0 < ties.count < ties.queried == len(rows)
    sorted_distances = np.sort(cdist(ties.example[np.newaxis], TENTHS)[0])
    assert sorted_distances[2] == pytest.approx(sorted_distances[3])
    assert ties_among(rows, lambda queried_rows: cdist(queried_rows, TENTHS), np.ones((150, 1)), 3, no_rows) is None
    assert ties_among(rows, lambda queried_rows: cdist(queried_rows, TENTHS), TARGETS, 150, no_rows) is None
