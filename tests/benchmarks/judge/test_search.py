"""Bisection from outside: two rows with different answers become neighbours."""

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
    transplanted,
)
from benchmarks.judge.space import Space
from tests.benchmarks.judge.conftest import contract_of

Numbers = NDArray[np.float64]


@pytest.fixture
def space(sample: pd.DataFrame) -> Space:
    """The space of the small table."""
    return Space.of(contract_of(), sample, {})


def _steps(rows: Numbers) -> Numbers:
    """Answer 1 from size 33.3 on, and 2 from 4 rooms on."""
    return np.where(rows[:, [2]] >= 4, 2.0, np.where(rows[:, [0]] >= 33.3, 1.0, 0.0))


def test_places_of_doubles_are_in_order_and_lead_back() -> None:
    """Negative ones, zeros, tiny and huge ones."""
    values = np.array([-1e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1e300])
    places = ordinal(values)
    assert (np.diff(places) > 0).all()
    assert np.array_equal(from_ordinal(places), values)
    assert ordinal(np.array([np.nextafter(1.0, 2.0)]))[0] == places[5] + 1


def test_ends_become_neighbouring_doubles(space: Space) -> None:
    """The step is found to the last bit."""
    low, high = boundaries(_steps, np.array([[10.0, 0.5, 1.0]]), np.array([[90.0, 0.5, 1.0]]), space)
    assert high[0, 0] == 33.3
    assert low[0, 0] == np.nextafter(33.3, 0)


def test_a_column_of_integers_stays_one(space: Space) -> None:
    """Its ends are neighbouring integers, for no fraction is a request."""
    low, high = boundaries(_steps, np.array([[10.0, 0.5, 0.0]]), np.array([[10.0, 0.5, 9.0]]), space)
    assert (low[0, 2], high[0, 2]) == (3.0, 4.0)


def test_several_columns_end_in_one_step(space: Space) -> None:
    """What need not differ is made equal."""
    low, high = boundaries(_steps, np.array([[10.0, 0.1, 0.0]]), np.array([[30.0, 0.9, 9.0]]), space)
    low, high = single_steps(_steps, low, high, space)
    assert _steps(low) != _steps(high)
    assert np.count_nonzero(low != high) == 1


def test_the_middle_of_missing_values_is_missing() -> None:
    """NaN stays as it is."""
    missing = np.array([[np.nan, 1.0]])
    mid = middle(missing, np.array([[np.nan, 3.0]]), np.array([False, False]), True)
    assert np.isnan(mid[0, 0])
    assert mid[0, 1] == 2.0


def test_pairs_differ_in_numbers_only(space: Space, sample: pd.DataFrame) -> None:
    """Half of them in one column."""
    first, second = candidates(space.matrix(sample), space, 200, np.random.default_rng(1))
    differing = (first != second).sum(axis=1)
    assert (differing >= 1).all()
    assert (differing == 1).sum() >= 80


def test_no_number_is_far_from_a_number() -> None:
    """NaN against NaN is no distance."""
    nothing = np.array([[np.nan]])
    assert distance(nothing, nothing)[0] == 0
    assert distance(nothing, np.array([[1.0]]))[0] > 1e300


def test_steps_are_carried_to_other_rows(space: Space, sample: pd.DataFrame) -> None:
    """Only the columns in which the pair differs are."""
    ends = np.array([[33.3, 0.5, 1.0]])
    pairs = np.array([[33.3, 0.5, 1.0]]), np.array([[33.2, 0.5, 1.0]])
    moved = transplanted(ends, space.matrix(sample)[:1], pairs, np.random.default_rng(1))
    assert moved[0, 0] == 33.3
    assert moved[0, 1] == sample["share"].iloc[0]
