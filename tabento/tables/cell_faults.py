"""Faults of cells: the cells of a column that differ from the expected values, with the first ones as examples."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Identifier
from tabento.bundle.numbers import value_text
from tabento.tables.faults import EXAMPLES_LIMIT, Example, Fault

_SHOWN_CHARACTERS = 40


def cell_fault(raw: pd.DataFrame, column: str, expected: str, rows: NDArray[np.int64]) -> Fault:
    """Return a fault of cells, with the first cells as they are in the file."""
    cells = raw[column]
    examples = tuple(Example(int(row) + 1, _cell_text(cells.iloc[row])) for row in rows[:EXAMPLES_LIMIT])
    return Fault(
        column, expected, len(rows), f"{len(rows):,} {'value is' if len(rows) == 1 else 'values are'} not", examples
    )


def _cell_text(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "missing"
    text = value_text(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def identifier_faults(raw: pd.DataFrame, identifier: Identifier) -> list[Fault]:
    """Return the fault of the cells that an identifier does not accept. A file without the column has no fault."""
    if identifier.name not in raw.columns:
        return []
    is_accepted = identifier.check()
    codes, distinct = pd.factorize(raw[identifier.name].astype(object))
    accepted = [is_accepted(_without_fraction(cell)) for cell in distinct]
    # Missing cells have the code -1, which is the index of the last entry.
    rows = np.flatnonzero(~np.array([*accepted, not identifier.required], dtype=bool)[codes])
    return [cell_fault(raw, identifier.name, identifier.expected(), rows)] if rows.size else []


def _without_fraction(cell: object) -> object:
    """Return a cell as a value of JSON: a column of integers with missing values is read as floats."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell
