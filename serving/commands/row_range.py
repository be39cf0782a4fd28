"""The part of a file of rows that one of several jobs answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RowRange:
    """The part of a file that one of several jobs answers."""

    index: int
    """From 0 to ``count`` - 1."""
    count: int

    def contains(self, row: int) -> bool:
        """Return whether a row belongs to this part: rows are dealt out in turn."""
        return row % self.count == self.index
