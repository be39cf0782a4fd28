"""Validation: nothing is fitted on data that is not what the config says, and every fault is told at once.

It takes what the loader read and hands clean, typed columns to the split. Cells are parsed first (a text file has no
types), then two pandera schemas look at the table and at the values, both lazily.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray
from pandera.errors import SchemaErrorReason, SchemaErrors

from bundle.contract import Feature
from bundle.timestamp import TIMESTAMP_EXAMPLE
from training.config import ModelConfig, Target
from training.data.cell_faults import cell_fault, identifier_faults
from training.data.cells import parse_column, repeated_rows
from training.data.classes import allowed_in_words, class_indices
from training.data.duplicates import ROWS_MIN, without_duplicates
from training.data.errors import EXAMPLES_LIMIT, DataError, Example, Fault
from training.data.remedies import remedies_for

__all__ = ["DataError", "Example", "Fault", "check_cells", "fault_message", "validate"]


def unheard(message: str) -> None:
    """Take a warning that nobody wants to read."""


def validate(frame: pd.DataFrame, config: ModelConfig, warn: Callable[[str], None] = unheard) -> pd.DataFrame:
    """Check a data set against a config and return its features and target in their types.

    Checked are missing and unknown columns, types, fractions in integers, missing values, infinities, ranges,
    categories, duplicate rows (equal in every column, dropped ones included), labels, a constant target, and that there
    are at least ``ROWS_MIN`` rows.

    Args:
        frame: Rows as read from a file, or typed. Cells of text are parsed; ``true``, ``false``, 0 and 1 are booleans.
        config: What the data should be. If the classes of its target are not known, the target is not checked and left out.
        warn: Called with one message about rows that repeat an earlier one, unless the config refuses them.

    Returns:
        Features in the contract's order, then the target; index 0 … N-1. Numbers, integers and booleans (0.0, 1.0) are
        float64 with NaN where missing; categories are object with strings in the contract's case and None. The target is
        float64: a number, or for a classification the place of its class in ``config.target.classes``.

    Raises:
        DataError: ``faults`` lists everything found, with counts and the rows of the first examples.
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
    faults = _faults(_table_schema(columns, config), raw, raw, {}) + cell_faults
    if faults:
        order = {column.name: place for place, column in enumerate(columns)}
        faults.sort(key=lambda fault: -1 if fault.column is None else order.get(fault.column, len(order)))
        raise DataError(fault_message(faults, remedies_for(faults, raw, config)), faults)
    values = values[[column.name for column in columns if column.name in values.columns]]
    return values if config.duplicates == "refuse" else without_duplicates(values, raw, config, warn)


def check_cells(
    raw: pd.DataFrame, columns: Sequence[Feature], label: Feature | None = None
) -> tuple[pd.DataFrame, list[Fault]]:
    """Parse some columns of a table and check each of their cells.

    Args:
        raw: rows with index 0 … N-1 and each of the columns.
        columns: what they should hold.
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
            faults.append(cell_fault(raw, column.name, _type_in_words(column), rows))
    values = pd.DataFrame(parsed, index=raw.index, copy=False)
    schema = pa.DataFrameSchema({column.name: _column(column, column is label) for column in columns})
    return values, faults + _faults(schema, values, raw, wrong)


def _checked_classes(raw: pd.DataFrame, target: Target) -> tuple[NDArray[np.float64], list[Fault]]:
    """Return the class of each row, float64 of shape (N,), and what is wrong: cells of no class, classes without a row."""
    indices = class_indices(raw[target.name], target)
    faults = []
    unknown = np.flatnonzero(np.isnan(indices))
    if unknown.size:
        faults.append(cell_fault(raw, target.name, allowed_in_words(target), unknown))
    for place, item in enumerate(target.classes or ()):
        if not (indices == place).any():
            faults.append(Fault(target.name, f"at least one row of the class {item.value!r}", 1, "there is none"))
    return indices, faults


def _table_schema(columns: list[Feature], config: ModelConfig) -> pa.DataFrameSchema:
    """What the table as a whole must be: its columns, enough rows, no row twice."""
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


def _column(column: Feature, is_label: bool) -> pa.Column:
    """What the parsed values of one column must be."""
    checks = []
    if column.type == "category":
        if column.unknown == "refuse":
            known = column.categories or ()
            checks.append(pa.Check(lambda values: values.isin(known), error=column.expected()))
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


def _finite_check(holds: Callable[[Any], Any], expected: str) -> pa.Check:
    """Return a check that leaves infinities to the check of their own."""
    return pa.Check(lambda values: holds(values) | np.isinf(values), error=expected)


def _type_in_words(column: Feature) -> str:
    if column.type == "boolean":
        return column.expected()
    return {
        "category": "text",
        "text": "text",
        "number": "a number",
        "integer": "an integer",
        "timestamp": f"a date and time such as {TIMESTAMP_EXAMPLE}",
    }[column.type]


def _faults(
    schema: pa.DataFrameSchema, frame: pd.DataFrame, raw: pd.DataFrame, wrong: dict[str, NDArray[np.bool_]]
) -> list[Fault]:
    """Validate lazily and translate pandera's findings; cells already known to be of a wrong type are left out."""
    try:
        # Nothing is coerced, so that nothing is changed in place: it only spares a copy of the table.
        schema.validate(frame, lazy=True, inplace=True)
    except SchemaErrors as errors:
        return [fault for error in errors.schema_errors for fault in _translated(error, raw, wrong)]
    return []


def _translated(error: Any, raw: pd.DataFrame, wrong: dict[str, NDArray[np.bool_]]) -> Iterator[Fault]:
    """Turn one finding of pandera into faults."""
    reason = error.reason_code
    if reason is SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME:
        name = _only(error.failure_cases)
        alike = [given for given in map(str, raw.columns) if given.strip().casefold() == name.strip().casefold()]
        got = f"there is none, only {', '.join(map(repr, alike))}" if alike else "there is none"
        yield Fault(name, "a column of this name", 1, got)
        return
    if reason is SchemaErrorReason.COLUMN_NOT_IN_SCHEMA:
        expected = "a feature, an identifier, the target or a column under `drop` in the config"
        yield Fault(_only(error.failure_cases), expected, 1, "the config does not know this column")
        return
    whole_table = isinstance(error.schema, pa.DataFrameSchema)
    column = None if whole_table else str(error.schema.name)
    expected = "no missing value" if reason is SchemaErrorReason.SERIES_CONTAINS_NULLS else str(error.check.error)
    rows = _failed_rows(error.failure_cases)
    known = wrong.get(column) if column is not None else None
    if rows is None and known is not None and known.all():
        return
    if rows is None:
        yield Fault(column, expected, 1, f"there are {len(raw):,}" if whole_table else "there are none")
    elif column is None:
        examples = tuple(Example(int(row) + 1, None) for row in rows[:EXAMPLES_LIMIT])
        got = "1 row repeats" if len(rows) == 1 else f"{len(rows):,} rows repeat"
        yield Fault(None, expected, len(rows), f"{got} an earlier one", examples)
    else:
        left = rows if known is None else rows[~known[rows]]
        if left.size:
            yield cell_fault(raw, column, expected, left)


def _only(failure_cases: Any) -> str:
    """Return the column that a finding about a schema names; pandera gives it bare or in a table of one row."""
    return str(failure_cases["failure_case"].iloc[0] if isinstance(failure_cases, pd.DataFrame) else failure_cases)


def _failed_rows(failure_cases: Any) -> NDArray[np.int64] | None:
    """Return the positions of the rows that failed a check, ascending, or None where a check judged the whole."""
    if not isinstance(failure_cases, pd.DataFrame) or failure_cases["index"].isna().all():
        return None
    # A table that fails is named once for each of its columns. (NumPy's own `unique` hashes runs of integers badly.)
    rows: NDArray[np.int64] = np.sort(pd.unique(failure_cases["index"].to_numpy(dtype=np.int64)))
    return rows


def fault_message(faults: Sequence[Fault], remedies: Sequence[str] = ()) -> str:
    """Say all faults, one to a line, for a terminal.

    Args:
        faults: what was found.
        remedies: what to write into the config if the data is right.
    """
    number = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
    lines = "\n".join(f"  {fault}" for fault in faults)
    message = f"the data has {number} (rows are counted from 1 below the header):\n{lines}\n"
    if remedies:
        pasted = "\n".join(f"  {remedy}" for remedy in remedies)
        message += f"If the data is right, write into the config:\n{pasted}\n"
    return message + "Correct the data or the config."
