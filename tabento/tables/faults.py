"""The errors of data, from its source to its split. Messages end with a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabento.errors import TabentoError

EXAMPLES_LIMIT = 5
"""The number of examples of a fault; more would hide the next fault."""


@dataclass(frozen=True)
class Example:
    """One cell or row that shows a fault."""

    row: int
    """The row's number in the file; the first row below the header is 1."""
    value: str | None
    """The cell as it is in the file, or None if the fault is one of the whole row."""

    def __str__(self) -> str:
        return f"row {self.row}" if self.value is None else f"{self.value} in row {self.row}"


@dataclass(frozen=True)
class Fault:
    """One fault of a data set, with its count and examples."""

    column: str | None
    """The column, or None if the fault is one of the whole table."""
    expected: str
    """The expected data."""
    count: int
    """The number of cells, rows or columns with the fault."""
    got: str
    """The actual data, as text."""
    examples: tuple[Example, ...] = ()
    """The first cells or rows with the fault."""

    def __str__(self) -> str:
        text = f"{'the table' if self.column is None else self.column}: expected {self.expected}; {self.got}"
        if self.examples:
            n_more = self.count - len(self.examples)
            text += ": " + ", ".join(str(example) for example in self.examples)
            text += f" and {n_more:,} more" if n_more else ""
        return text


class DataError(TabentoError):
    """Data cannot be read, or does not fit the config; ``faults`` has each finding of a validation."""

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = list(faults)


class DownloadError(DataError):
    """A file cannot be downloaded, is not the one that the config names, or cannot be unpacked."""


class SyntheticError(DataError):
    """A config's synthetic section cannot be generated."""


class SplitError(DataError):
    """Data cannot be split as the config says, or the parts differ so much that training or testing is not possible."""
