"""Symbolic arrays: NumPy arrays whose cells are symbols.

NumPy itself handles shapes, slices and stacking. Computations arrive through NumPy's protocols and give new symbols:
``tabento.export.tracing.ufuncs`` and ``tabento.export.tracing.numpy_functions``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.export.tracing.symbols import Symbol, TraceError, kind_of, make

_DTYPES = {"bool": np.bool_, "int": np.int64, "float": np.float64}


class SymbolArray(np.ndarray[Any, Any]):
    """An array of symbols and constants."""

    @property
    def dtype(self) -> Any:
        """The dtype of the numbers that the cells represent."""
        return np.dtype(_DTYPES.get(kind_of_all(self), np.object_))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from tabento.export.tracing.ufuncs import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from tabento.export.tracing.numpy_functions import NATIVE, REPLACED

        if function in REPLACED:
            return REPLACED[function](*args, **kwargs)
        if function in NATIVE:
            return super().__array_function__(function, types, args, kwargs)
        raise TraceError(f"calls np.{getattr(function, '__name__', function)}, which is not known")

    def __pow__(self, exponent: Any, modulo: Any = None) -> Any:
        from tabento.export.tracing.ufuncs import power

        return power(self, exponent)

    def __ipow__(self, exponent: Any) -> Any:  # type: ignore[misc, override]
        self[...] = self**exponent
        return self

    def __bool__(self) -> bool:
        return bool(self.ravel()[0]) if self.size else False

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the same numbers as float, or truth values as integers."""
        number_type = np.dtype(dtype)
        if number_type == np.float64:
            return elementwise("number", self)
        if number_type == np.int64:
            return elementwise("whole", self)
        if number_type == np.object_:
            return self.copy()
        if number_type == np.bool_:
            return elementwise("not_equal", self, 0.0)
        raise TraceError(f"computes in {number_type}", "float64, the type that the graph computes in")

    def round(self, decimals: int = 0, out: Any = None) -> Any:  # type: ignore[override]
        """Round as ``np.round`` does."""
        from tabento.export.tracing.numpy_functions import round_half_even

        return round_half_even(self, decimals, out)

    def fill(self, value: Any) -> None:
        """Set every cell."""
        self[...] = value


def array_of(cells: Any) -> SymbolArray:
    """Convert an array of symbols and constants to a traced array."""
    return np.asarray(cells, dtype=object).view(SymbolArray)


def as_array(value: Any) -> NDArray[Any]:
    """Convert an argument of an operation to an array."""
    if isinstance(value, Symbol):
        box = np.empty((), dtype=object)
        box[()] = value
        return box
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray)
    return np.asarray(value)


def elementwise(name: str, *inputs: Any) -> Any:
    """Apply an operation to each cell with NumPy's broadcasting. Return an array, or a symbol for single cells."""
    boxes = np.broadcast_arrays(*(as_array(value) for value in inputs))
    result = np.empty(boxes[0].shape, dtype=object)
    for index in np.ndindex(result.shape):
        result[index] = make(
            name, *(box[index] if isinstance(box[index], Symbol) else as_python_number(box[index]) for box in boxes)
        )
    return result[()] if result.ndim == 0 else result.view(SymbolArray)


def as_python_number(value: Any) -> Any:
    """Convert a scalar of NumPy to a number of Python."""
    return value.item() if isinstance(value, np.generic) else value


def kind_of_all(value: Any) -> str:
    """Return the kind of all cells, or ``mixed``."""
    kinds = {kind_of(as_python_number(cell)) for cell in as_array(value).ravel()}
    return kinds.pop() if len(kinds) == 1 else "mixed"
