"""Identifiers: columns that name rows, customers or orders, and say nothing about them."""

from __future__ import annotations

import re

from bundle.contract import LARGEST_EXACT_INTEGER
from training.init.decision import LISTED_MAX, Decision, ratio, shown
from training.init.names import names_identifier, names_owner
from training.init.profile import ColumnProfile

NEAR_UNIQUE = 0.95
"""From this share of different values on, a column names rows."""
CODES_MAX = 1_000
"""So many different codes, at most, are one-hot encoded."""
CODE_REPEATS = 5
"""How often a code occurs on average, at least; numbers that repeat less are quantities or identifiers."""
_UUID = re.compile(r"\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)


def identifier_column(column: ColumnProfile) -> Decision | None:
    """Drop a column that names rows; None if it does not."""
    if column.present < 2:
        return None
    name, examples = column.name, f"such as {shown(next(iter(column.texts)))}"
    is_unique = column.distinct >= NEAR_UNIQUE * column.present
    whole = column.is_whole()
    learns = "what a model learns from it, it learns by heart"
    if column.every(_UUID.fullmatch) and column.distinct > 2:
        return Decision(name, None, f"An identifier, {examples}; {learns}.")
    if whole and _largest(column) > LARGEST_EXACT_INTEGER:
        return Decision(
            name, None, f"Numbers beyond 2^53, {examples}, are identifiers: no computer calculates with them exactly."
        )
    if is_unique and whole and _counts_rows(column):
        return Decision(name, None, "A row number: it counts the rows of the file and says nothing about them.")
    can_identify = whole or not column.is_numeric()
    if is_unique and can_identify and names_identifier(name):
        return Decision(name, None, f"An identifier, {examples}: {ratio(column)}; {learns}.")
    repeats = column.present / column.distinct
    if can_identify and names_owner(name) and (repeats < CODE_REPEATS or column.distinct > CODES_MAX):
        return Decision(
            name,
            None,
            f"An identifier by its name, {examples}: {ratio(column)}; {learns}.",
            f"{name} is dropped as an identifier although its values repeat ({ratio(column)}). If it is a measure or a"
            " kind, move it from `drop` to `features`. If it names who or what a row belongs to, rows of one belong into"
            " one part of the split.",
        )
    return None


def _counts_rows(column: ColumnProfile) -> bool:
    """Whether whole numbers count from 0 or 1; years, which count too, do not begin there."""
    numbers = {int(float(text)) for text in column.texts}
    return (
        len(numbers) == column.distinct
        and min(numbers) in (0, 1)
        and max(numbers) - min(numbers) + 1 == len(numbers)
        and len(numbers) > LISTED_MAX
    )


def _largest(column: ColumnProfile) -> float:
    return max(abs(float(text)) for text in column.texts)
