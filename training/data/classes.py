"""Classes: the cells of a classification's target, matched against the class values of the config.

A text file has no types. So a number is matched by value (``0``, ``0.0`` and ``"0"`` are the class ``0``), a boolean as
true, false, 1 or 0, and a text character by character without surrounding blanks.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.boolean_text import parse_boolean
from tabento.bundle.contract import Label
from tabento.bundle.numbers import number_text
from training.config import Target

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_POSITIVE_WORDS = frozenset(("1", "1.0", "true", "t", "yes", "y", "on", "positive"))
_NEGATIVE_WORDS = frozenset(("0", "0.0", "false", "f", "no", "n", "off", "negative"))


def class_indices(cells: pd.Series[Any], target: Target) -> NDArray[np.float64]:
    """Return the class of each cell.

    Args:
        cells: the target's column as it was read, N cells.
        target: a target with ``classes``.

    Returns:
        float64 of shape (N,): the index in ``target.classes``, NaN for a cell that is missing or belongs to no class.

    Raises:
        ValueError: the target has no classes.
    """
    if target.classes is None:
        raise ValueError(f"expected a target with classes, got {target.name!r} without")
    values = [item.value for item in target.classes]
    # Each distinct value is looked up once, regardless of the number of rows. The last entry, NaN, is for missing cells.
    codes, distinct = pd.factorize(cells.astype(object))
    indices = [
        next((float(index) for index, value in enumerate(values) if _belongs_to(cell, value)), math.nan)
        for cell in distinct
    ]
    return np.array([*indices, math.nan], dtype=np.float64)[codes]


def accepted_classes(target: Target) -> str:
    """Return a description of the accepted cells of the target, for error messages."""
    return f"one of {', '.join(repr(item.value) for item in target.classes or ())} (`target.classes` in the config)"


def _belongs_to(cell: object, value: Label) -> bool:
    """Return whether a cell that is not missing belongs to the class with a value of the config."""
    if isinstance(value, bool):
        boolean = cell if isinstance(cell, bool | np.bool_) else parse_boolean(_text_of(cell))
        return boolean is not None and bool(boolean) == value
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
    """Return the positive one of two labels with the reason: a word such as yes is positive, else the rarer label is."""
    words = [str(label).strip().lower() for label in labels]
    for index in (0, 1):
        if words[index] in _POSITIVE_WORDS or words[1 - index] in _NEGATIVE_WORDS:
            return labels[
                index
            ], f"{labels[index]!r} is the positive word of {labels[index]!r} and {labels[1 - index]!r}"
    return labels[0 if counts[0] < counts[1] else 1], "it is the rarer one"
