"""A sample that is a DataFrame: its cells as text, for inference, and its rows in the types of a contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tabento.adopt.errors import AdoptionError
from tabento.adopt.sample import Sample
from tabento.bundle.contract import Contract
from tabento.tables.cell_checks import check_cells, fault_message
from tabento.tables.faults import DataError

SOURCE = "the sample"
"""The sample's name in messages."""


def sample_of_frame(frame: pd.DataFrame) -> Sample:
    """Return a DataFrame as a sample whose cells are text, as a CSV file has them.

    Raises:
        AdoptionError: it is not a DataFrame, has no rows, or has a name that is not text or appears twice.
    """
    if not isinstance(frame, pd.DataFrame):
        raise AdoptionError(
            f"expected the sample as a pandas.DataFrame, got a {type(frame).__name__}. Give rows with the columns on which"
            " the pipeline was fitted, such as pandas.DataFrame(rows, columns=names)."
        )
    if not len(frame):
        raise AdoptionError("expected a sample with at least one row, got none. Give rows of the test part.")
    names = list(frame.columns)
    unnamed = [name for name in names if not isinstance(name, str)]
    if unnamed:
        raise AdoptionError(
            f"expected columns whose names are text, got {unnamed[0]!r}. Rename them: frame.columns ="
            " frame.columns.astype(str)."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise AdoptionError(f"the column {repeated[0]!r} appears twice in {SOURCE}. Name each column once.")
    cells = pd.DataFrame({name: texts_of_column(frame[name]) for name in names}, columns=names, dtype=object)
    return Sample(text="", source=SOURCE, sha256="", cells=cells)


def contracted_rows(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return the features in the types of a contract: float64 with NaN, categories and texts as ``str`` or None.

    Raises:
        DataError: columns are missing, or cells do not fit the contract; each fault is listed with its rows.
    """
    missing = [name for name in contract.feature_names if name not in frame.columns]
    if missing:
        raise DataError(f"expected a column for each feature, got none for {', '.join(map(repr, missing))}. Add them.")
    rows = frame[list(contract.feature_names)].reset_index(drop=True)
    for feature in contract.features:
        if feature.type in ("category", "text"):
            texts = texts_of_column(rows[feature.name])
            rows[feature.name] = pd.Series(texts, dtype=object).where(rows[feature.name].notna(), None)
    values, faults = check_cells(rows, contract.features)
    if faults:
        raise DataError(f"{SOURCE}: {fault_message(faults)}", faults)
    return values[list(contract.feature_names)]


def texts_of_column(column: pd.Series[Any]) -> list[str]:
    """Return each cell as text that gives the same value back; a missing cell is empty."""
    return ["" if is_missing else _text(cell) for cell, is_missing in zip(column.tolist(), column.isna(), strict=True)]


def _text(cell: object) -> str:
    # A float32 has fewer digits as text than the double that the pipeline computes with.
    return str(float(cell)) if isinstance(cell, float | np.floating) else str(cell)
