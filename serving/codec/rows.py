"""The rows of one request, from the decoder to the runner."""

from __future__ import annotations

import msgspec


class Clips(msgspec.Struct, gc=False):
    """The values of one request that were clipped to the contract's range."""

    entries: list[bytes]
    """For each clipped value a JSON object with ``row``, ``field``, ``from`` and ``to``."""
    counts: dict[str, int]
    """The number of clipped values of each feature that has some."""

    def json(self) -> bytes:
        """Return the list of the clipped values as JSON."""
        return b"[%b]" % b",".join(self.entries)


class Rows(msgspec.Struct, frozen=True, gc=False):
    """Rows in the order of the contract's features."""

    data: bytes
    """float64 in native byte order, row after row: ``count`` times F values."""
    count: int
    """The number of rows, at least 1."""
    single: bool
    """Whether the client sent one object, and gets one answer instead of a list."""
    identifiers: bytes = b""
    """The identifiers for the answer, as JSON: an object for a single row, else a list of one object a row. Empty if the
    contract has no identifiers."""
    clips: Clips | None = None
    """The values that were clipped; None if there are none."""
