"""Tables of values as MLflow's and SageMaker's clients send them, and the CSV of both."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serving.codec.faults import Faults
from serving.codec.rows import Rows
from serving.codec.slices import Steps, WorkMeter
from serving.codec.values import show_name
from serving.errors import InvalidError, MalformedError
from serving.protocols.columns import ColumnDecoder
from serving.protocols.tensors import json_value
from tabento.bundle.contract import Contract

TABLE_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")
"""The keys under which a body has its rows; exactly one of them."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]{1,4})?").fullmatch
_LONGEST_NUMBER = 400
_CELL_UNITS = 40


@dataclass(frozen=True, slots=True)
class _Table:
    """Columns of values, or rows of named values."""

    columns: dict[str, list[Any]]
    n_rows: int
    records: list[dict[str, Any]] | None = None
    """Rows with different keys; None if the columns have the values."""


class TableDecoder:
    """Decodes tables for one contract.

    Args:
        contract: the contract by which requests are checked.
        columns: decodes its columns.
        max_rows: the largest number of rows in one request.
        ignore_unknown: whether columns outside the contract are skipped, instead of refused.
    """

    def __init__(self, contract: Contract, columns: ColumnDecoder, max_rows: int, ignore_unknown: bool) -> None:
        self._contract = contract
        self._columns = columns
        self._max_rows = max_rows
        self._ignore_unknown = ignore_unknown
        self._names = contract.field_names
        self._all_names = frozenset(self._names)
        self._numeric = {feature.name: feature for feature in contract.features if feature.numeric}

    def json_steps(self, content: object, meter: WorkMeter) -> Steps[Rows]:
        """Decode the value of a JSON body, and yield between slices of work.

        Args:
            content: an object with one of ``TABLE_KEYS``, a list of rows, or one row as an object.
            meter: counts the work.

        Raises:
            InvalidError: the body is of another form, or its values are not rows of the contract.
        """
        return (yield from self._decode(self._table(content), meter))

    def csv_steps(self, text: str, meter: WorkMeter) -> Steps[Rows]:
        """Decode a text of CSV, and yield between slices of work.

        Args:
            text: lines of cells. If at least half of the cells of the first line are names of fields, it is a header;
                otherwise the cells are the fields in the contract's order. An empty cell is null.
            meter: counts the work.

        Raises:
            MalformedError: the text is not CSV.
            InvalidError: its cells are not rows of the contract.
        """
        lines: list[list[str]] = []
        try:
            for line in csv.reader(io.StringIO(text), strict=True):
                if line:
                    lines.append(line)
                if len(lines) > self._max_rows + 1:
                    break
                if meter.spend(_CELL_UNITS * len(line)):
                    yield
        except csv.Error as error:
            raise MalformedError(f"The body is not CSV: {error}, after {len(lines)} lines.") from None
        names = list(self._names)
        if lines and 2 * sum(cell in self._all_names for cell in lines[0]) >= len(lines[0]):
            names = lines.pop(0)
        columns = self._split_columns(names, lines)
        for name, column in columns.items():
            columns[name] = self._cells(name, column)
            if meter.spend(_CELL_UNITS * len(column)):
                yield
        return (yield from self._decode(_Table(columns, len(lines)), meter))

    def _cells(self, name: str, cells: Sequence[str]) -> list[Any]:
        """Return the cells of a column as JSON would have them: numbers of a numeric feature, null for an empty cell."""
        nullable = name in self._columns.nullable
        feature = self._numeric.get(name)
        values: list[Any] = []
        for cell in cells:
            if nullable and not cell:
                values.append(None)
            elif feature is not None and cell not in feature.missing:
                values.append(_number(cell.strip()))
            else:
                values.append(cell)
        return values

    def _decode(self, table: _Table, meter: WorkMeter) -> Steps[Rows]:
        n_rows = table.n_rows
        if not 1 <= n_rows <= self._max_rows:
            remedy = "; send several requests" if n_rows > self._max_rows else ""
            raise _error(None, f"1 to {self._max_rows} rows", f"{n_rows} rows{remedy}")
        if table.records is not None:
            rows = ([(key, self._json(key, value)) for key, value in row.items()] for row in table.records)
            return (yield from self._columns.row_steps(rows, meter))
        columns = table.columns
        if self._ignore_unknown:
            columns = {name: column for name, column in columns.items() if name in self._all_names} or columns
        return (yield from self._columns.steps(columns, n_rows, meter))

    def _json(self, name: str, value: Any) -> Any:
        return self._columns.json_values(name, [value])[0]

    def _show(self, name: str | None, value: object) -> str:
        """Return a value for an error message; ``name`` is the field that it was sent for, if it is known."""
        return self._columns.show(name, json_value(value))

    # The forms of a body.

    def _table(self, content: object) -> _Table:
        """Return the table of a JSON body."""
        if isinstance(content, list):
            return self._rows(content, "the body")
        if not isinstance(content, dict):
            raise _error(None, f"an object with one of the keys {', '.join(TABLE_KEYS)}", self._show(None, content))
        keys = [key for key in TABLE_KEYS if key in content]
        if not keys and any(name in content for name in self._names):
            return self._records([content], "the body")
        if len(keys) != 1:
            got = (
                " and ".join(keys) or f"the keys {', '.join(map(show_name, list(content)[:5])) or 'of an empty object'}"
            )
            raise _error(None, f"exactly one of the keys {', '.join(TABLE_KEYS)}", got)
        key = keys[0]
        value = content[key]
        if key == "dataframe_split":
            return self._split(value)
        if isinstance(value, list):
            return self._records(value, key) if key == "dataframe_records" else self._rows(value, key)
        if isinstance(value, dict) and key in ("inputs", "instances"):
            return self._named_columns(value, key)
        raise _error(key, "a list of rows", self._show(None, value))

    def _split(self, value: object) -> _Table:
        """Return the table of a data frame in pandas' orientation ``split``."""
        key = "dataframe_split"
        if not isinstance(value, dict):
            raise _error(key, "an object with columns and data", self._show(None, value))
        names, data = value.get("columns"), value.get("data")
        if names is None:
            names = list(self._names)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise _error(f"{key}.columns", "a list of names of fields", self._show(None, names))
        if not isinstance(data, list):
            raise _error(f"{key}.data", "a list of rows", self._show(None, data))
        return _Table(self._split_columns(names, data), len(data))

    def _rows(self, rows: list[Any], key: str) -> _Table:
        """Return the table of a list: of objects, of lists in the contract's order, or of values of the only feature."""
        if not rows or isinstance(rows[0], dict):
            return self._records(rows, key)
        if not isinstance(rows[0], list):
            if len(self._names) != 1:
                expected = f"a list of objects, or of lists of {len(self._names)} values in the contract's order"
                raise _error(key, expected, self._show(None, rows[0]))
            return _Table({self._names[0]: rows}, len(rows))
        return _Table(self._split_columns(self._names, rows), len(rows))

    def _records(self, rows: list[Any], key: str) -> _Table:
        """Return the table of a list of objects."""
        for index, row in enumerate(rows[: self._max_rows]):
            if not isinstance(row, dict):
                raise _error(None, "an object of features", self._show(None, row), index)
        if not rows or len(rows) > self._max_rows:
            return _Table({}, len(rows))
        first = rows[0]
        if any(row.keys() != first.keys() for row in rows):
            return _Table({}, len(rows), rows)
        if not first:
            raise _error(None, "an object of features", "an empty object", 0)
        return _Table({name: [row[name] for row in rows] for name in first}, len(rows))

    def _named_columns(self, columns: dict[str, Any], key: str) -> _Table:
        """Return the table of an object of columns: a list for each, whose elements may be lists of one value."""
        if not columns:
            raise _error(key, "an object with a list for each feature", "an empty object")
        if not any(isinstance(column, list) for column in columns.values()):
            return self._records([columns], key)
        n_rows: int | None = None
        table: dict[str, list[Any]] = {}
        for name, column in columns.items():
            if not isinstance(column, list) or (n_rows is not None and len(column) != n_rows):
                expected = (
                    "a list of values" if n_rows is None else f"a list of {n_rows} values, as of the first column"
                )
                raise _error(show_name(name), expected, self._show(name, column))
            n_rows = len(column)
            table[name] = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in column]
        return _Table(table, n_rows or 0)

    def _split_columns(self, names: Sequence[str], rows: Sequence[Any]) -> dict[str, list[Any]]:
        """Return the columns of rows that are lists.

        Raises:
            InvalidError: a name is listed twice, or a row has another length.
        """
        repeated_name = next((name for name, count in Counter(names).items() if count > 1), None)
        if repeated_name is not None:
            raise _error(show_name(repeated_name), "the column once", "it again")
        width = len(names)
        for index, row in enumerate(rows[: self._max_rows]):
            if not isinstance(row, list) or len(row) != width:
                got = f"{len(row)} values" if isinstance(row, list) else self._show(None, row)
                raise _error(None, f"a list of {width} values", got, index)
        if len(rows) > self._max_rows:
            return {}
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _number(cell: str) -> int | float | str:
    """Return the number of a cell, or the cell itself if it is not a number."""
    match = _NUMBER(cell) if len(cell) <= _LONGEST_NUMBER else None
    if match is None:
        return cell
    return int(cell) if match[1] is match[2] is match[3] is None else float(cell)


def _error(field: str | None, expected: str, got: str, row: int | None = None) -> InvalidError:
    """Return the error for a body of another form."""
    faults = Faults()
    faults.add(row, field, expected, got)
    try:
        faults.refuse(complete=True)
    except InvalidError as error:
        return error
