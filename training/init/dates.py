"""Columns of dates and times: by which format they are known, and what becomes of them."""

from __future__ import annotations

import re
from datetime import datetime

from training.init.decision import Decision, shown
from training.init.names import names_date
from training.init.profile import ColumnProfile

_TIME = r"([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([AaPp][Mm])?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?"
ISO = re.compile(r"\s*\d{4}-\d{2}-\d{2}" + _TIME + r"\s*", re.ASCII)
"""ISO 8601, the format that a request has to have."""
_OTHER = re.compile(
    r"\s*(\d{4}[/.]\d{1,2}[/.]\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-](\d{4}|\d{2}))" + _TIME + r"\s*", re.ASCII
)
_COMPACT = re.compile(r"\s*(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\s*", re.ASCII)
_MONTH = re.compile(
    r"\s*(\d{1,2}[ -])?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ ,.-]+(\d{1,2},? )?(\d{4}|\d{2})"
    + _TIME
    + r"\s*",
    re.IGNORECASE | re.ASCII,
)


def is_date(column: ColumnProfile) -> bool:
    """Say whether a column holds dates or times, in ISO 8601 or in another of the usual formats."""
    if is_iso(column):
        return True
    if column.every(_COMPACT.fullmatch):
        return names_date(column.name)
    return column.every(_OTHER.fullmatch) or column.every(_MONTH.fullmatch)


def is_iso(column: ColumnProfile) -> bool:
    """Say whether every value of a column is a date that exists, in ISO 8601."""
    return column.every(ISO.fullmatch) and column.every(_exists)


def _exists(text: str) -> bool:
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def decide_date(column: ColumnProfile) -> Decision:
    """Return what becomes of a column of dates: it is dropped, and said, because no feature takes one as it is."""
    example = shown(next(iter(column.texts)))
    known = "" if is_iso(column) else ", not in ISO 8601"
    return Decision(
        column.name,
        None,
        f"A date or time such as {example}{known}; no feature takes one as it is.",
        f"{column.name} is dropped: it holds dates such as {example}. If the weekday, the hour or the time between two"
        " dates matters, add it to the file as a column of numbers.",
    )
