"""Six synthetic tables with the columns and the traps of well-known public tables.

Rows are generated from a seed. Only the names of columns and values are copied from the public files. The traps: a
blank for a missing number, truth values as words, identifiers, names, ``NA`` as a category, blanks after commas,
question marks, semicolons with quotes, dates, and numbers that are codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.first_steps.houses_and_trips import ames, taxi
from benchmarks.first_steps.people import adult, bank, telco, titanic

SEED = 20_240_501


@dataclass(frozen=True)
class SyntheticTable:
    """A table in the form that a new user has."""

    name: str
    target: str
    task: str
    make: Callable[[np.random.Generator, int], pd.DataFrame]
    rows: int
    """The number of rows of the public table, at most 6,000."""
    file_name: str
    delimiter: str = ","
    quoted: bool = False
    """Whether text is in quotes."""
    blanks: bool = False
    """Whether each comma is followed by a blank."""

    def write(self, folder: Path, rows: int | None = None) -> Path:
        """Write the table into a folder and return the file.

        Args:
            folder: is there already.
            rows: the number of rows; by default that of the public table.
        """
        frame = self.make(np.random.default_rng(SEED), rows or self.rows)
        path = folder / self.file_name
        text = frame.to_csv(index=False, sep=self.delimiter, quoting=2 if self.quoted else 0, lineterminator="\n")
        path.write_text(text.replace(",", ", ") if self.blanks else text, encoding="utf-8")
        return path


TABLES = {
    table.name: table
    for table in (
        SyntheticTable("telco", "Churn", "classification", telco, 7_043, "telco.csv"),
        SyntheticTable("titanic", "Survived", "classification", titanic, 891, "titanic.csv"),
        SyntheticTable("ames", "SalePrice", "regression", ames, 1_460, "ames.csv"),
        SyntheticTable("adult", "income", "classification", adult, 6_000, "adult.csv", blanks=True),
        SyntheticTable("bank", "y", "classification", bank, 4_521, "bank.csv", delimiter=";", quoted=True),
        SyntheticTable("taxi", "fare_amount", "regression", taxi, 6_000, "taxi.csv"),
    )
}
"""By name."""
