"""Forms of dates other than ISO 8601, recognised in a data file so that a message can show how to convert them.

They are never converted by a guess: 03/04/2026 is a day in March or in April, and only the file's owner knows which.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabento.bundle.timestamp import TIMESTAMP_EXAMPLE

_TIME = r"(?P<time>[T ]\d{1,2}:\d{2}(?P<seconds>:\d{2})?(?P<fraction>\.\d+)?)?"
_FORMS = tuple(
    (re.compile(day + _TIME, re.ASCII), codes)
    for day, codes in (
        (r"(?P<first>\d{1,2})\.(?P<second>\d{1,2})\.\d{4}", ("%d.%m.%Y",)),
        (r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/\d{4}", ("%d/%m/%Y", "%m/%d/%Y")),
        (r"(?P<first>\d{1,2})-(?P<second>\d{1,2})-\d{4}", ("%d-%m-%Y", "%m-%d-%Y")),
        (r"\d{4}/(?P<second>\d{1,2})/(?P<first>\d{1,2})", ("%Y/%m/%d",)),
        (r"\d{4}\.(?P<second>\d{1,2})\.(?P<first>\d{1,2})", ("%Y.%m.%d",)),
        (r"\d{4}-(?P<second>\d{1,2})-(?P<first>\d{1,2})", ("%Y-%m-%d",)),
        (r"\d{4}(?P<second>\d{2})(?P<first>\d{2})", ("%Y%m%d",)),
    )
)
_EPOCH = re.compile(r"-?\d{9,10}(\.\d+)?|-?\d{12,13}", re.ASCII)
_MILLISECONDS_DIGITS = 12
_MONTHS = 12


def conversion(column: str, texts: Sequence[str]) -> str | None:
    """Return instructions to convert a column of dates in another form; None if its texts share no known form.

    Args:
        column: its name.
        texts: distinct cells that are not timestamps, at least one.
    """
    stripped = [text.strip() for text in texts]
    if all(_EPOCH.fullmatch(text) for text in stripped):
        unit = "ms" if len(stripped[0].lstrip("-").partition(".")[0]) >= _MILLISECONDS_DIGITS else "s"
        return _instructions(column, texts[0], [f"pd.to_datetime(table[{column!r}].astype(float), unit={unit!r})"])
    for pattern, codes in _FORMS:
        matches = [pattern.fullmatch(text) for text in stripped]
        first = matches[0]
        if first is None or None in matches:
            continue
        time = ""
        if first["time"]:
            time = f"{first['time'][0]}%H:%M{':%S' if first['seconds'] else ''}{'.%f' if first['fraction'] else ''}"
        pairs = [(int(match["first"]), int(match["second"])) for match in matches if match is not None]
        matching_codes = [
            code for code in codes if all((a if code.startswith("%m") else b) <= _MONTHS for a, b in pairs)
        ]
        calls = [f"pd.to_datetime(table[{column!r}], format={code + time!r})" for code in matching_codes]
        return _instructions(column, texts[0], calls) if calls else None
    return None


def _instructions(column: str, example: str, calls: list[str]) -> str:
    write = ".dt.strftime('%Y-%m-%dT%H:%M:%S.%fZ')"
    return (
        f"{column}: dates as in {example!r} must be converted to ISO 8601, such as {TIMESTAMP_EXAMPLE}; in pandas:"
        f" table[{column!r}] = {' or, if the month comes first, '.join(call + write for call in calls)}"
    )
