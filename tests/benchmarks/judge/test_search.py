"""The bisection from outside: two rows with different answers become neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from benchmarks.judge.search import (
    boundaries,
    candidates,
    distance,
    from_ordinal,
    middle,
    ordinal,
    single_steps,
    transplant,
)
from benchmarks.judge.space import Space
from tests.benchmarks.judge.conftest import contract_of

Numbers = NDArray[np.float64]


@pytest.fixture
def space(sample: pd.DataFrame) -> Space:
    """Return the space of the small table."""
    return Space.from_contract(contract_of(), sample, {})


def _steps(rows: Numbers) -> Numbers:
    """Return 1 from size 33.3 on, and 2 from 4 rooms on."""
    return np.where(rows[:, [2]] >= 4, 2.0, np.where(rows[:, [0]] >= 33.3, 1.0, 0.0))


def test_positions_of_doubles_are_in_order_and_reversible() -> None:
    """Negative, zero, tiny and huge doubles keep their order, and each position gives its double back."""
    values = np.array([-1e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1e300])
    places = ordinal(values)
    assert (np.diff(places) > 0).all()
    assert np.array_equal(from_ordinal(places), values)
    assert ordinal(np.array([np.nextafter(1.0, 2.0)]))[0] == places[5] + 1


def test_ends_become_neighbouring_doubles(space: Space) -> None:
    """The bisection finds a step to the last bit."""
    low, high = boundaries(_steps, np.array([[10.0, 0.5, 1.0]]), np.array([[90.0, 0.5, 1.0]]), space)
    assert high[0, 0] == 33.3
    assert low[0, 0] == np.nextafter(33.3, 0)


def test_a_column_of_integers_stays_one(space: Space) -> None:
    """The ends of a column of integers are neighbouring integers."""
    low, high = boundaries(_steps, np.array([[10.0, 0.5, 0.0]]), np.array([[10.0, 0.5, 9.0]]), space)
    assert (low[0, 2], high[0, 2]) == (3.0, 4.0)


def test_several_columns_end_in_one_step(space: Space) -> None:
    """Columns that need not differ are made equal."""
    low, high = boundaries(_steps, np.array([[10.0, 0.1, 0.0]]), np.array([[30.0, 0.9, 9.0]]), space)
    low, high = single_steps(_steps, low, high, space)
    assert _steps(low) != _steps(high)
    assert np.count_nonzero(low != high) == 1


def test_the_middle_of_missing_values_is_missing() -> None:
    """The middle of two NaN is NaN."""
    missing = np.array([[np.nan, 1.0]])
    mid = middle(missing, np.array([[np.nan, 3.0]]), np.array([False, False]), True)
    assert np.isnan(mid[0, 0])
    assert mid[0, 1] == 2.0


def test_pairs_differ_in_numbers_only(space: Space, sample: pd.DataFrame) -> None:
    """Pairs differ in at least one number, and about half of them in one column only."""
    first, second = candidates(space.matrix(sample), space, 200, np.random.default_rng(1))
    differing = (first != second).sum(axis=1)
    assert (differing >= 1).all()
    assert (differing == 1).sum() >= 80


def test_nan_is_far_from_a_number() -> None:
    """The distance of NaN to NaN is 0, and of NaN to a number is huge."""
    missing = np.array([[np.nan]])
    assert distance(missing, missing)[0] == 0
    assert distance(missing, np.array([[1.0]]))[0] > 1e300


def test_steps_are_copied_to_other_rows(space: Space, sample: pd.DataFrame) -> None:
    """Only the columns in which the pair differs are copied."""
    ends = np.array([[33.3, 0.5, 1.0]])
    pairs = np.array([[33.3, 0.5, 1.0]]), np.array([[33.2, 0.5, 1.0]])
    rows = transplant(ends, space.matrix(sample)[:1], pairs, np.random.default_rng(1))
    assert rows[0, 0] == 33.3
    assert rows[0, 1] == sample["share"].iloc[0]
