"""NumPy's ufuncs of symbols, their reductions, and powers."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from tabento.export.tracing.arrays import SymbolArray, as_array, elementwise, kind_of_all
from tabento.export.tracing.symbols import BY_UFUNC, TraceError

CLIP: Any = importlib.import_module("numpy._core.umath").clip
"""The ufunc that ``ndarray.clip`` calls; it has no public name."""
PAIRWISE = 8
"""From this number of terms on, NumPy's order of additions depends on their layout in memory."""
_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "casting": ("same_kind", "unsafe"),
    "dtype": (None, float, np.float64),
    "initial": (None, np._NoValue),
    "order": ("K",),
    "subok": (True, False),
    "where": (True, np._NoValue),
}


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute a ufunc with at least one symbol among its arguments.

    Raises:
        TraceError: the ufunc is not known, or is called with arguments that change its computation.
    """
    from tabento.export.tracing.pandas_values import PandasValue

    if any(isinstance(value, PandasValue) for value in inputs):
        return NotImplemented
    kwargs = dict(kwargs)
    out = kwargs.pop("out", None)
    keepdims, axis = bool(kwargs.pop("keepdims", False)), kwargs.pop("axis", 0)
    for name, value in kwargs.items():
        if not any(
            value is default or (default is not None and value == default) for default in _DEFAULTS.get(name, ())
        ):
            raise TraceError(f"calls np.{ufunc.__name__} with {name}={value!r}", "the function without that argument")
    if method == "reduce":
        result = _reduce(ufunc, inputs[0], axis, keepdims=keepdims)
    elif method == "__call__":
        result = _apply_known_ufunc(ufunc, inputs)
    else:
        raise TraceError(f"calls np.{ufunc.__name__}.{method}, which is not known")
    target = out[0] if isinstance(out, tuple) else out
    if target is None:
        return result
    if not isinstance(target, SymbolArray):
        raise TraceError("writes computed numbers into an array of its own", "np.where or np.column_stack")
    target[...] = result
    return target


def _apply_known_ufunc(ufunc: Any, inputs: tuple[Any, ...]) -> Any:
    if ufunc in BY_UFUNC:
        return elementwise(BY_UFUNC[ufunc], *inputs)
    if ufunc in _COMPOSED:
        return _COMPOSED[ufunc](*inputs)
    raise TraceError(f"calls {ufunc.__name__}, which is not known")


def _reduce(ufunc: Any, array: Any, axis: Any, *, keepdims: bool) -> Any:
    name = BY_UFUNC.get(ufunc)
    if name not in ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or"):
        raise TraceError(f"calls np.{ufunc.__name__}.reduce, which is not known")
    cells = as_array(array)
    if axis is None:
        cells, axis = cells.reshape(-1), 0
        keepdims = False
    parts = np.moveaxis(cells, axis, 0)
    if not len(parts):
        raise TraceError("adds up no columns at all")
    result = (
        add_in_order([_as_traced(part) for part in parts])
        if name == "add"
        else reduce(_binary_operation(name), map(_as_traced, parts))
    )
    return np.expand_dims(result, axis) if keepdims and isinstance(result, np.ndarray) else result


def _as_traced(part: Any) -> Any:
    return part.view(SymbolArray) if isinstance(part, np.ndarray) else part


def _binary_operation(name: str) -> Callable[[Any, Any], Any]:
    def join(left: Any, right: Any) -> Any:
        return elementwise(name, left, right)

    return join


def add_in_order(parts: list[Any]) -> Any:
    """Add in order, as NumPy does with fewer than eight numbers. With more numbers the order is not known."""
    total = reduce(_binary_operation("add"), parts)
    return elementwise("unordered", total) if len(parts) >= PAIRWISE else total


def power(base: Any, exponent: Any) -> Any:
    """Return ``base ** exponent``. For a few exponents NumPy computes it differently than ``np.power``."""
    if isinstance(exponent, int | float) and not isinstance(exponent, bool) and kind_of_all(base) == "float":
        if exponent == 2:
            return elementwise("square", base)
        if exponent == 0.5:
            return elementwise("sqrt", base)
        if exponent == -1:
            return elementwise("reciprocal", base)
        if exponent == 1:
            return elementwise("number", base)
    return elementwise("power", base, exponent)


def clip(array: Any, low: Any = None, high: Any = None) -> Any:
    """Clip as NumPy does; NaN stays NaN."""
    if low is not None:
        array = elementwise("maximum", array, low)
    return array if high is None else elementwise("minimum", array, high)


def truncate(x: Any) -> Any:
    """Round towards zero."""
    return elementwise("where", elementwise("less", x, 0.0), elementwise("ceil", x), elementwise("floor", x))


_COMPOSED: dict[Any, Callable[..., Any]] = {
    np.positive: lambda x: elementwise("multiply", x, 1.0),
    np.fabs: lambda x: elementwise("absolute", x),
    np.trunc: truncate,
    np.radians: lambda x: elementwise("multiply", x, np.pi / 180.0),
    np.deg2rad: lambda x: elementwise("multiply", x, np.pi / 180.0),
    np.degrees: lambda x: elementwise("multiply", x, 180.0 / np.pi),
    np.rad2deg: lambda x: elementwise("multiply", x, 180.0 / np.pi),
    CLIP: clip,
}
"""Ufuncs that are composed of others, in the order of NumPy's own code."""
