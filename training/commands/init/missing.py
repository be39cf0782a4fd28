"""Missing markers: the texts of files for an unknown value."""

from __future__ import annotations

ALWAYS = frozenset(
    {"", "?", "-", "--", "na", "n/a", "#n/a", "nan", "null", "<na>", "\\n"},
)
"""Markers in every column, in lower case and without blanks around them."""
IN_NUMBERS = frozenset({"none", "nil", "unknown", "missing", ".", "inf", "-inf", "#div/0!", "#value!"})
"""Markers in a column of numbers only; in a column of text they might be values, such as the masonry veneer ``None``."""


def is_missing(cell: str) -> bool:
    """Return whether a cell is a missing marker in any column."""
    return cell.strip().lower() in ALWAYS


def is_missing_number(cell: str) -> bool:
    """Return whether a cell is a missing marker in a column of numbers."""
    return cell.strip().lower() in ALWAYS or cell.strip().lower() in IN_NUMBERS
