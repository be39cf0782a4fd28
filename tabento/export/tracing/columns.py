"""Symbolic columns: replacements of a Series, with pandas' treatment of missing values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tabento.export.tracing.arrays import SymbolArray, array_of, elementwise
from tabento.export.tracing.pandas_values import LEARN, ROWS, PandasValue
from tabento.export.tracing.symbols import TraceError

if TYPE_CHECKING:
    from tabento.export.tracing.frames import Frame


class Column(PandasValue):
    """Replacement of a Series.

    Args:
        cells: the cells, of shape (rows,).
        name: the column's name.
    """

    _replaced_class = pd.Series

    @property
    def dtype(self) -> Any:
        """The type of the numbers."""
        return self._cells.dtype

    def __init__(self, cells: SymbolArray, name: Any = None) -> None:
        self._cells = cells
        self.name = name
        self.ndim, self.shape, self.size = 1, cells.shape, cells.size

    def _map(self, compute: Callable[..., Any], *operands: Any) -> Column:
        cells = compute(*(column_cells(operand) for operand in operands))
        return Column(array_of(cells), self.name)

    def to_numpy(self, dtype: Any = None, **_: Any) -> SymbolArray:
        """Return the cells, shape (rows,)."""
        return self._cells.copy() if dtype is None else self._cells.astype(dtype)

    def copy(self, deep: bool = True) -> Column:
        """Return a copy."""
        return Column(self._cells.copy(), self.name)

    def to_frame(self, name: Any = None) -> Frame:
        """Return a frame of one column."""
        from tabento.export.tracing.frames import Frame

        return Frame({self.name if name is None else name: self._cells.copy()})

    def rename(self, index: Any) -> Column:
        """Return the column under another name."""
        return Column(self._cells, index)

    def apply(self, func: Callable[[Any], Any]) -> Column:
        """Call a function for each cell."""
        if isinstance(func, np.ufunc):
            return Column(array_of(func(self._cells)), self.name)
        return Column(array_of([func(cell) for cell in self._cells]), self.name)

    def between(self, left: Any, right: Any) -> Any:
        """Return the mask of numbers between two limits, both included."""
        return (self >= left) & (self <= right)

    def isin(self, values: Any) -> Any:
        """Return the mask of numbers that are equal to one of some values."""
        differs = elementwise("not_equal", self._cells, self._cells)
        is_in = elementwise("logical_and", differs, elementwise("logical_not", differs))
        for value in values:
            is_in = elementwise("logical_or", is_in, elementwise("equal", self._cells, value))
        return Column(is_in, self.name)

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, key: Any) -> Any:
        raise TraceError("selects rows of a column", "np.where, which keeps every row")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TraceError("sets some rows of a column", "np.where, which keeps every row")

    def _of_rows(self, *_: Any, **__: Any) -> Any:
        raise TraceError(ROWS, LEARN)

    sum = mean = max = min = std = var = median = quantile = mode = any = all = unique = rank = _of_rows


def column_cells(value: Any) -> Any:
    """Convert the other operand of a column to cells of shape (rows,), or to one number."""
    if isinstance(value, Column):
        return value._cells
    if isinstance(value, pd.Series | pd.DataFrame | PandasValue):
        raise TraceError("computes a column with a frame", "a column of it")
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] == 1:
        return value[:, 0]
    return value
