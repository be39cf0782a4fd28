"""Symbolic frames: replacements of a DataFrame, with pandas' treatment of missing values.

Only the methods in this module and in ``pandas_values`` are supported; every other attribute of a DataFrame is refused
by name. Rows are never selected or ordered, so columns need no index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from tabento.export.tracing.arrays import SymbolArray, array_of, kind_of_all
from tabento.export.tracing.column_indexer import ColumnIndexer
from tabento.export.tracing.columns import Column, column_cells
from tabento.export.tracing.pandas_values import LEARN, ROWS, PandasValue
from tabento.export.tracing.row_statistics import row_maximum, row_mean, row_minimum, row_sum
from tabento.export.tracing.symbols import Symbol, TraceError


class Frame(PandasValue):
    """Replacement of a DataFrame.

    Args:
        cells: the cells of each column, of shape (rows,).
    """

    _replaced_class = pd.DataFrame
    ndim = 2

    def __init__(self, cells: dict[Any, SymbolArray]) -> None:
        self.__dict__["_cells"] = cells

    @property
    def columns(self) -> pd.Index[Any]:
        """The column names."""
        names: pd.Index[Any] = pd.Index(list(self._cells))
        return names

    @columns.setter
    def columns(self, names: Any) -> None:
        """Name the columns."""
        self.__dict__["_cells"] = dict(zip(names, self._cells.values(), strict=True))

    @property
    def dtypes(self) -> pd.Series[Any]:
        """The type of each column."""
        return pd.Series({name: cells.dtype for name, cells in self._cells.items()}, dtype=object)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and of columns."""
        return len(self), len(self._cells)

    def __len__(self) -> int:
        return len(next(iter(self._cells.values()), ()))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cells)

    def __contains__(self, name: Any) -> bool:
        return name in self._cells

    def keys(self) -> Any:
        """Return the column names."""
        return self.columns

    def items(self) -> Iterator[tuple[Any, Column]]:
        """Yield pairs of a name and a column."""
        for name in list(self._cells):
            yield name, self[name]

    def _map(self, compute: Callable[..., Any], *operands: Any) -> Frame:
        cells_of_column = [_frame_cells(operand, list(self._cells)) for operand in operands]
        return Frame(
            {
                name: array_of(compute(*(cells(position) for cells in cells_of_column)))
                for position, name in enumerate(self._cells)
            }
        )

    def _operand_of_each_row(self, operand: Any) -> Any:
        return Frame(dict.fromkeys(self._cells, operand.to_numpy())) if isinstance(operand, Column) else operand

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_cells", {}):
            return self[name]
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._cells:
            self[name] = value
        else:
            object.__setattr__(self, name, value)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, list | pd.Index | np.ndarray) and not any(isinstance(name, Symbol) for name in key):
            return Frame({name: self._cells[name].copy() for name in key})
        if isinstance(key, Column | Frame | slice | np.ndarray):
            raise TraceError("selects rows", "np.where, which keeps every row")
        return Column(self._cells[key].copy(), key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, list | pd.Index):
            operand = _frame_cells(value, list(key))
            for position, name in enumerate(key):
                self[name] = operand(position)
        elif isinstance(key, Column | Frame | slice | np.ndarray):
            raise TraceError("sets some rows", "np.where, which keeps every row")
        else:
            cells = np.broadcast_to(np.asarray(column_cells(value), dtype=object), (len(self),))
            self._cells[key] = array_of(cells.copy())

    def to_numpy(self, dtype: Any = None, **_: Any) -> SymbolArray:
        """Return the cells, shape (rows, columns)."""
        if len({kind_of_all(cells) == "bool" for cells in self._cells.values()}) > 1:
            raise TraceError("makes one array of numbers and truth values", "`.astype(float)` after the comparison")
        cells = np.column_stack(list(self._cells.values())).view(SymbolArray)
        return cells if dtype is None else cells.astype(dtype)

    def copy(self, deep: bool = True) -> Frame:
        """Return a copy."""
        return Frame({name: cells.copy() for name, cells in self._cells.items()})

    def assign(self, **columns: Any) -> Frame:
        """Return a copy with more columns."""
        result = self.copy()
        for name, value in columns.items():
            result[name] = value(result) if callable(value) else value
        return result

    def drop(self, labels: Any = None, *, axis: Any = 0, columns: Any = None, **options: Any) -> Frame:
        """Return a copy without some columns."""
        if columns is None and axis in (1, "columns"):
            columns = labels
        if columns is None or options:
            raise TraceError("drops rows, or calls `.drop` with options", "`.drop(columns=[...])`")
        dropped = [columns] if isinstance(columns, str) else list(columns)
        if set(dropped) - set(self._cells):
            raise KeyError(f"{sorted(set(dropped) - set(self._cells))} not found in axis")
        return Frame({name: cells.copy() for name, cells in self._cells.items() if name not in dropped})

    def rename(self, *, columns: Any) -> Frame:
        """Return a copy with other names."""
        renamed = columns if callable(columns) else lambda name: columns.get(name, name)
        return Frame({renamed(name): cells.copy() for name, cells in self._cells.items()})

    def add_prefix(self, prefix: str) -> Frame:
        """Return a copy with a prefix in all names."""
        return self.rename(columns=lambda name: f"{prefix}{name}")

    def add_suffix(self, suffix: str) -> Frame:
        """Return a copy with a suffix in all names."""
        return self.rename(columns=lambda name: f"{name}{suffix}")

    def insert(self, loc: int, column: Any, value: Any) -> None:
        """Insert a column at a position."""
        self[column] = value
        cells = list(self._cells.items())
        cells.insert(loc, cells.pop())
        self.__dict__["_cells"] = dict(cells)

    def pop(self, item: Any) -> Column:
        """Remove a column and return it."""
        return Column(self._cells.pop(item), item)

    def pipe(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function with the frame."""
        return func(self, *args, **kwargs)

    def apply(self, func: Callable[..., Any], axis: Any = 0) -> Any:
        """Call a function for each column."""
        if axis not in (0, "index"):
            raise TraceError("calls a function for each row", "the same on whole columns: frame['a'] / frame['b']")
        parts = {name: func(column) for name, column in self.items()}
        if not all(isinstance(part, Column | SymbolArray) for part in parts.values()):
            raise TraceError("applies a function that does not return a column", "a function that does")
        return Frame({name: array_of(column_cells(part)) for name, part in parts.items()})

    @property
    def iloc(self) -> ColumnIndexer:
        """The columns by position."""
        return ColumnIndexer(self, by_name=False)

    @property
    def loc(self) -> ColumnIndexer:
        """The columns by name."""
        return ColumnIndexer(self, by_name=True)

    def sum(self, axis: Any = 0, **options: Any) -> Column:
        """Return the sum of the columns; missing numbers are 0."""
        return Column(row_sum(self._summands("sum", axis, options), **options))

    def mean(self, axis: Any = 0, **options: Any) -> Column:
        """Return the mean of the columns without missing numbers."""
        return Column(row_mean(self._summands("mean", axis, options), **options))

    def max(self, axis: Any = 0, **options: Any) -> Column:
        """Return the largest number of the columns without missing numbers."""
        return Column(row_maximum(self._summands("max", axis, options), **options))

    def min(self, axis: Any = 0, **options: Any) -> Column:
        """Return the smallest number of the columns without missing numbers."""
        return Column(row_minimum(self._summands("min", axis, options), **options))

    def _summands(self, name: str, axis: Any, options: dict[str, Any]) -> list[SymbolArray]:
        """Return the cells of all columns for a statistic of each row."""
        if axis not in (1, "columns"):
            raise TraceError(ROWS, LEARN)
        if set(options) - {"skipna"}:
            raise TraceError(f"calls `.{name}` with {sorted(set(options) - {'skipna'})}", f"`.{name}(axis=1)`")
        parts = list(self._cells.values())
        if {kind_of_all(part) for part in parts} != {"float"}:
            raise TraceError(f"calls `.{name}` of truth values or integers", "`.astype(float)` before it")
        return parts


def _frame_cells(value: Any, names: list[Any]) -> Callable[[int], Any]:
    """Return a function from a column's position to the other operand of that column."""
    if isinstance(value, Frame):
        if list(value._cells) != names:
            raise TraceError(
                f"computes with frames of other columns: {names} and {list(value._cells)}", "`.to_numpy()`"
            )
        return lambda position: value._cells[names[position]]
    if isinstance(value, Column | pd.Series | pd.DataFrame):
        raise TraceError(
            "computes a frame with a column, which pandas aligns by its rows' names", "`.div(column, axis=0)`"
        )
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return lambda position: value[:, position % value.shape[1]]
    if isinstance(value, np.ndarray | list | tuple) and np.ndim(value) == 1:
        return lambda position: np.asarray(value)[position]
    return lambda _position: value
