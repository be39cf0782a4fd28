"""Numbers in messages: the shortest text that reads back as the same number."""

from __future__ import annotations

from typing import SupportsFloat

LARGEST_EXACT_INTEGER = 2**53
"""Up to here every integer is a float64. A number without a range of its own is taken up to this magnitude."""


def number_text(value: SupportsFloat) -> str:
    """Return the shortest text that reads back as the same number, as it stands in messages: 5, 0.3, 1e+30, nan.

    Args:
        value: a number of Python or a scalar of NumPy. An integer is written with all its digits; a scalar of a smaller
            float type such as float32 is written with as many digits as its own type needs.
    """
    if isinstance(value, int):
        return str(int(value))  # a truth value as 0 or 1
    number = float(value)
    if number.is_integer() and abs(number) <= 2 * LARGEST_EXACT_INTEGER:
        return str(int(number))
    # A float64 of NumPy is a float too. What is not one is a smaller or an integer type, whose own text is the shortest.
    return repr(number) if isinstance(value, float) else str(value)
