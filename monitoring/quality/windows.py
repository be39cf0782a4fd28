"""Windows of time: the truths that a figure of live quality is about."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from monitoring.errors import RequestError
from monitoring.records import ErrorDetail
from tabento.bundle.timestamp import TIMESTAMP_EXAMPLE, timestamp_seconds

UNITS_S = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
ALL = "all"
TIMES = ("truth", "prediction")
LONGEST_S = 36_500 * 86_400.0
"""The longest length: its start is a time that can be written."""
_LENGTH = re.compile(r"([1-9][0-9]{0,5})([mhd])").fullmatch


@dataclass(frozen=True, slots=True)
class Window:
    """A window of time."""

    text: str
    """``7d``, ``all``, or ``custom`` if it has a start or an end."""
    by: str
    """``truth``: truths that became known in the window. ``prediction``: truths of rows that were predicted in it."""
    since_s: float
    """Its start in Unix seconds, inclusive; minus infinity if it has none."""
    until_s: float
    """Its end in Unix seconds, exclusive; infinity if it has none."""


def length_s(text: str) -> float | None:
    """Return the seconds of a length such as ``30m``, ``12h`` or ``7d``; None if the text is not a length up to ``LONGEST_S``."""
    match = _LENGTH(text)
    seconds = math.inf if match is None else int(match.group(1)) * UNITS_S[match.group(2)]
    return seconds if seconds <= LONGEST_S else None


def latest_window(text: str, by: str, now_s: float) -> Window:
    """Return the window of a length that ends now. Truths may be up to a day ahead of the clock, so it has no end.

    Raises:
        ValueError: the text is not a length.
    """
    if text == ALL:
        return Window(text, by, -math.inf, math.inf)
    seconds = length_s(text)
    if seconds is None:
        raise ValueError(f"expected a window such as 30m, 12h or 7d, or {ALL}, got {text!r}")
    return Window(text, by, now_s - seconds, math.inf)


def read_window(query: dict[str, str], default: str, now_s: float) -> Window:
    """Return the window of a question: ``window``, or ``since`` and ``until``, and ``by``.

    Raises:
        RequestError: a parameter is not valid.
    """
    by = query.get("by", TIMES[0])
    if by not in TIMES:
        raise _fault("by", " or ".join(TIMES), by)
    bounds = [_seconds(name, query[name]) if name in query else None for name in ("since", "until")]
    if bounds == [None, None]:
        text = query.get("window", default)
        try:
            return latest_window(text, by, now_s)
        except ValueError:
            raise _fault("window", f"a length such as 30m, 12h or 7d, up to 36500d, or {ALL}", text) from None
    if "window" in query:
        raise _fault("window", "either window, or since and until", query["window"])
    since_s, until_s = bounds
    return Window("custom", by, -math.inf if since_s is None else since_s, math.inf if until_s is None else until_s)


def _seconds(name: str, text: str) -> float:
    seconds = timestamp_seconds(text)
    if seconds is None:
        raise _fault(name, f"a time in ISO 8601 such as {TIMESTAMP_EXAMPLE}", text)
    return seconds


def _fault(name: str, expected: str, value: str) -> RequestError:
    return RequestError("The question is not valid.", details=[ErrorDetail(None, name, expected, value[:100])])
