"""Numbers in messages are as short as they read back."""

from __future__ import annotations

import math
from typing import SupportsFloat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabento.bundle.numbers import number_text, value_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.29999999999999999, "0.3"),
        (0.1 + 0.2, "0.30000000000000004"),
        (0.1, "0.1"),
        (5.0, "5"),
        (-0.0, "0"),
        (1e22, "1e+22"),
        (1e30, "1e+30"),
        (5e-324, "5e-324"),
        (2.0**53, "9007199254740992"),
        (2**53 + 1, "9007199254740993"),
        (np.float64(0.3), "0.3"),
        (np.float32(0.1), "0.1"),
        (np.int64(2**60 + 1), "1152921504606846977"),
        (np.int8(-3), "-3"),
        (True, "1"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_a_number_in_a_message_is_as_short_as_it_reads_back(number: SupportsFloat, text: str) -> None:
    """No digits beyond those that make the same number, no fraction of an integer, and no name of a type."""
    assert number_text(number) == text


@given(st.floats(allow_nan=False) | st.integers(-(2**70), 2**70))
def test_every_number_reads_back(number: float) -> None:
    """The text of every number reads back as the same number."""
    text = number_text(number)
    assert (int(text) if isinstance(number, int) else float(text)) == number
    assert number_text(np.float64(number)) == number_text(float(number))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1250000.5, "1,250,000.5"),
        (1234567, "1,234,567"),
        (1234567.0, "1,234,567"),
        (0.1 + 0.2, "0.30000000000000004"),
        (np.float64(12345.678), "12,345.678"),
        (1e22, "1e+22"),
        (math.inf, "inf"),
    ],
)
def test_thousands_are_marked_without_losing_a_digit(number: SupportsFloat, text: str) -> None:
    """A limit of some millions is readable, and still the limit."""
    assert number_text(number, grouped=True) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(0.3), "0.3"),
        (np.float32(0.1), "0.1"),
        (np.int64(7), "7"),
        (np.bool_(True), "True"),
        (np.str_("a"), "'a'"),
        (2.0, "2"),
        (2**60 + 1, "1152921504606846977"),
        (True, "True"),
        ("x", "'x'"),
        (None, "None"),
        (math.nan, "nan"),
        ([1.5], "[1.5]"),
    ],
)
def test_a_value_is_shown_without_its_type(value: object, text: str) -> None:
    """No ``np.float64(…)`` in a message: a number as short as it reads back, all else as Python writes it."""
    assert value_text(value) == text
