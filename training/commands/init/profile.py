"""The profile of one column, before the decision on it: its distinct texts with their counts, and its missing values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from training.commands.init.missing import is_missing, is_missing_number
from training.commands.init.numbers import PLAIN

INTEGER = re.compile(r"\s*[+-]?\d+(\.0*)?\s*", re.ASCII)
"""A whole number; also as pandas writes it in a column with missing values, ``3.0``."""
_LEADING_ZERO = re.compile(r"\s*0\d+\s*", re.ASCII)
BOOLEAN_WORDS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"), ("1", "0"))
"""The pairs that are read as truth values, true first, in any letter case."""
STRAGGLERS_SHARE = 0.02
"""Up to this share of a few texts in a column of numbers, they are taken as missing markers and reported."""
STRAGGLERS_MAX = 3


@dataclass(frozen=True)
class ColumnProfile:
    """The texts of one column."""

    name: str
    rows: int
    texts: dict[str, int]
    """The count of each distinct text that is not missing."""
    markers: dict[str, int]
    """The count of each missing marker, spelled as in the file."""
    scale: float = 1.0
    """The number of rows of the file, divided by the number of counted rows."""

    @property
    def is_complete(self) -> bool:
        """Whether all rows of the file were counted; if not, the file might have other values."""
        return self.scale == 1.0

    @property
    def present(self) -> int:
        """The number of rows with a value."""
        return sum(self.texts.values())

    @property
    def missing(self) -> int:
        """The number of rows without a value."""
        return self.rows - self.present

    @property
    def distinct(self) -> int:
        """The number of different texts."""
        return len(self.texts)

    def every(self, holds: Callable[[str], Any]) -> bool:
        """Return whether a condition holds for each text; False for a column without texts."""
        return bool(self.texts) and all(map(holds, self.texts))

    def is_numeric(self) -> bool:
        """Return whether every text is a number."""
        return self.every(PLAIN.fullmatch)

    def is_whole(self) -> bool:
        """Return whether every text is a whole number."""
        return self.every(INTEGER.fullmatch)

    def has_leading_zeros(self) -> bool:
        """Return whether numbers have leading zeros, as postcodes have: they are codes and not quantities."""
        return any(map(_LEADING_ZERO.fullmatch, self.texts))

    def truth_words(self) -> tuple[str, str] | None:
        """Return the pair of truth words, true first, that all texts are of; only if both occur."""
        words = {text.strip().lower().removesuffix(".0") for text in self.texts}
        return next((pair for pair in BOOLEAN_WORDS if words == {*pair}), None)


def profile_column(cells: pd.Series[Any], *, scale: float = 1.0) -> ColumnProfile:
    """Count a column's texts.

    A column is one of numbers if all but its missing markers are; a few texts among many numbers are taken as markers.

    Args:
        cells: every cell as text.
        scale: the number of rows of the file, divided by the number of cells.
    """
    distinct = cells.value_counts(sort=False)
    counts = dict(zip(map(str, distinct.index.tolist()), map(int, distinct.tolist()), strict=True))
    texts = {text: count for text, count in counts.items() if not is_missing(text)}
    numbers = {text: count for text, count in texts.items() if PLAIN.fullmatch(text)}
    if numbers and len(numbers) < len(texts):
        rest = {text: count for text, count in texts.items() if text not in numbers}
        are_markers = all(map(is_missing_number, rest))
        are_few = len(rest) <= STRAGGLERS_MAX and sum(rest.values()) <= STRAGGLERS_SHARE * sum(texts.values())
        if (are_markers and sum(numbers.values()) >= sum(rest.values())) or (are_few and len(numbers) > 10 * len(rest)):
            texts = numbers
    markers = {text: count for text, count in counts.items() if text not in texts}
    return ColumnProfile(str(cells.name), len(cells), texts, markers, scale)
