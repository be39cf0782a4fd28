"""What becomes of a column, and the words in which it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bundle.feature import MISSING_TEXTS_LIMIT
from training.config import DatePart
from training.init.profile import ColumnProfile

LISTED_MAX = 30
"""Up to so many different texts are listed in the config; of more, training takes them from the data."""
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Decision:
    """What becomes of a column."""

    name: str
    feature: dict[str, Any] | None
    """Its entry under ``features``; None if it is dropped."""
    reason: str
    """Of a feature: what the data shows of it. Of a dropped column: why it is dropped."""
    doubt: str | None = None
    """What a person should look at."""
    parts: tuple[DatePart, ...] = ()
    """Of a timestamp: its parts, under ``derived.dates``."""


def feature_decision(column: ColumnProfile, entry: dict[str, Any], said: str, doubt: str | None = None) -> Decision:
    """Return a feature with what is missing of it."""
    entry = {"name": column.name, **entry}
    if column.missing:
        entry["nullable"] = True
        entry["missing"] = sorted(column.markers, key=lambda text: (-column.markers[text], text))[:MISSING_TEXTS_LIMIT]
        written = ", ".join("empty" if not text else shown(text) for text in column.markers)
        said += f"; {column.missing:,} missing ({column.missing / column.rows:.1%}, written {written})"
    return Decision(column.name, entry, said, doubt)


def most_frequent(column: ColumnProfile, count: int) -> list[str]:
    """Return the most frequent texts of a column, of equally frequent ones the first in alphabetical order."""
    return sorted(column.texts, key=lambda text: (-column.texts[text], text))[:count]


def ratio(column: ColumnProfile) -> str:
    """Say how many different values a column has in how many rows."""
    return f"{column.distinct:,} different values in {column.present:,} rows"


def shown(text: str) -> str:
    """Return a text of the file in quotes, for messages; a long one cut."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")
