"""Faults of cells: which cells of a column are not what is expected, with the first of them as they came."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Identifier
from bundle.numbers import value_text
from training.data.errors import EXAMPLES_LIMIT, Example, Fault

_SHOWN_CHARACTERS = 40


def cell_fault(raw: pd.DataFrame, column: str, expected: str, rows: NDArray[np.int64]) -> Fault:
    """Return a fault of cells, with the first of them as they came."""
    cells = raw[column]
    examples = tuple(Example(int(row) + 1, _shown(cells.iloc[row])) for row in rows[:EXAMPLES_LIMIT])
    return Fault(
        column, expected, len(rows), f"{len(rows):,} {'value is' if len(rows) == 1 else 'values are'} not", examples
    )


def _shown(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "missing"
    text = value_text(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def identifier_faults(raw: pd.DataFrame, identifier: Identifier) -> list[Fault]:
    """Say which cells an identifier does not take; a file without the column is as good as one with it."""
    if identifier.name not in raw.columns:
        return []
    takes = identifier.check()
    codes, distinct = pd.factorize(raw[identifier.name].astype(object))
    good = [takes(_without_fraction(cell)) for cell in distinct]
    # Missing cells have the code -1, which finds the last.
    rows = np.flatnonzero(~np.array([*good, not identifier.required], dtype=bool)[codes])
    return [cell_fault(raw, identifier.name, identifier.expected(), rows)] if rows.size else []


def _without_fraction(cell: object) -> object:
    """Return a cell as JSON would carry it: a column of integers with missing ones among them is read as floats."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell
