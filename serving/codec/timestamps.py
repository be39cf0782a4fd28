"""The number for a timestamp, if the feature accepts it."""

from __future__ import annotations

from math import nan

from tabento.bundle.contract import Feature, timestamp_seconds


class TimestampReader:
    """Reads the timestamps of one feature.

    Args:
        feature: a feature of the type ``timestamp``.
    """

    def __init__(self, feature: Feature) -> None:
        self._lower, self._upper = feature.lower, feature.upper
        self.missing: dict[str, float] = dict.fromkeys(feature.missing, nan)
        """NaN for each text that is treated as missing."""

    def seconds(self, value: str) -> float | None:
        """Return the seconds since 1970-01-01T00:00:00Z of a client's text, or None if the feature does not accept it."""
        seconds = timestamp_seconds(value)
        return seconds if seconds is not None and self._lower <= seconds <= self._upper else None
