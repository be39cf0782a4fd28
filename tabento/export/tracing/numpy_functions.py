"""Functions of NumPy that are not ufuncs, of symbols: selections, limits, rounding and new arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tabento.export.tracing.arrays import array_of, as_array, elementwise, kind_of_all
from tabento.export.tracing.symbols import Symbol, TraceError
from tabento.export.tracing.ufuncs import clip, truncate

LARGEST = float(np.finfo(np.float64).max)
NATIVE: frozenset[Any] = frozenset(
    (
        np.append,
        np.atleast_1d,
        np.atleast_2d,
        np.broadcast_to,
        np.column_stack,
        np.concatenate,
        np.copy,
        np.delete,
        np.diff,
        np.dstack,
        np.expand_dims,
        np.flip,
        np.hstack,
        np.insert,
        np.max,
        np.mean,
        np.min,
        np.moveaxis,
        np.ndim,
        np.prod,
        np.ravel,
        np.repeat,
        np.reshape,
        np.shape,
        np.split,
        np.squeeze,
        np.stack,
        np.sum,
        np.swapaxes,
        np.take,
        np.tile,
        np.transpose,
        np.vstack,
    )
)
"""Functions of shape, and reductions, that NumPy implements with indexing and with operations that are traced."""


def round_half_even(array: Any, decimals: int = 0, out: Any = None) -> Any:
    """Round as NumPy does: scale by a power of ten, round half to even, scale back."""
    if out is not None:
        raise TraceError("calls np.round with out", "the function without that argument")
    if kind_of_all(array) != "float":
        raise TraceError("rounds integers or truth values", "np.round of numbers alone")
    if decimals == 0:
        return elementwise("rint", array)
    scale = 10.0 ** abs(decimals)
    scale_up, scale_down = ("multiply", "divide") if decimals > 0 else ("divide", "multiply")
    return elementwise(scale_down, elementwise("rint", elementwise(scale_up, array, scale)), scale)


def select(condition: Any, *choices: Any) -> Any:
    """Select as ``np.where`` does with three arguments."""
    if len(choices) != 2:
        raise TraceError("calls np.where with a condition alone", "np.where(condition, this, that)")
    if kind_of_all(condition) != "bool":
        condition = elementwise("not_equal", condition, 0.0)
    return elementwise("where", condition, *choices)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **options: Any) -> Any:
    low, high = options.pop("min", a_min), options.pop("max", a_max)
    if out is not None or options:
        raise TraceError(f"calls np.clip with {sorted(options) or 'out'}", "the function without that argument")
    return clip(a, *(None if limit is np._NoValue else limit for limit in (low, high)))


def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if not copy:
        raise TraceError("calls np.nan_to_num with copy=False", "the function without that argument")
    filled = fill_missing(x, nan)
    high = elementwise("where", elementwise("greater", filled, LARGEST), LARGEST if posinf is None else posinf, filled)
    low = elementwise("less", filled, -LARGEST)
    return elementwise("where", low, -LARGEST if neginf is None else neginf, high)


def fill_missing(array: Any, value: Any) -> Any:
    """Replace missing numbers with a number or a cell."""
    if isinstance(value, Symbol | np.ndarray):
        return elementwise("where", elementwise("isnan", array), value, array)
    return elementwise("fill", array, float(value))


def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = select(condition, choice, result)
    return result


def _along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    if axis not in (1, -1) or np.ndim(arr) != 2:
        raise TraceError(
            "calls np.apply_along_axis along another axis than the columns of a row", "the same on whole columns"
        )
    answers = [func1d(row, *args, **kwargs) for row in arr]
    return array_of(np.stack([as_array(answer) for answer in answers]))


def _like(value: float) -> Callable[..., Any]:
    def make_constant(a: Any, dtype: Any = None, **_: Any) -> Any:
        return array_of(np.full(np.shape(a), value, dtype=dtype or np.float64))

    return make_constant


REPLACED: dict[Any, Callable[..., Any]] = {
    np.where: select,
    np.apply_along_axis: _along_axis,
    np.clip: _clip,
    np.round: round_half_even,
    np.around: round_half_even,
    np.nan_to_num: _nan_to_num,
    np.select: _select,
    np.empty_like: _like(0.0),
    np.zeros_like: _like(0.0),
    np.ones_like: _like(1.0),
    np.full_like: lambda a, fill_value, dtype=None, **_: np.full(np.shape(a), fill_value, dtype=dtype or np.float64),
    np.fix: truncate,
}
"""Functions whose computation for symbols is in this module."""
