"""Identifiers: columns that name rows, customers or orders, and contain no information about them."""

from __future__ import annotations

import re

from tabento.bundle.contract import LARGEST_EXACT_INTEGER
from training.commands.init.decision import LISTED_MAX, Decision, quoted, ratio
from training.commands.init.names import names_identifier, names_owner
from training.commands.init.profile import ColumnProfile

NEAR_UNIQUE = 0.95
"""From this share of different values on, a column identifies rows."""
CODES_MAX = 1_000
"""The largest number of different codes that are one-hot encoded."""
CODE_REPEATS = 5
"""The least average number of rows of a code; numbers that repeat less are quantities or identifiers."""
_UUID = re.compile(r"\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)


def identifier_column(column: ColumnProfile) -> Decision | None:
    """Drop a column that identifies rows; None for any other column."""
    if column.present < 2:
        return None
    name, examples = column.name, f"such as {quoted(next(iter(column.texts)))}"
    is_unique = column.distinct >= NEAR_UNIQUE * column.present
    is_integer = column.is_whole()
    learns = "what a model learns from it, it learns by heart"
    if column.every(_UUID.fullmatch) and column.distinct > 2:
        return Decision(name, None, f"An identifier, {examples}; {learns}.")
    if is_integer and _largest(column) > LARGEST_EXACT_INTEGER:
        return Decision(
            name, None, f"Numbers beyond 2^53, {examples}, are identifiers: no computer calculates with them exactly."
        )
    if is_unique and is_integer and _counts_rows(column):
        return Decision(name, None, "A row number: it counts the rows of the file and says nothing about them.")
    can_identify = is_integer or not column.is_numeric()
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
    """Return whether whole numbers count from 0 or 1; years count as well, but begin elsewhere."""
    numbers = {int(float(text)) for text in column.texts}
    return (
        len(numbers) == column.distinct
        and min(numbers) in (0, 1)
        and max(numbers) - min(numbers) + 1 == len(numbers)
        and len(numbers) > LISTED_MAX
    )


def _largest(column: ColumnProfile) -> float:
    return max(abs(float(text)) for text in column.texts)
