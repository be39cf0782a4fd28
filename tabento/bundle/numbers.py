"""Numbers in messages: the shortest text that reads back as the same number."""

from __future__ import annotations

from typing import SupportsFloat

LARGEST_EXACT_INTEGER = 2**53
"""Up to this magnitude every integer is a float64. It is the limit of a number without a range."""


def number_text(value: SupportsFloat, *, grouped: bool = False) -> str:
    """Return the shortest text that reads back as the same number, for messages: 5, 0.3, 1e+30, nan.

    It is for numbers that a user wrote or compares: bounds, limits, settings, wrong values. Measured numbers are rounded where
    they are written.

    Args:
        value: a number of Python or a scalar of NumPy. An integer is written with all its digits; a scalar of a smaller
            float type such as float32 is written with as many digits as its own type needs.
        grouped: whether thousands are separated: 1,250,000.5.
    """
    if isinstance(value, int):
        return f"{int(value):,}" if grouped else str(int(value))  # a truth value as 0 or 1
    number = float(value)
    if number.is_integer() and abs(number) <= 2 * LARGEST_EXACT_INTEGER:
        return f"{int(number):,}" if grouped else str(int(number))
    if grouped and isinstance(value, float):
        return f"{number:,}"
    # A float64 of NumPy is a float as well. The text of a smaller type or an integer type is already the shortest.
    return repr(number) if isinstance(value, float) else str(value)


def value_text(value: object) -> str:
    """Return a value of a file or a frame for messages: a number as ``number_text``, any other value as Python's repr.

    A scalar of NumPy is shown as its value, without the name of its type.
    """
    scalar = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(scalar, float):
        assert isinstance(value, SupportsFloat)
        return number_text(value)
    return repr(scalar)
