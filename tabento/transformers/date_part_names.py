"""The parts of a timestamp that a model can use."""

from __future__ import annotations

from typing import Literal

DatePart = Literal["year", "month", "day", "weekday", "hour", "minute", "day_of_year", "elapsed_days", "timestamp"]
"""The parts of a timestamp in UTC: ``month`` 1 to 12, ``day`` 1 to 31, ``weekday`` 0 (Monday) to 6 (Sunday),
``hour`` 0 to 23, ``minute`` 0 to 59, ``day_of_year`` 1 to 366; ``elapsed_days`` are the days since 1970-01-01 with the time
of day as a fraction, ``timestamp`` are the seconds since then."""
