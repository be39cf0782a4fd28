"""What is known of one column before anything is decided: its distinct texts, how often each occurs, what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from training.init.missing import is_missing, is_missing_number
from training.init.numbers import PLAIN

INTEGER = re.compile(r"\s*[+-]?\d+(\.0*)?\s*", re.ASCII)
"""A whole number; also as pandas writes it in a column with missing values, ``3.0``."""
_LEADING_ZERO = re.compile(r"\s*0\d+\s*", re.ASCII)
TRUTH_WORDS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"), ("1", "0"))
"""The pairs that are read as truth values, true first, in any letter case."""
STRAGGLERS_SHARE = 0.02
"""Up to this share of values in a column of numbers may be a few texts: they are taken as missing markers, and said."""
STRAGGLERS_MAX = 3


@dataclass(frozen=True)
class ColumnProfile:
    """One column's texts."""

    name: str
    rows: int
    texts: dict[str, int]
    """How often each distinct text that is not missing occurs."""
    markers: dict[str, int]
    """How often each missing marker occurs, as it stands in the file."""
    scale: float = 1.0
    """How many times more rows the file has than were counted."""

    @property
    def is_complete(self) -> bool:
        """Whether all rows of the file were counted; if not, other values may come."""
        return self.scale == 1.0

    @property
    def present(self) -> int:
        """How many rows have a value."""
        return sum(self.texts.values())

    @property
    def missing(self) -> int:
        """How many rows have none."""
        return self.rows - self.present

    @property
    def distinct(self) -> int:
        """How many different texts there are."""
        return len(self.texts)

    def every(self, holds: Callable[[str], Any]) -> bool:
        """Whether something holds for each text; not for a column without any."""
        return bool(self.texts) and all(map(holds, self.texts))

    def is_numeric(self) -> bool:
        """Whether every text is a number."""
        return self.every(PLAIN.fullmatch)

    def is_whole(self) -> bool:
        """Whether every text is a whole number."""
        return self.every(INTEGER.fullmatch)

    def has_leading_zeros(self) -> bool:
        """Whether numbers are written with zeros in front, as postcodes are: they are codes, and no quantities."""
        return any(map(_LEADING_ZERO.fullmatch, self.texts))

    def truth_words(self) -> tuple[str, str] | None:
        """Return the pair of truth words, true first, that all texts are of; only if both occur."""
        found = {text.strip().lower().removesuffix(".0") for text in self.texts}
        return next((pair for pair in TRUTH_WORDS if found == {*pair}), None)


def profile_column(cells: pd.Series[Any], *, scale: float = 1.0) -> ColumnProfile:
    """Count a column's texts.

    A column is one of numbers if all but its missing markers are; a few texts among many numbers are taken as markers.

    Args:
        cells: every cell as text.
        scale: how many times more rows the file has.
    """
    distinct = cells.value_counts(sort=False)
    counts = dict(zip(map(str, distinct.index.tolist()), map(int, distinct.tolist()), strict=True))
    texts = {text: count for text, count in counts.items() if not is_missing(text)}
    numbers = {text: count for text, count in texts.items() if PLAIN.fullmatch(text)}
    if numbers and len(numbers) < len(texts):
        rest = {text: count for text, count in texts.items() if text not in numbers}
        known = all(map(is_missing_number, rest))
        few = len(rest) <= STRAGGLERS_MAX and sum(rest.values()) <= STRAGGLERS_SHARE * sum(texts.values())
        if (known and sum(numbers.values()) >= sum(rest.values())) or (few and len(numbers) > 10 * len(rest)):
            texts = numbers
    markers = {text: count for text, count in counts.items() if text not in texts}
    return ColumnProfile(str(cells.name), len(cells), texts, markers, scale)
