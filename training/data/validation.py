"""Validation: data that does not match the config is refused, with every fault in one error.

The input is the frame of the loader; the output, clean and typed columns, goes to the split. Cells are parsed first (a text
file has no types), then two pandera schemas check the table and the values, both lazily.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray

from tabento.bundle.contract import Feature
from tabento.tables.cell_checks import check_cells, fault_message, schema_faults
from tabento.tables.cell_faults import cell_fault, identifier_faults
from tabento.tables.cells import repeated_rows
from tabento.tables.faults import DataError, Example, Fault
from training.config import ModelConfig, Target
from training.data.classes import accepted_classes, class_indices
from training.data.duplicates import ROWS_MIN, without_duplicates
from training.data.remedies import remedies_for

__all__ = ["DataError", "Example", "Fault", "check_cells", "fault_message", "validate"]


def ignore_warning(message: str) -> None:
    """Ignore a warning."""


def validate(frame: pd.DataFrame, config: ModelConfig, warn: Callable[[str], None] = ignore_warning) -> pd.DataFrame:
    """Check a data set against a config and return its features and target in their types.

    Checked are missing and unknown columns, types, fractions in integers, missing values, infinities, ranges,
    categories, duplicate rows (equal in every column, dropped ones included), labels, a constant target, and that there
    are at least ``ROWS_MIN`` rows.

    Args:
        frame: Rows as read from a file, or typed. Cells of text are parsed; ``true``, ``false``, 0 and 1 are booleans.
        config: The expected columns. If the classes of its target are not known, the target is not checked and omitted.
        warn: Called with one message about rows that repeat an earlier row, unless the config refuses them.

    Returns:
        Features in the contract's order, then the target; index 0 … N-1. Numbers, integers and booleans (0.0, 1.0) are
        float64 with NaN where missing; categories are object with strings in the contract's case and None. The target is
        float64: a number, or for a classification the index of its class in ``config.target.classes``.

    Raises:
        DataError: ``faults`` lists every fault, with counts and the rows of the first examples.
    """
    label = Feature(
        name=config.target.name, type="number", minimum=config.target.minimum, maximum=config.target.maximum
    )
    columns = [*config.features, label]
    raw = frame.reset_index(drop=True)
    repeated = [str(name) for name in raw.columns[raw.columns.duplicated()].unique()]
    if repeated:
        faults = [Fault(name, "one column of this name", 1, "there are several") for name in repeated]
        raise DataError(fault_message(faults), faults)

    present = [column for column in columns if column.name in raw.columns]
    if config.task == "regression":
        values, cell_faults = check_cells(raw, present, label)
    else:
        values, cell_faults = check_cells(raw, [column for column in present if column is not label])
        if label in present and config.target.classes is not None:
            values[label.name], label_faults = _checked_classes(raw, config.target)
            cell_faults += label_faults
    cell_faults += [fault for item in config.identifiers for fault in identifier_faults(raw, item)]
    faults = schema_faults(_table_schema(columns, config), raw, raw, {}) + cell_faults
    if faults:
        order = {column.name: index for index, column in enumerate(columns)}
        faults.sort(key=lambda fault: -1 if fault.column is None else order.get(fault.column, len(order)))
        raise DataError(fault_message(faults, remedies_for(faults, raw, config)), faults)
    values = values[[column.name for column in columns if column.name in values.columns]]
    return values if config.duplicates == "refuse" else without_duplicates(values, raw, config, warn)


def _checked_classes(raw: pd.DataFrame, target: Target) -> tuple[NDArray[np.float64], list[Fault]]:
    """Return the class of each row, float64 of shape (N,), and the faults: cells of no class, classes without a row."""
    indices = class_indices(raw[target.name], target)
    faults = []
    unknown = np.flatnonzero(np.isnan(indices))
    if unknown.size:
        faults.append(cell_fault(raw, target.name, accepted_classes(target), unknown))
    for index, item in enumerate(target.classes or ()):
        if not (indices == index).any():
            faults.append(Fault(target.name, f"at least one row of the class {item.value!r}", 1, "there is none"))
    return indices, faults


def _table_schema(columns: list[Feature], config: ModelConfig) -> pa.DataFrameSchema:
    """Return the schema of the table as a whole: its columns, enough rows, no repeated row."""
    return pa.DataFrameSchema(
        {
            **{column.name: pa.Column(nullable=True) for column in columns},
            **{name: pa.Column(nullable=True, required=False) for name in config.drop},
            **{item.name: pa.Column(nullable=True, required=False) for item in config.identifiers},
        },
        strict=True,
        checks=[
            pa.Check(lambda table: len(table) >= ROWS_MIN, error=f"at least {ROWS_MIN} rows"),
            *([_NO_ROW_TWICE] if config.duplicates == "refuse" else []),
        ],
    )


_NO_ROW_TWICE = pa.Check(
    lambda table: pd.Series(~repeated_rows(table), index=table.index),
    error="no row twice, equal in every column",
    ignore_na=False,
)
