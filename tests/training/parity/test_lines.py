"""Lines: the last row on one side of a cut and the first on the other."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.training.parity.specimens import contract, fitted, prepared, table
from training.frames import to_rows
from training.parity.cuts import Cut
from training.parity.lines import draw, lines_across, rows_around, taken_by

PIPELINE = fitted(make_pipeline(prepared(StandardScaler()), Ridge()))
RIDGE = PIPELINE[-1]
ROWS = to_rows(table(100, seed=4)[0], contract())


def around(*cuts: Cut, most: int = 100) -> np.ndarray:
    """Return the rows around cuts of what the last estimator is given."""
    taken = taken_by(PIPELINE, contract(), ROWS, [RIDGE])
    return rows_around(PIPELINE, contract(), ROWS, lines_across(cuts, taken, most, np.random.default_rng(0)))


def test_ends_are_neighbours_on_either_side() -> None:
    """No double lies between the ends, and in what the object is given the cut lies between them."""
    values = np.linspace(-1, 1, 21)
    rows = around(Cut(RIDGE, 0, values, single=False, closed=True))
    left, right = np.split(rows, 2)
    assert len(left) == 21
    given = [taken_by(PIPELINE, contract(), side, [RIDGE])[id(RIDGE)][:, 0] for side in (left, right)]
    assert (given[0] <= values).all()
    assert (given[1] > values).all()
    np.testing.assert_array_equal(np.nextafter(left[:, 0], right[:, 0]), right[:, 0])


def test_cut_that_no_row_passes_is_left_out() -> None:
    """A cut beyond all rows has no line, and no cut has no rows."""
    assert around(Cut(RIDGE, 0, np.array([1e9]), single=False, closed=True)).shape == (0, 6)
    assert around().shape == (0, 6)


def test_whole_values_stay_whole() -> None:
    """Categories, booleans and missing values are those of a row; the rest moves."""
    rows = around(Cut(RIDGE, 3, np.linspace(-1, 1, 21), single=False, closed=True))
    assert np.isin(rows[:, 4], [0, 1]).all()
    assert np.isin(rows[~np.isnan(rows[:, 5]), 5], [0, 1, 2, 3]).all()


def test_number_of_lines_is_bounded() -> None:
    """More cuts than lines are drawn from, ascending and without repeats."""
    assert len(around(Cut(RIDGE, 0, np.linspace(-1, 1, 50), single=False, closed=True), most=7)) == 14
    chosen = draw(1000, 10, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 10
    assert (np.diff(chosen) > 0).all()
    assert draw(3, 10, np.random.default_rng(0)).tolist() == [0, 1, 2]


def test_object_that_is_not_asked_gets_nothing() -> None:
    """An estimator outside the pipeline, or no rows at all, give no entry."""
    assert taken_by(PIPELINE, contract(), ROWS, [Ridge()]) == {}
    assert taken_by(PIPELINE, contract(), ROWS[:0], [RIDGE]) == {}
