"""Every way in which data can be refused, from its source to its split. Messages end with what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.errors import TrainingError

EXAMPLES_LIMIT = 5
"""How many examples of a fault are kept; more would hide the next fault."""


@dataclass(frozen=True)
class Example:
    """One cell or row that shows a fault."""

    row: int
    """The row's number in the file; the first row below the header is 1."""
    value: str | None
    """The cell as it came, or None where the whole row is meant."""

    def __str__(self) -> str:
        return f"row {self.row}" if self.value is None else f"{self.value} in row {self.row}"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a data set, with how often and where."""

    column: str | None
    """The column, or None where the whole table is meant."""
    expected: str
    """What the data should have been."""
    count: int
    """How many cells, rows or columns are not so."""
    got: str
    """What came instead, in words."""
    examples: tuple[Example, ...] = ()
    """The first few of them."""

    def __str__(self) -> str:
        text = f"{'the table' if self.column is None else self.column}: expected {self.expected}; {self.got}"
        if self.examples:
            rest = self.count - len(self.examples)
            text += ": " + ", ".join(str(example) for example in self.examples)
            text += f" and {rest:,} more" if rest else ""
        return text


class DataError(TrainingError):
    """Data cannot be read, or is not what the config says; ``faults`` holds each finding of a validation."""

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = list(faults)


class DownloadError(DataError):
    """A file cannot be downloaded, is not the one that the config names, or cannot be unpacked."""


class SyntheticError(DataError):
    """A config's synthetic section cannot be drawn."""


class SplitError(DataError):
    """Data cannot be split as the config says, or the parts differ in a way that spoils training or testing."""
