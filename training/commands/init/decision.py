"""The decision on a column: a feature or dropped, with the reason as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tabento.bundle.feature import MISSING_TEXTS_LIMIT
from training.commands.init.profile import ColumnProfile
from training.config import DatePart

LISTED_MAX = 30
"""Up to this number of different texts the config lists them; above it, training takes them from the data."""
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Decision:
    """The decision on one column."""

    name: str
    feature: dict[str, Any] | None
    """Its entry under ``features``; None if it is dropped."""
    reason: str
    """For a feature: a summary of its values. For a dropped column: the reason."""
    doubt: str | None = None
    """A question that a user should check; None if there is none."""
    parts: tuple[DatePart, ...] = ()
    """For a timestamp: its parts, listed under ``derived.dates``."""


def feature_decision(column: ColumnProfile, entry: dict[str, Any], summary: str, doubt: str | None = None) -> Decision:
    """Return a feature; its missing values are added to the entry and to the summary."""
    entry = {"name": column.name, **entry}
    if column.missing:
        entry["nullable"] = True
        entry["missing"] = sorted(column.markers, key=lambda text: (-column.markers[text], text))[:MISSING_TEXTS_LIMIT]
        markers = ", ".join("empty" if not text else quoted(text) for text in column.markers)
        summary += f"; {column.missing:,} missing ({column.missing / column.rows:.1%}, written {markers})"
    return Decision(column.name, entry, summary, doubt)


def most_frequent(column: ColumnProfile, count: int) -> list[str]:
    """Return the most frequent texts of a column; equally frequent texts are in alphabetical order."""
    return sorted(column.texts, key=lambda text: (-column.texts[text], text))[:count]


def ratio(column: ColumnProfile) -> str:
    """Return the number of different values and the number of rows as text."""
    return f"{column.distinct:,} different values in {column.present:,} rows"


def quoted(text: str) -> str:
    """Return a text of the file in quotes, for messages; a long text is truncated."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")
