"""Columns of dates and times: their formats, and the decision on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tabento.bundle.contract import timestamp_seconds
from tabento.transformers.date_parts import date_parts
from training.commands.init.decision import Decision, feature_decision, quoted
from training.commands.init.names import names_date
from training.commands.init.profile import ColumnProfile
from training.config import DatePart
from training.data.date_forms import conversion

_PARTS: tuple[DatePart, ...] = ("year", "month", "weekday", "hour")
"""Parts that a model can use without changes; users add others."""

_TIME = r"([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([AaPp][Mm])?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?"
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
    """Return whether a column holds dates or times, in ISO 8601 or in another of the usual formats."""
    if is_iso(column):
        return True
    if column.every(_COMPACT.fullmatch):
        return names_date(column.name)
    return column.every(_OTHER.fullmatch) or column.every(_MONTH.fullmatch)


def is_iso(column: ColumnProfile) -> bool:
    """Return whether every value of a column is a date that exists, in ISO 8601 as requests send it."""
    return column.every(lambda text: timestamp_seconds(text.strip()) is not None)


def decide_date(column: ColumnProfile) -> Decision:
    """Return the decision on a column of dates: a timestamp with the parts that differ in the data, or dropped."""
    example = quoted(next(iter(column.texts)))
    if not is_iso(column):
        remark = conversion(column.name, list(column.texts))
        return Decision(
            column.name,
            None,
            f"A date or time such as {example}, not in ISO 8601.",
            f"{column.name} is dropped: it holds dates such as {example}, not in ISO 8601."
            + (
                f" To use it, convert the file: {remark}"
                if remark
                else " To use it, write them as 2026-11-27T16:08:17Z."
            ),
        )
    parts = parts_of([timestamp_seconds(text.strip()) or 0.0 for text in column.texts])
    first, last = min(column.texts), max(column.texts)
    decision = feature_decision(
        column,
        {"type": "timestamp"},
        f"date, {quoted(first.strip())} to {quoted(last.strip())}, {column.distinct:,} different values",
    )
    return replace(decision, parts=parts)


def parts_of(seconds: Sequence[float]) -> tuple[DatePart, ...]:
    """Return the usual parts that differ between the timestamps; at least one part."""
    values_of_part = date_parts(np.array(seconds, dtype=np.float64), _PARTS, np.floor)
    return tuple(part for part, values in values_of_part.items() if (values != values[0]).any()) or ("elapsed_days",)
