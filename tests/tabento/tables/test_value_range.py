"""Ranges of a sample, with slack."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tabento.tables.value_range import value_range


@pytest.mark.parametrize(
    ("low", "high", "is_integer", "expected"),
    [
        (10.0, 20.0, False, (5.0, 25.0)),
        (0.0, 1.0, False, (0.0, 1.5)),
        (-1.0, 1.0, False, (-2.0, 2.0)),
        (-9.0, -5.0, False, (-11.0, -3.0)),
        (-9.0, 0.0, False, (-13.5, 0.0)),
        (0.1, 0.3, False, (0.0, 0.4)),
        (1.0, 5.0, True, (0.0, 7.0)),
        (1900.0, 2020.0, True, (1840.0, 2080.0)),
        (7.0, 7.0, False, (3.5, 10.5)),
        (0.0, 0.0, True, (0.0, 1.0)),
        (1e-9, 3e-9, False, (0.0, 4e-9)),
    ],
)
def test_range_has_slack(low: float, high: float, is_integer: bool, expected: tuple[float, float]) -> None:
    """Half the span on either side, rounded outwards, never across zero."""
    assert value_range(low, high, is_integer=is_integer) == pytest.approx(expected, rel=1e-9)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e15, 1e15), st.booleans())
@example(0.0, 5e-324, False)
@example(-1.7e308, 1e15, False)
@example(1e15, 1e15 + 1, True)
def test_range_contains_the_sample(first: float, second: float, is_integer: bool) -> None:
    """The range contains every number of the sample, and integers have integer ends."""
    low, high = sorted((np.floor(first), np.floor(second)) if is_integer else (first, second))
    lower, upper = value_range(float(low), float(high), is_integer=is_integer)
    assert lower <= low <= high <= upper
    assert np.isfinite([lower, upper]).all()
    if is_integer:
        assert lower == int(lower)
        assert upper == int(upper)
