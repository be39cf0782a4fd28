"""Six made-up tables with the columns and the traps of well-known public ones.

Rows are drawn with a seed; nothing of the public files is copied but the names of their columns and values. The traps: a
blank for a missing number, truth values in words, identifiers, names, ``NA`` as a kind of its own, blanks behind commas,
question marks, semicolons with quotes, dates, and numbers that are codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.first_steps.people import adult, bank, telco, titanic
from benchmarks.first_steps.places import ames, taxi

SEED = 20_240_501


@dataclass(frozen=True)
class MadeUpTable:
    """One table as a newcomer has it."""

    name: str
    target: str
    task: str
    make: Callable[[np.random.Generator, int], pd.DataFrame]
    rows: int
    """How many the public table has, or 6,000 if it has more."""
    file_name: str
    delimiter: str = ","
    quoted: bool = False
    """Whether text stands in quotes."""
    blanks: bool = False
    """Whether a blank stands behind each comma."""

    def write(self, folder: Path, rows: int | None = None) -> Path:
        """Write the table into a folder and return the file.

        Args:
            folder: is there already.
            rows: how many; as many as the public table has, if nothing is said.
        """
        frame = self.make(np.random.default_rng(SEED), rows or self.rows)
        path = folder / self.file_name
        text = frame.to_csv(index=False, sep=self.delimiter, quoting=2 if self.quoted else 0, lineterminator="\n")
        path.write_text(text.replace(",", ", ") if self.blanks else text, encoding="utf-8")
        return path


TABLES = {
    table.name: table
    for table in (
        MadeUpTable("telco", "Churn", "classification", telco, 7_043, "telco.csv"),
        MadeUpTable("titanic", "Survived", "classification", titanic, 891, "titanic.csv"),
        MadeUpTable("ames", "SalePrice", "regression", ames, 1_460, "ames.csv"),
        MadeUpTable("adult", "income", "classification", adult, 6_000, "adult.csv", blanks=True),
        MadeUpTable("bank", "y", "classification", bank, 4_521, "bank.csv", delimiter=";", quoted=True),
        MadeUpTable("taxi", "fare_amount", "regression", taxi, 6_000, "taxi.csv"),
    )
}
"""By name."""
