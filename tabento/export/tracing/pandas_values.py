"""Common methods of symbolic columns and frames: operators, and the calls of NumPy's functions with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from tabento.export.tracing.arrays import SymbolArray
from tabento.export.tracing.numpy_functions import fill_missing, round_half_even, select
from tabento.export.tracing.symbols import TraceError
from tabento.export.tracing.ufuncs import apply_ufunc, clip, power

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
"""Methods of columns and frames that are equal to operators."""
ROWS = "computes with a whole column, so that the answer for a row would depend on the other rows"
LEARN = "a transformer that learns such numbers in `fit`, such as SimpleImputer or StandardScaler"


class PandasValue(np.lib.mixins.NDArrayOperatorsMixin, ABC):
    """Common methods of columns and frames. The subclasses store the cells."""

    _replaced_class: type
    ndim: int

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # So that a function with `isinstance(X, pd.DataFrame)` takes the same path as with a DataFrame.
        return self._replaced_class

    @abstractmethod
    def _map(self, compute: Callable[..., Any], *operands: Any) -> Any:
        """Return a column or frame of the same shape with every cell computed."""

    def _operand_of_each_row(self, operand: Any) -> Any:
        """Return the operand of a method with ``axis=0``: the cells of its rows, for every column."""
        return operand

    @abstractmethod
    def to_numpy(self, dtype: Any = None, **_: Any) -> SymbolArray:
        """Return the cells as an array."""

    @property
    def values(self) -> SymbolArray:
        """The cells as an array."""
        return self.to_numpy()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.to_numpy()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise TraceError(f"calls np.{ufunc.__name__}.{method} of a frame", "the same of `.to_numpy()`")
        owner = max((value for value in inputs if isinstance(value, PandasValue)), key=lambda value: value.ndim)
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
        # A DataFrame has no `sparse` either, unless its columns are sparse.
        if not name.startswith("_") and name != "sparse" and hasattr(self._replaced_class, name):
            raise TraceError(f"uses `.{name}` of a {self._replaced_class.__name__}, which is not known")
        raise AttributeError(name)

    def _method(self, name: str) -> Callable[..., Any]:
        def call(other: Any, **options: Any) -> Any:
            if options.pop("axis", "columns") in (0, "index"):
                other = self._operand_of_each_row(other)
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
        return self._map(lambda cells: round_half_even(cells, decimals), self)

    def clip(self, lower: Any = None, upper: Any = None, **options: Any) -> Any:
        """Limit numbers; missing numbers stay missing."""
        if options:
            raise TraceError(f"calls `.clip` with {sorted(options)}", "`.clip(lower, upper)`")
        return self._map(clip, self, lower, upper)

    def fillna(self, value: Any = None, **options: Any) -> Any:
        """Replace missing numbers with one value."""
        is_frame = isinstance(value, PandasValue) and value.ndim == 2
        if value is None or options or isinstance(value, dict) or is_frame:
            raise TraceError(
                "calls `.fillna` with more than one value", "`.fillna(number)`, or SimpleImputer before it"
            )
        return self._map(fill_missing, self, value)

    def isna(self) -> Any:
        """Return the mask of missing numbers."""
        return np.isnan(self)

    isnull = isna

    def notna(self) -> Any:
        """Return the mask of numbers that are not missing."""
        return np.logical_not(np.isnan(self))

    notnull = notna

    def where(self, cond: Any, other: Any = np.nan) -> Any:
        """Keep numbers for which a condition is true; replace the others."""
        return self._map(lambda cells, condition, replacement: select(condition, cells, replacement), self, cond, other)

    def mask(self, cond: Any, other: Any = np.nan) -> Any:
        """Replace numbers for which a condition is true."""
        return self._map(select, cond, other, self)

    def astype(self, dtype: Any, **_: Any) -> Any:
        """Return the same numbers as float, or truth values as integers."""
        if isinstance(dtype, dict):
            raise TraceError("calls `.astype` with a type for each column", "`.astype(float)`")
        return self._map(lambda cells: cells.astype(dtype), self)


def _as_arrays(value: Any) -> Any:
    if isinstance(value, PandasValue):
        return value.to_numpy()
    if isinstance(value, list | tuple):
        return type(value)(_as_arrays(part) for part in value)
    return value


def _clip(frame: Any, a_min: Any = None, a_max: Any = None, **options: Any) -> Any:
    return frame.clip(options.pop("min", a_min), options.pop("max", a_max), **options)


def _reduction(name: str) -> Callable[..., Any]:
    def call(frame: Any, axis: Any = None, **options: Any) -> Any:
        return getattr(frame, name)(axis=axis, **options)

    return call


_DISPATCHED: dict[Any, Callable[..., Any]] = {
    np.clip: _clip,
    np.max: _reduction("max"),
    np.mean: _reduction("mean"),
    np.min: _reduction("min"),
    np.round: lambda frame, decimals=0: frame.round(decimals),
    np.sum: _reduction("sum"),
}
"""Functions of NumPy that call the frame's own method."""
