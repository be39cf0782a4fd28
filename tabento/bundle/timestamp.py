"""Timestamps: from text in ISO 8601 to the seconds of a packed row, and back.

Requests and data files are read by the same function, so that the same text is the same number in both.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from fractions import Fraction

EPOCH_ORDINAL = 719_163
"""The day 1970-01-01, counted from 0001-01-01 as day 1 (``datetime.date.toordinal``)."""
SECONDS_PER_DAY = 86_400
FIRST_TIMESTAMP = -62_135_596_800.0
"""0001-01-01T00:00:00Z in seconds since 1970-01-01T00:00:00Z."""
LAST_TIMESTAMP = math.nextafter(253_402_300_800.0, 0.0)
"""The last float64 before the year 10000."""
TIMESTAMP_EXAMPLE = "2026-11-27T16:08:17Z"
FRACTION_DIGITS = 9
"""The largest number of digits of a second's fraction: nanoseconds."""
LONGEST_TIMESTAMP = len("2026-11-27T16:08:17.123456789+00:00")

_ZONE = r"[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?"
_TIME = rf"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.([0-9]{{1,{FRACTION_DIGITS}}}))?)?"
_TIMESTAMP = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[Tt ]{_TIME}({_ZONE})?)?")


def timestamp_seconds(text: str) -> float | None:
    """Return the seconds since 1970-01-01T00:00:00Z of a timestamp, or None if the text is not a timestamp.

    The result is the float64 nearest to the exact time. Days have 86,400 seconds: a leap second (``23:59:60``) is not
    accepted. A text without a zone is in UTC.

    Args:
        text: a date, or a date and a time with ``T`` or a blank between them, and after the time optionally ``Z`` or an
            offset: ``2026-11-27``, ``2026-11-27T16:08``, ``2026-11-27 16:08:17.5``, ``2026-11-27T16:08:17+01:00``.
            From the year 0001 to 9999, in UTC as well.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    fraction, zone = match.groups()
    try:
        # Python cuts a fraction after six digits, so the fraction is not read from here.
        moment = datetime.fromisoformat(text if zone is None else text[: match.start(2)])
    except ValueError:
        return None
    seconds = (moment.toordinal() - EPOCH_ORDINAL) * SECONDS_PER_DAY
    seconds += 3600 * moment.hour + 60 * moment.minute + moment.second
    if zone is not None and zone not in "Zz":
        offset = 3600 * int(zone[1:3]) + 60 * int(zone[3:].lstrip(":") or 0)
        seconds -= offset if zone[0] == "+" else -offset
    if fraction is None:
        number = float(seconds)
    else:
        # The quotient of two integers is rounded once, to the nearest float64.
        scale = 10 ** len(fraction)
        number = (seconds * scale + int(fraction)) / scale
    return number if FIRST_TIMESTAMP <= number <= LAST_TIMESTAMP else None


def timestamp_text(seconds: float) -> str:
    """Return a timestamp in UTC: ``2026-11-27T16:08:17Z``, with a fraction of at most nine digits if there is one.

    The text of a number from ``timestamp_seconds`` reads back as the same number.

    Args:
        seconds: since 1970-01-01T00:00:00Z, between ``FIRST_TIMESTAMP`` and ``LAST_TIMESTAMP``.

    Raises:
        ValueError: the number is not finite or outside this range.
    """
    if not FIRST_TIMESTAMP <= seconds <= LAST_TIMESTAMP:
        raise ValueError(f"expected seconds between {FIRST_TIMESTAMP:.0f} and {LAST_TIMESTAMP!r}, got {seconds!r}")
    scale, rounded = 1, 0
    for digits in range(FRACTION_DIGITS + 1):
        scale = 10**digits
        rounded = round(Fraction(seconds) * scale)
        if rounded / scale == seconds:
            break
    total_seconds, fraction = divmod(rounded, scale)
    days, second = divmod(total_seconds, SECONDS_PER_DAY)
    day = date.fromordinal(days + EPOCH_ORDINAL)
    text = f"{day.isoformat()}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{text}.{fraction:0{len(str(scale)) - 1}d}Z" if fraction else f"{text}Z"
