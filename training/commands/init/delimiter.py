"""The delimiter of a text table: the character that cuts the first rows into the same number of values."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""The delimiters that are tried, with their names in messages; of equally good ones the first wins."""
HEAD_ROWS = 5_000
"""The number of rows that are read."""
_BLANK_SHARE = 0.9
"""From this share of values with a leading blank on, the blanks belong to the delimiter."""


@dataclass(frozen=True)
class Delimiter:
    """The delimiter of a line's values."""

    character: str = ","
    blanks_follow: bool = False
    """Whether a blank after each delimiter belongs to it, and not to the value."""
    hint_line: bool = False
    """Whether the first line is Excel's ``sep=;`` and not the header."""


COMMAS = Delimiter()


def detect_delimiter(head: str, target: str | None = None) -> Delimiter:
    """Return the delimiter of the first rows of a table.

    Args:
        head: the beginning of the file; its last line might be incomplete.
        target: a column that must be in the header: a delimiter that yields it is preferred.
    """
    hint = head[:10].lower().startswith("sep=")
    if hint:
        first, _, head = head.partition("\n")
        stated = first.rstrip("\r")[4:5]
        if stated in DELIMITERS:
            return _with_blanks(head, stated, hint)
    scores = {character: _score(read_rows(head, character), target) for character in DELIMITERS}
    return _with_blanks(head, max(DELIMITERS, key=scores.__getitem__), hint)


def read_rows(head: str, character: str, *, blanks_follow: bool = False, rows_max: int = HEAD_ROWS) -> list[list[str]]:
    """Return the first rows of a table that have values, the header first; fewer if the text cannot be read further."""
    rows: list[list[str]] = []
    reader = csv.reader(
        io.StringIO(_whole_lines(head), newline=""), delimiter=character, skipinitialspace=blanks_follow
    )
    try:
        rows.extend(itertools.islice(filter(has_values, reader), rows_max))
    except csv.Error:
        # The reader of the whole file names the line.
        return rows
    return rows


def has_values(row: Sequence[str]) -> bool:
    """Return whether a row is not a blank line."""
    return len(row) > 1 or (len(row) == 1 and bool(row[0].strip()))


def _whole_lines(head: str) -> str:
    end = head.rfind("\n")
    return head if end <= 0 or head.count("\n") < 2 else head[: end + 1]


def _score(rows: list[list[str]], target: str | None) -> tuple[bool, bool, float, int]:
    header = rows[0] if rows else []
    names = {name.strip() for name in header}
    alike = sum(len(row) == len(header) for row in rows) / len(rows) if rows else 0.0
    return len(header) > 1, target in names and len(header) > 1, alike, len(header)


def _with_blanks(head: str, character: str, hint: bool) -> Delimiter:
    values = [value for row in read_rows(head, character)[1:] for value in row[1:] if value]
    blanks = sum(value[0] == " " and value != " " for value in values)
    follow = bool(values) and blanks >= _BLANK_SHARE * len(values)
    return Delimiter(character, blanks_follow=follow, hint_line=hint)
