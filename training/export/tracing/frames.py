"""Symbolic frames: what stands for a DataFrame and its columns, with pandas' own treatment of missing values.

Only what is written here is known; anything else that a DataFrame has is refused by name. Rows are never chosen or ordered,
so columns need no index.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from training.export.tracing.arrays import (
    Traced,
    added,
    apply_ufunc,
    array_of,
    chosen,
    clipped,
    elementwise,
    filled_in,
    kind_of_all,
    power,
    rounded,
)
from training.export.tracing.symbols import Symbol, TraceError

_ARITHMETIC = {
    "add": np.add,
    "div": np.divide,
    "divide": np.divide,
    "eq": np.equal,
    "floordiv": np.floor_divide,
    "ge": np.greater_equal,
    "gt": np.greater,
    "le": np.less_equal,
    "lt": np.less,
    "mod": np.remainder,
    "mul": np.multiply,
    "multiply": np.multiply,
    "ne": np.not_equal,
    "sub": np.subtract,
    "subtract": np.subtract,
    "truediv": np.divide,
}
"""Methods of columns and frames that are operators by another name."""
ROWS = "computes with a whole column, so that the answer to a row would hang on the rows beside it"
LEARN = "a transformer that learns such numbers in `fit`, such as SimpleImputer or StandardScaler"


class _Pandas(np.lib.mixins.NDArrayOperatorsMixin, ABC):
    """What columns and frames share. They differ in how their cells are kept."""

    _stands_for: type

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # So that a function that asks `isinstance(X, pd.DataFrame)` goes the way that it goes with a real one.
        return self._stands_for

    @abstractmethod
    def _map(self, compute: Callable[..., Any], *others: Any) -> Any:
        """Return the same with every cell computed."""

    @abstractmethod
    def to_numpy(self, dtype: Any = None, **_: Any) -> Traced:
        """Return the cells as an array."""

    @property
    def values(self) -> Traced:
        """The cells as an array."""
        return self.to_numpy()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.to_numpy()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise TraceError(f"calls np.{ufunc.__name__}.{method} of a frame", "the same of `.to_numpy()`")
        owner = max((value for value in inputs if isinstance(value, Column | Frame)), key=lambda one: one.ndim)
        return owner._map(lambda *cells: apply_ufunc(ufunc, "__call__", cells, kwargs), *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _DISPATCHED and args and args[0] is self:
            return _DISPATCHED[function](*args, **kwargs)
        return function(*(_as_arrays(arg) for arg in args), **{name: _as_arrays(arg) for name, arg in kwargs.items()})

    def __pow__(self, exponent: Any) -> Any:
        return self._map(power, self, exponent)

    def __bool__(self) -> bool:
        raise TraceError("branches on data: a frame or a column is neither true nor false", "np.where")

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> Any:
        if name in _ARITHMETIC:
            return self._method(name)
        # A real frame has no `sparse` either, unless its columns are.
        if not name.startswith("_") and name != "sparse" and hasattr(self._stands_for, name):
            raise TraceError(f"uses `.{name}` of a {self._stands_for.__name__}, which is not known")
        raise AttributeError(name)

    def _method(self, name: str) -> Callable[..., Any]:
        def call(other: Any, **options: Any) -> Any:
            if options.pop("axis", "columns") in (0, "index") and isinstance(self, Frame) and isinstance(other, Column):
                other = Frame(dict.fromkeys(self._cells, other.to_numpy()))
            if options:
                raise TraceError(f"calls `.{name}` with {sorted(options)}", "the operator")
            return _ARITHMETIC[name](self, other)

        return call

    def pow(self, other: Any) -> Any:
        """Raise to a power."""
        return self.__pow__(other)

    def abs(self) -> Any:
        """Return magnitudes."""
        return np.abs(self)

    def round(self, decimals: int = 0) -> Any:
        """Round half to even."""
        return self._map(lambda cells: rounded(cells, decimals), self)

    def clip(self, lower: Any = None, upper: Any = None, **more: Any) -> Any:
        """Limit numbers; what is missing stays missing."""
        if more:
            raise TraceError(f"calls `.clip` with {sorted(more)}", "`.clip(lower, upper)`")
        return self._map(clipped, self, lower, upper)

    def fillna(self, value: Any = None, **more: Any) -> Any:
        """Put something in where a number is missing."""
        if value is None or more or isinstance(value, dict | Frame):
            raise TraceError(
                "calls `.fillna` with more than one value", "`.fillna(number)`, or SimpleImputer in front of it"
            )
        return self._map(filled_in, self, value)

    def isna(self) -> Any:
        """Say where a number is missing."""
        return np.isnan(self)

    isnull = isna

    def notna(self) -> Any:
        """Say where a number is there."""
        return np.logical_not(np.isnan(self))

    notnull = notna

    def where(self, cond: Any, other: Any = np.nan) -> Any:
        """Keep numbers where a condition holds."""
        return self._map(lambda cells, condition, instead: chosen(condition, cells, instead), self, cond, other)

    def mask(self, cond: Any, other: Any = np.nan) -> Any:
        """Replace numbers where a condition holds."""
        return self._map(chosen, cond, other, self)

    def astype(self, dtype: Any, **_: Any) -> Any:
        """Return the same numbers as float, or truth values as integers."""
        if isinstance(dtype, dict):
            raise TraceError("calls `.astype` with a type for each column", "`.astype(float)`")
        return self._map(lambda cells: cells.astype(dtype), self)


class Column(_Pandas):
    """What stands for a Series.

    Args:
        cells: of shape (rows,).
        name: its name.
    """

    _stands_for = pd.Series

    @property
    def dtype(self) -> Any:
        """The type of the numbers."""
        return self._cells.dtype

    def __init__(self, cells: Traced, name: Any = None) -> None:
        self._cells = cells
        self.name = name
        self.ndim, self.shape, self.size = 1, cells.shape, cells.size

    def _map(self, compute: Callable[..., Any], *others: Any) -> Column:
        cells = compute(*(_column_cells(other) for other in others))
        return Column(array_of(cells), self.name)

    def to_numpy(self, dtype: Any = None, **_: Any) -> Traced:
        """Return the cells, shape (rows,)."""
        return self._cells.copy() if dtype is None else self._cells.astype(dtype)

    def copy(self, deep: bool = True) -> Column:
        """Return a copy."""
        return Column(self._cells.copy(), self.name)

    def to_frame(self, name: Any = None) -> Frame:
        """Return a frame of one column."""
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
        """Say where numbers lie between two others, both included."""
        return (self >= left) & (self <= right)

    def isin(self, values: Any) -> Any:
        """Say where a number is one of some."""
        found = elementwise("not_equal", self._cells, self._cells)
        same = elementwise("logical_and", found, elementwise("logical_not", found))
        for value in values:
            same = elementwise("logical_or", same, elementwise("equal", self._cells, value))
        return Column(same, self.name)

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, key: Any) -> Any:
        raise TraceError("chooses rows of a column", "np.where, which keeps every row")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TraceError("sets some rows of a column", "np.where, which keeps every row")

    def _of_rows(self, *_: Any, **__: Any) -> Any:
        raise TraceError(ROWS, LEARN)

    sum = mean = max = min = std = var = median = quantile = mode = any = all = unique = rank = _of_rows


class Frame(_Pandas):
    """What stands for a DataFrame.

    Args:
        cells: each column's, of shape (rows,).
    """

    _stands_for = pd.DataFrame
    ndim = 2

    def __init__(self, cells: dict[Any, Traced]) -> None:
        self.__dict__["_cells"] = cells

    @property
    def columns(self) -> pd.Index[Any]:
        """The names."""
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
        """Rows and columns."""
        return len(self), len(self._cells)

    def __len__(self) -> int:
        return len(next(iter(self._cells.values()), ()))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cells)

    def __contains__(self, name: Any) -> bool:
        return name in self._cells

    def keys(self) -> Any:
        """Return the names."""
        return self.columns

    def items(self) -> Iterator[tuple[Any, Column]]:
        """Yield names and columns."""
        for name in list(self._cells):
            yield name, self[name]

    def _map(self, compute: Callable[..., Any], *others: Any) -> Frame:
        given = [_frame_cells(other, list(self._cells)) for other in others]
        return Frame(
            {name: array_of(compute(*(cells(place) for cells in given))) for place, name in enumerate(self._cells)}
        )

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
            raise TraceError("chooses rows", "np.where, which keeps every row")
        return Column(self._cells[key].copy(), key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, list | pd.Index):
            given = _frame_cells(value, list(key))
            for place, name in enumerate(key):
                self[name] = given(place)
        elif isinstance(key, Column | Frame | slice | np.ndarray):
            raise TraceError("sets some rows", "np.where, which keeps every row")
        else:
            cells = np.broadcast_to(np.asarray(_column_cells(value), dtype=object), (len(self),))
            self._cells[key] = array_of(cells.copy())

    def to_numpy(self, dtype: Any = None, **_: Any) -> Traced:
        """Return the cells, shape (rows, columns)."""
        if len({kind_of_all(cells) == "bool" for cells in self._cells.values()}) > 1:
            raise TraceError("makes one array of numbers and truth values", "`.astype(float)` behind the comparison")
        cells = np.column_stack(list(self._cells.values())).view(Traced)
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

    def drop(self, labels: Any = None, *, axis: Any = 0, columns: Any = None, **more: Any) -> Frame:
        """Return a copy without some columns."""
        if columns is None and axis in (1, "columns"):
            columns = labels
        if columns is None or more:
            raise TraceError("drops rows, or calls `.drop` with options", "`.drop(columns=[...])`")
        gone = [columns] if isinstance(columns, str) else list(columns)
        if set(gone) - set(self._cells):
            raise KeyError(f"{sorted(set(gone) - set(self._cells))} not found in axis")
        return Frame({name: cells.copy() for name, cells in self._cells.items() if name not in gone})

    def rename(self, *, columns: Any) -> Frame:
        """Return a copy with other names."""
        renamed = columns if callable(columns) else lambda name: columns.get(name, name)
        return Frame({renamed(name): cells.copy() for name, cells in self._cells.items()})

    def add_prefix(self, prefix: str) -> Frame:
        """Return a copy with longer names."""
        return self.rename(columns=lambda name: f"{prefix}{name}")

    def add_suffix(self, suffix: str) -> Frame:
        """Return a copy with longer names."""
        return self.rename(columns=lambda name: f"{name}{suffix}")

    def insert(self, loc: int, column: Any, value: Any) -> None:
        """Put a column in."""
        self[column] = value
        cells = list(self._cells.items())
        cells.insert(loc, cells.pop())
        self.__dict__["_cells"] = dict(cells)

    def pop(self, item: Any) -> Column:
        """Take a column out."""
        return Column(self._cells.pop(item), item)

    def pipe(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function with the frame."""
        return func(self, *args, **kwargs)

    def apply(self, func: Callable[..., Any], axis: Any = 0) -> Any:
        """Call a function for each column."""
        if axis not in (0, "index"):
            raise TraceError("calls a function for each row", "the same on whole columns: frame['a'] / frame['b']")
        parts = {name: func(column) for name, column in self.items()}
        if not all(isinstance(part, Column | Traced) for part in parts.values()):
            raise TraceError("applies a function that does not return a column", "a function that does")
        return Frame({name: array_of(_column_cells(part)) for name, part in parts.items()})

    @property
    def iloc(self) -> _Places:
        """Choose columns by position."""
        return _Places(self, by_name=False)

    @property
    def loc(self) -> _Places:
        """Choose columns by name."""
        return _Places(self, by_name=True)

    def _across(self, name: str, axis: Any, more: dict[str, Any]) -> tuple[list[Traced], bool]:
        skips = more.pop("skipna", True)
        if axis not in (1, "columns"):
            raise TraceError(ROWS, LEARN)
        if more:
            raise TraceError(f"calls `.{name}` with {sorted(more)}", f"`.{name}(axis=1)`")
        parts = list(self._cells.values())
        if {kind_of_all(part) for part in parts} != {"float"}:
            raise TraceError(f"calls `.{name}` of truth values or integers", "`.astype(float)` in front of it")
        return parts, bool(skips)

    def sum(self, axis: Any = 0, **more: Any) -> Column:
        """Add columns up; missing numbers count as 0."""
        parts, skips = self._across("sum", axis, more)
        return Column(added([elementwise("fill", part, 0.0) for part in parts] if skips else parts))

    def mean(self, axis: Any = 0, **more: Any) -> Column:
        """Return the mean of the columns that are there."""
        parts, skips = self._across("mean", axis, more)
        if not skips:
            return Column(elementwise("divide", added(parts), len(parts)))
        total = added([elementwise("fill", part, 0.0) for part in parts])
        return Column(elementwise("divide", total, _present(parts)))

    def max(self, axis: Any = 0, **more: Any) -> Column:
        """Return the largest of the columns that are there."""
        return self._extreme("max", "maximum", -np.inf, axis, more)

    def min(self, axis: Any = 0, **more: Any) -> Column:
        """Return the smallest of the columns that are there."""
        return self._extreme("min", "minimum", np.inf, axis, more)

    def _extreme(self, name: str, operation: str, least: float, axis: Any, more: dict[str, Any]) -> Column:
        parts, skips = self._across(name, axis, more)
        result = elementwise("fill", parts[0], least) if skips else parts[0]
        for part in parts[1:]:
            result = elementwise(operation, result, elementwise("fill", part, least) if skips else part)
        if skips:
            result = elementwise("where", elementwise("equal", _present(parts), 0.0), np.nan, result)
        return Column(result)


class _Places:
    """``frame.loc`` and ``frame.iloc``: all rows of some columns."""

    def __init__(self, frame: Frame, *, by_name: bool) -> None:
        self._frame, self._by_name = frame, by_name

    def _columns(self, key: Any) -> Any:
        if not isinstance(key, tuple) or len(key) != 2 or not isinstance(key[0], slice) or key[0] != slice(None):
            raise TraceError("chooses rows", "np.where, which keeps every row")
        names = list(self._frame.columns)
        if not self._by_name:
            chosen_names = np.array(names, dtype=object)[key[1]]
            return list(chosen_names) if isinstance(chosen_names, np.ndarray) else chosen_names
        if isinstance(key[1], slice):
            ends = [None if end is None else names.index(end) for end in (key[1].start, key[1].stop)]
            return names[ends[0] : None if ends[1] is None else ends[1] + 1]
        return key[1]

    def __getitem__(self, key: Any) -> Any:
        return self._frame[self._columns(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._frame[self._columns(key)] = value


def _present(parts: list[Traced]) -> Any:
    """Return how many of some columns are not missing."""
    return added([elementwise("number", elementwise("logical_not", elementwise("isnan", part))) for part in parts])


def _column_cells(value: Any) -> Any:
    """Return what a column is computed with: cells of shape (rows,), or one number."""
    if isinstance(value, Column):
        return value._cells
    if isinstance(value, pd.Series | pd.DataFrame | Frame):
        raise TraceError("computes a column with a frame", "a column of it")
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] == 1:
        return value[:, 0]
    return value


def _frame_cells(value: Any, names: list[Any]) -> Callable[[int], Any]:
    """Return a function from a column's place to what it is computed with."""
    if isinstance(value, Frame):
        if list(value._cells) != names:
            raise TraceError(
                f"computes with frames of other columns: {names} and {list(value._cells)}", "`.to_numpy()`"
            )
        return lambda place: value._cells[names[place]]
    if isinstance(value, Column | pd.Series | pd.DataFrame):
        raise TraceError(
            "computes a frame with a column, which pandas aligns by its rows' names", "`.div(column, axis=0)`"
        )
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return lambda place: value[:, place % value.shape[1]]
    if isinstance(value, np.ndarray | list | tuple) and np.ndim(value) == 1:
        return lambda place: np.asarray(value)[place]
    return lambda _place: value


def _as_arrays(value: Any) -> Any:
    if isinstance(value, Column | Frame):
        return value.to_numpy()
    if isinstance(value, list | tuple):
        return type(value)(_as_arrays(part) for part in value)
    return value


def _clip(frame: Any, a_min: Any = None, a_max: Any = None, **more: Any) -> Any:
    return frame.clip(more.pop("min", a_min), more.pop("max", a_max), **more)


def _reduction(name: str) -> Callable[..., Any]:
    def call(frame: Any, axis: Any = None, **more: Any) -> Any:
        return getattr(frame, name)(axis=axis, **more)

    return call


_DISPATCHED: dict[Any, Callable[..., Any]] = {
    np.clip: _clip,
    np.max: _reduction("max"),
    np.mean: _reduction("mean"),
    np.min: _reduction("min"),
    np.round: lambda frame, decimals=0: frame.round(decimals),
    np.sum: _reduction("sum"),
}
"""Functions of NumPy that ask a frame for a method of its own."""
