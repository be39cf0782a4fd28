"""Texts in packed rows: within one process, a text is represented by its number in a table of this process.

A packed row has one number for each feature, and frames can be made from it again. So each text is stored once, in the order of
first use, and its index is the number in packed rows. The numbers have no meaning outside this process.
``tabento.tables.wide_rows`` makes the numbers that the graph gets from the text itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.feature import Feature

_texts: list[str] = []
_numbers: dict[str, float] = {}


def text_number(text: str) -> float:
    """Return the number of a text within this process, from 0."""
    number = _numbers.get(text)
    if number is None:
        number = _numbers[text] = float(len(_texts))
        _texts.append(text)
    return number


def is_text_number(number: float) -> bool:
    """Return True if a number represents a text of this process."""
    return 0 <= number < len(_texts) and float(number).is_integer()


def text_of(number: float) -> str | None:
    """Return the text that a number represents; None for NaN.

    Raises:
        ValueError: the number does not represent a text.
    """
    if math.isnan(number):
        return None
    if not is_text_number(number):
        raise ValueError(f"expected the number of one of {len(_texts)} texts, got {number!r}: pack rows with `to_rows`")
    return _texts[int(number)]


def text_lengths(texts: Iterable[object]) -> NDArray[np.float64]:
    """Return the length of each text in characters, float64 of shape (N,), NaN for a missing text."""
    return np.array([len(text) if isinstance(text, str) else math.nan for text in texts], dtype=np.float64)


def with_lengths(frame: pd.DataFrame, features: Iterable[Feature]) -> pd.DataFrame:
    """Return a frame with the lengths of texts instead of the texts, for statistics."""
    lengths = {feature.name: text_lengths(frame[feature.name]) for feature in features if feature.type == "text"}
    return frame.assign(**lengths) if lengths else frame
