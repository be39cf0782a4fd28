"""Texts in packed rows: within training, a text travels as its number in a table of this process.

A packed row holds one number for each feature, and frames can be made of it again. So a text is kept once, in the order
in which texts are first met, and stands in rows by its place. The numbers mean nothing outside of this process; what the
graph gets is made from the text by ``training.wide_rows``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.feature import Feature

_texts: list[str] = []
_numbers: dict[str, float] = {}


def text_number(text: str) -> float:
    """Return the number by which a text travels within this process, from 0."""
    number = _numbers.get(text)
    if number is None:
        number = _numbers[text] = float(len(_texts))
        _texts.append(text)
    return number


def is_text_number(number: float) -> bool:
    """Return whether a number stands for a text of this process."""
    return 0 <= number < len(_texts) and float(number).is_integer()


def text_of(number: float) -> str | None:
    """Return the text that a number stands for; None for NaN.

    Raises:
        ValueError: it is no text's number.
    """
    if math.isnan(number):
        return None
    if not is_text_number(number):
        raise ValueError(f"expected the number of one of {len(_texts)} texts, got {number!r}: pack rows with `to_rows`")
    return _texts[int(number)]


def text_lengths(texts: Iterable[object]) -> NDArray[np.float64]:
    """Return how many characters each text has, float64 of shape (N,), NaN for a missing one."""
    return np.array([len(text) if isinstance(text, str) else math.nan for text in texts], dtype=np.float64)


def with_lengths(frame: pd.DataFrame, features: Iterable[Feature]) -> pd.DataFrame:
    """Return a frame with the length of each text in its place: what statistics say of a column of texts."""
    lengths = {feature.name: text_lengths(frame[feature.name]) for feature in features if feature.type == "text"}
    return frame.assign(**lengths) if lengths else frame
