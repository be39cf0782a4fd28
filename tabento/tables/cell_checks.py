"""Cell checks: the columns of a table in their types, and every cell that the contract does not allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray
from pandera.errors import SchemaErrorReason, SchemaErrors

from tabento.bundle.contract import Feature
from tabento.bundle.timestamp import TIMESTAMP_EXAMPLE
from tabento.tables.cell_faults import cell_fault
from tabento.tables.cells import parse_column
from tabento.tables.faults import EXAMPLES_LIMIT, Example, Fault


def check_cells(
    raw: pd.DataFrame, columns: Sequence[Feature], label: Feature | None = None
) -> tuple[pd.DataFrame, list[Fault]]:
    """Parse some columns of a table and check each of their cells.

    Args:
        raw: rows with index 0 … N-1 and each of the columns.
        columns: the features that the columns must fit.
        label: which of the columns is the target of training; its values must differ.

    Returns:
        The columns in their types, as ``validate`` returns them, and every fault, column by column.
    """
    parsed: dict[str, pd.Series[Any]] = {}
    wrong: dict[str, NDArray[np.bool_]] = {}
    faults: list[Fault] = []
    for column in columns:
        parsed[column.name], wrong[column.name] = parse_column(raw[column.name], column)
        rows = np.flatnonzero(wrong[column.name])
        if rows.size:
            faults.append(cell_fault(raw, column.name, _type_text(column), rows))
    values = pd.DataFrame(parsed, index=raw.index, copy=False)
    schema = pa.DataFrameSchema({column.name: _column(column, column is label) for column in columns})
    return values, faults + schema_faults(schema, values, raw, wrong)


def _column(column: Feature, is_label: bool) -> pa.Column:
    """Return the schema of the parsed values of one column."""
    checks = []
    if column.type == "category":
        if column.unknown == "refuse":
            categories = column.categories or ()
            checks.append(pa.Check(lambda values: values.isin(categories), error=column.expected()))
    elif column.type == "text":
        checks.append(pa.Check(lambda values: values.map(column.takes_text), error=column.expected()))
    else:
        checks.append(pa.Check(lambda values: ~np.isinf(values), error="a finite number"))
        if column.type == "boolean":
            checks.append(_finite_check(lambda values: values.isin([0.0, 1.0]), column.expected()))
        if column.type == "integer":
            checks.append(_finite_check(lambda values: values == np.floor(values), "an integer, without a fraction"))
        if column.ordered:
            between = _finite_check(lambda values: values.between(column.lower, column.upper), column.expected())
            checks.append(between)
    if is_label:
        checks.append(pa.Check(lambda values: len(values) == 0 or values.nunique() > 1, error="labels that differ"))
    elif column.nullable:
        checks.append(pa.Check(lambda values: values.notna().any(), error="at least one value", ignore_na=False))
    return pa.Column(None if column.type in ("category", "text") else float, nullable=column.nullable, checks=checks)


def _finite_check(is_fine: Callable[[Any], Any], expected: str) -> pa.Check:
    """Return a check that ignores infinities, which have a separate check."""
    return pa.Check(lambda values: is_fine(values) | np.isinf(values), error=expected)


def _type_text(column: Feature) -> str:
    if column.type == "boolean":
        return column.expected()
    return {
        "category": "text",
        "text": "text",
        "number": "a number",
        "integer": "an integer",
        "timestamp": f"a date and time such as {TIMESTAMP_EXAMPLE}",
    }[column.type]


def schema_faults(
    schema: pa.DataFrameSchema, frame: pd.DataFrame, raw: pd.DataFrame, wrong: dict[str, NDArray[np.bool_]]
) -> list[Fault]:
    """Validate lazily and translate pandera's findings, without the cells that already have a fault of type."""
    try:
        # No value is coerced, so `inplace` changes nothing. It only saves a copy of the table.
        schema.validate(frame, lazy=True, inplace=True)
    except SchemaErrors as errors:
        return [fault for error in errors.schema_errors for fault in _translate(error, raw, wrong)]
    return []


def _translate(error: Any, raw: pd.DataFrame, wrong: dict[str, NDArray[np.bool_]]) -> Iterator[Fault]:
    """Turn one finding of pandera into faults."""
    reason = error.reason_code
    if reason is SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME:
        name = _only(error.failure_cases)
        alike = [
            name_in_file
            for name_in_file in map(str, raw.columns)
            if name_in_file.strip().casefold() == name.strip().casefold()
        ]
        got = f"there is none, only {', '.join(map(repr, alike))}" if alike else "there is none"
        yield Fault(name, "a column of this name", 1, got)
        return
    if reason is SchemaErrorReason.COLUMN_NOT_IN_SCHEMA:
        expected = "a feature, an identifier, the target or a column under `drop` in the config"
        yield Fault(_only(error.failure_cases), expected, 1, "the config does not know this column")
        return
    is_table = isinstance(error.schema, pa.DataFrameSchema)
    column = None if is_table else str(error.schema.name)
    expected = "no missing value" if reason is SchemaErrorReason.SERIES_CONTAINS_NULLS else str(error.check.error)
    rows = _failed_rows(error.failure_cases)
    wrong_type = wrong.get(column) if column is not None else None
    if rows is None and wrong_type is not None and wrong_type.all():
        return
    if rows is None:
        yield Fault(column, expected, 1, f"there are {len(raw):,}" if is_table else "there are none")
    elif column is None:
        examples = tuple(Example(int(row) + 1, None) for row in rows[:EXAMPLES_LIMIT])
        got = "1 row repeats" if len(rows) == 1 else f"{len(rows):,} rows repeat"
        yield Fault(None, expected, len(rows), f"{got} an earlier one", examples)
    else:
        remaining_rows = rows if wrong_type is None else rows[~wrong_type[rows]]
        if remaining_rows.size:
            yield cell_fault(raw, column, expected, remaining_rows)


def _only(failure_cases: Any) -> str:
    """Return the column that a finding about a schema names; pandera returns the name or a table of one row."""
    return str(failure_cases["failure_case"].iloc[0] if isinstance(failure_cases, pd.DataFrame) else failure_cases)


def _failed_rows(failure_cases: Any) -> NDArray[np.int64] | None:
    """Return the positions of the rows that failed a check, ascending, or None if the check is one of the whole column."""
    if not isinstance(failure_cases, pd.DataFrame) or failure_cases["index"].isna().all():
        return None
    # A failing table has one entry for each of its columns. (NumPy's own `unique` hashes runs of integers badly.)
    rows: NDArray[np.int64] = np.sort(pd.unique(failure_cases["index"].to_numpy(dtype=np.int64)))
    return rows


def fault_message(faults: Sequence[Fault], remedies: Sequence[str] = ()) -> str:
    """Return all faults as text, one per line, for a terminal.

    Args:
        faults: the faults of a table.
        remedies: lines for the config, if the data is right.
    """
    number = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
    lines = "\n".join(f"  {fault}" for fault in faults)
    message = f"the data has {number} (rows are counted from 1 below the header):\n{lines}\n"
    if remedies:
        pasted = "\n".join(f"  {remedy}" for remedy in remedies)
        message += f"If the data is right, write into the config:\n{pasted}\n"
    return message + "Correct the data or the config."
