"""Classes: the cells of a classification's target, matched against what the config says the classes are called.

A text file has no types, so a number is matched by value (``0``, ``0.0`` and ``"0"`` are the class written ``0``), a
boolean as true, false, 1 or 0, and text letter by letter, blanks around it left out.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Label, truth_value
from bundle.numbers import number_text
from training.config import Target

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_POSITIVE_WORDS = frozenset(("1", "1.0", "true", "t", "yes", "y", "on", "positive"))
_NEGATIVE_WORDS = frozenset(("0", "0.0", "false", "f", "no", "n", "off", "negative"))


def class_indices(cells: pd.Series[Any], target: Target) -> NDArray[np.float64]:
    """Return the class of each cell.

    Args:
        cells: the target's column as it was read, N of them.
        target: has ``classes``.

    Returns:
        float64 of shape (N,): the place in ``target.classes``, NaN where a cell is missing or of no class.

    Raises:
        ValueError: the target has no classes.
    """
    if target.classes is None:
        raise ValueError(f"expected a target with classes, got {target.name!r} without")
    values = [item.value for item in target.classes]
    # Each distinct value is looked up once, however many rows there are. NaN for the missing ones stands at the end.
    codes, distinct = pd.factorize(cells.astype(object))
    places = [next((float(at) for at, value in enumerate(values) if _is(cell, value)), math.nan) for cell in distinct]
    return np.array([*places, math.nan], dtype=np.float64)[codes]


def allowed_in_words(target: Target) -> str:
    """Say in words what a cell of the target may hold, for error messages."""
    return f"one of {', '.join(repr(item.value) for item in target.classes or ())} (`target.classes` in the config)"


def _is(cell: object, value: Label) -> bool:
    """Say whether a cell that is not missing is of the class that the config writes so."""
    if isinstance(value, bool):
        known = cell if isinstance(cell, bool | np.bool_) else truth_value(_text_of(cell))
        return known is not None and bool(known) == value
    if isinstance(cell, bool | np.bool_):
        return False
    if isinstance(value, str):
        if isinstance(cell, str):
            return cell.strip() == value.strip()
        # A column of text that looks like numbers is read as numbers.
        return _number(value) is not None and _number(value) == _number(cell)
    return _number(cell) == float(value)


def _text_of(cell: object) -> str:
    number = None if isinstance(cell, str) else _number(cell)
    return str(cell).strip().lower() if number is None else number_text(number)


def _number(cell: object) -> float | None:
    if isinstance(cell, str):
        return float(cell) if _NUMBER.fullmatch(cell) else None
    try:
        return float(cell) if isinstance(cell, int | float | np.integer | np.floating) else None
    except OverflowError:
        return math.inf


def positive_of(labels: list[Label], counts: list[int]) -> tuple[Label, str]:
    """Return which of two labels is the positive one, and why: a word such as yes says it, else the rarer one is meant."""
    words = [str(label).strip().lower() for label in labels]
    for place in (0, 1):
        if words[place] in _POSITIVE_WORDS or words[1 - place] in _NEGATIVE_WORDS:
            return labels[place], f"{labels[place]!r} stands beside {labels[1 - place]!r}"
    return labels[0 if counts[0] < counts[1] else 1], "it is the rarer one"
