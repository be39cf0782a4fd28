"""Lines: the last row on one side of a cut and the first on the other."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.parity.rows.split_lines import pairs_across, recorded_inputs, rows_around, sample_indices
from tabento.parity.rows.thresholds import Threshold
from tabento.tables.frames import to_rows
from tests.tabento.parity.specimens import contract, fit_specimen, make_preprocessing, table

PIPELINE = fit_specimen(make_pipeline(make_preprocessing(StandardScaler()), Ridge()))
RIDGE = PIPELINE[-1]
ROWS = to_rows(table(100, seed=4)[0], contract())


def threshold_neighbours(*thresholds: Threshold, maximum: int = 100) -> np.ndarray:
    """Return the rows around thresholds on the inputs of the last estimator."""
    inputs = recorded_inputs(PIPELINE, contract(), ROWS, [RIDGE])
    return rows_around(PIPELINE, contract(), ROWS, pairs_across(thresholds, inputs, maximum, np.random.default_rng(0)))


def test_rows_of_a_pair_are_on_different_sides() -> None:
    """No double is between the two rows of a pair, and the threshold is between their inputs to the object."""
    values = np.linspace(-1, 1, 21)
    rows = threshold_neighbours(Threshold(RIDGE, 0, values, single=False, closed=True))
    left, right = np.split(rows, 2)
    assert len(left) == 21
    sides = [recorded_inputs(PIPELINE, contract(), side, [RIDGE])[id(RIDGE)][:, 0] for side in (left, right)]
    assert (sides[0] <= values).all()
    assert (sides[1] > values).all()
    np.testing.assert_array_equal(np.nextafter(left[:, 0], right[:, 0]), right[:, 0])


def test_cut_that_no_row_passes_is_left_out() -> None:
    """A cut beyond all rows has no pair, and no cut has no rows."""
    assert threshold_neighbours(Threshold(RIDGE, 0, np.array([1e9]), single=False, closed=True)).shape == (0, 6)
    assert threshold_neighbours().shape == (0, 6)


def test_discrete_values_are_not_interpolated() -> None:
    """Categories, booleans and missing values are equal to those of a row; only the other values change."""
    rows = threshold_neighbours(Threshold(RIDGE, 3, np.linspace(-1, 1, 21), single=False, closed=True))
    assert np.isin(rows[:, 4], [0, 1]).all()
    assert np.isin(rows[~np.isnan(rows[:, 5]), 5], [0, 1, 2, 3]).all()


def test_number_of_lines_is_bounded() -> None:
    """More thresholds than pairs are drawn from, ascending and without repeats."""
    assert (
        len(threshold_neighbours(Threshold(RIDGE, 0, np.linspace(-1, 1, 50), single=False, closed=True), maximum=7))
        == 14
    )
    indices = sample_indices(1000, 10, np.random.default_rng(0))
    assert len(set(indices.tolist())) == 10
    assert (np.diff(indices) > 0).all()
    assert sample_indices(3, 10, np.random.default_rng(0)).tolist() == [0, 1, 2]


def test_object_that_is_not_asked_gets_nothing() -> None:
    """An estimator outside the pipeline, or no rows at all, give no entry."""
    assert recorded_inputs(PIPELINE, contract(), ROWS, [Ridge()]) == {}
    assert recorded_inputs(PIPELINE, contract(), ROWS[:0], [RIDGE]) == {}
