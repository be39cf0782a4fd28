"""Symbolic arrays: arrays of NumPy whose cells are symbols.

Shapes, slices and stacking are NumPy's own. What computes is caught by NumPy's protocols and becomes symbols.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import reduce
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from training.export.tracing.symbols import BY_UFUNC, OPERATIONS, Symbol, TraceError, kind_of, make

CLIP: Any = importlib.import_module("numpy._core.umath").clip
"""The ufunc to which ``ndarray.clip`` comes down; it has no public name."""
PAIRWISE = 8
"""From so many numbers on NumPy adds in an order that follows their layout in memory."""
LARGEST = float(np.finfo(np.float64).max)
_DTYPES = {"bool": np.bool_, "int": np.int64, "float": np.float64}
_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "casting": ("same_kind", "unsafe"),
    "dtype": (None, float, np.float64),
    "initial": (None, np._NoValue),
    "order": ("K",),
    "subok": (True, False),
    "where": (True, np._NoValue),
}
_NATIVE: frozenset[Any] = frozenset(
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
"""Functions of shape, and reductions, whose own code comes down to indexing and to what is caught."""


class Traced(np.ndarray[Any, Any]):
    """An array of symbols and constants."""

    @property
    def dtype(self) -> Any:
        """The type of the numbers that the cells stand for, for functions that ask."""
        return np.dtype(_DTYPES.get(kind_of_all(self), np.object_))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _OWN:
            return _OWN[function](*args, **kwargs)
        if function in _NATIVE:
            return super().__array_function__(function, types, args, kwargs)
        raise TraceError(f"calls np.{getattr(function, '__name__', function)}, which is not known")

    def __pow__(self, exponent: Any, modulo: Any = None) -> Any:
        return power(self, exponent)

    def __ipow__(self, exponent: Any) -> Any:  # type: ignore[misc, override]
        self[...] = power(self, exponent)
        return self

    def __bool__(self) -> bool:
        return bool(self.ravel()[0]) if self.size else False

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the same numbers as float, or truth values as integers."""
        wanted = np.dtype(dtype)
        if wanted == np.float64:
            return elementwise("number", self)
        if wanted == np.int64:
            return elementwise("whole", self)
        if wanted == np.object_:
            return self.copy()
        if wanted == np.bool_:
            return elementwise("not_equal", self, 0.0)
        raise TraceError(f"computes in {wanted}", "float64, the type that the graph computes in")

    def round(self, decimals: int = 0, out: Any = None) -> Any:  # type: ignore[override]
        """Round as ``np.round`` does."""
        return rounded(self, decimals, out)

    def fill(self, value: Any) -> None:
        """Set every cell."""
        self[...] = value


def array_of(cells: Any) -> Traced:
    """Return an array of symbols and constants as one that is traced."""
    return np.asarray(cells, dtype=object).view(Traced)


def _boxed(value: Any) -> NDArray[Any]:
    """Return an array of what an operation is given."""
    if isinstance(value, Symbol):
        box = np.empty((), dtype=object)
        box[()] = value
        return box
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray)
    return np.asarray(value)


def elementwise(name: str, *inputs: Any) -> Any:
    """Apply an operation to each cell, as NumPy broadcasts; returns an array, or a symbol for single cells."""
    boxes = np.broadcast_arrays(*(_boxed(value) for value in inputs))
    result = np.empty(boxes[0].shape, dtype=object)
    for place in np.ndindex(result.shape):
        result[place] = make(
            name, *(box[place] if isinstance(box[place], Symbol) else _plain(box[place]) for box in boxes)
        )
    return result[()] if result.ndim == 0 else result.view(Traced)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer a ufunc that meets a symbol.

    Raises:
        TraceError: it is not known, or is called with arguments that change what it computes.
    """
    from training.export.tracing.frames import Column, Frame

    if any(isinstance(value, Column | Frame) for value in inputs):
        return NotImplemented
    kwargs = dict(kwargs)
    out = kwargs.pop("out", None)
    keepdims, axis = bool(kwargs.pop("keepdims", False)), kwargs.pop("axis", 0)
    for name, value in kwargs.items():
        if not any(
            value is allowed or (allowed is not None and value == allowed) for allowed in _DEFAULTS.get(name, ())
        ):
            raise TraceError(f"calls np.{ufunc.__name__} with {name}={value!r}", "the function without that argument")
    if method == "reduce":
        result = _reduced(ufunc, inputs[0], axis, keepdims=keepdims)
    elif method == "__call__":
        result = _called(ufunc, inputs)
    else:
        raise TraceError(f"calls np.{ufunc.__name__}.{method}, which is not known")
    target = out[0] if isinstance(out, tuple) else out
    if target is None:
        return result
    if not isinstance(target, Traced):
        raise TraceError("writes computed numbers into an array of its own", "np.where or np.column_stack")
    target[...] = result
    return target


def _called(ufunc: Any, inputs: tuple[Any, ...]) -> Any:
    if ufunc in BY_UFUNC:
        return elementwise(BY_UFUNC[ufunc], *inputs)
    if ufunc in _COMPOSED:
        return _COMPOSED[ufunc](*inputs)
    raise TraceError(f"calls {ufunc.__name__}, which is not known")


def _reduced(ufunc: Any, array: Any, axis: Any, *, keepdims: bool) -> Any:
    name = BY_UFUNC.get(ufunc)
    if name not in ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or"):
        raise TraceError(f"calls np.{ufunc.__name__}.reduce, which is not known")
    cells = _boxed(array)
    if axis is None:
        cells, axis = cells.reshape(-1), 0
        keepdims = False
    parts = np.moveaxis(cells, axis, 0)
    if not len(parts):
        raise TraceError("adds up no columns at all")
    result = (
        added([_unboxed(part) for part in parts]) if name == "add" else reduce(_joining(name), map(_unboxed, parts))
    )
    return np.expand_dims(result, axis) if keepdims and isinstance(result, np.ndarray) else result


def _unboxed(part: Any) -> Any:
    return part.view(Traced) if isinstance(part, np.ndarray) else part


def _joining(name: str) -> Callable[[Any, Any], Any]:
    def join(one: Any, other: Any) -> Any:
        return elementwise(name, one, other)

    return join


def added(parts: list[Any]) -> Any:
    """Add one after the other, as NumPy does with fewer than eight numbers; of more the order is not known."""
    total = reduce(_joining("add"), parts)
    return elementwise("unordered", total) if len(parts) >= PAIRWISE else total


def power(base: Any, exponent: Any) -> Any:
    """Return ``base ** exponent``, for which NumPy has other ways than for ``np.power`` where the exponent is one of a few."""
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


def kind_of_all(value: Any) -> str:
    """Return the kind of all cells, or ``mixed``."""
    kinds = {kind_of(_plain(cell)) for cell in _boxed(value).ravel()}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def rounded(array: Any, decimals: int = 0, out: Any = None) -> Any:
    """Round as NumPy does: scale by a power of ten, round half to even, scale back."""
    if out is not None:
        raise TraceError("calls np.round with out", "the function without that argument")
    if kind_of_all(array) != "float":
        raise TraceError("rounds integers or truth values", "np.round of numbers alone")
    if decimals == 0:
        return elementwise("rint", array)
    scale = 10.0 ** abs(decimals)
    there, back = ("multiply", "divide") if decimals > 0 else ("divide", "multiply")
    return elementwise(back, elementwise("rint", elementwise(there, array, scale)), scale)


def clipped(array: Any, low: Any = None, high: Any = None) -> Any:
    """Clip as NumPy does; a missing value stays missing."""
    if low is not None:
        array = elementwise("maximum", array, low)
    return array if high is None else elementwise("minimum", array, high)


def chosen(condition: Any, *choices: Any) -> Any:
    """Choose as ``np.where`` does with three arguments."""
    if len(choices) != 2:
        raise TraceError("calls np.where with a condition alone", "np.where(condition, this, that)")
    if kind_of_all(condition) != "bool":
        condition = elementwise("not_equal", condition, 0.0)
    return elementwise("where", condition, *choices)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **more: Any) -> Any:
    low, high = more.pop("min", a_min), more.pop("max", a_max)
    if out is not None or more:
        raise TraceError(f"calls np.clip with {sorted(more) or 'out'}", "the function without that argument")
    return clipped(a, *(None if limit is np._NoValue else limit for limit in (low, high)))


def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if not copy:
        raise TraceError("calls np.nan_to_num with copy=False", "the function without that argument")
    filled = filled_in(x, nan)
    high = elementwise("where", elementwise("greater", filled, LARGEST), LARGEST if posinf is None else posinf, filled)
    low = elementwise("less", filled, -LARGEST)
    return elementwise("where", low, -LARGEST if neginf is None else neginf, high)


def filled_in(array: Any, value: Any) -> Any:
    """Put a number, or a cell, where a number is missing."""
    if isinstance(value, Symbol | np.ndarray):
        return elementwise("where", elementwise("isnan", array), value, array)
    return elementwise("fill", array, float(value))


def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = chosen(condition, choice, result)
    return result


def _along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    if axis not in (1, -1) or np.ndim(arr) != 2:
        raise TraceError("calls np.apply_along_axis for something else than rows", "the same on whole columns")
    answers = [func1d(row, *args, **kwargs) for row in arr]
    return array_of(np.stack([_boxed(answer) for answer in answers]))


def _like(value: float) -> Callable[..., Any]:
    def make_constant(a: Any, dtype: Any = None, **_: Any) -> Any:
        return array_of(np.full(np.shape(a), value, dtype=dtype or np.float64))

    return make_constant


def _truncated(x: Any) -> Any:
    return elementwise("where", elementwise("less", x, 0.0), elementwise("ceil", x), elementwise("floor", x))


_COMPOSED: dict[Any, Callable[..., Any]] = {
    np.positive: lambda x: elementwise("multiply", x, 1.0),
    np.fabs: lambda x: elementwise("absolute", x),
    np.trunc: _truncated,
    np.radians: lambda x: elementwise("multiply", x, np.pi / 180.0),
    np.deg2rad: lambda x: elementwise("multiply", x, np.pi / 180.0),
    np.degrees: lambda x: elementwise("multiply", x, 180.0 / np.pi),
    np.rad2deg: lambda x: elementwise("multiply", x, 180.0 / np.pi),
    CLIP: clipped,
}
"""Ufuncs that are made of others, in the order of NumPy's own code."""
_OWN: dict[Any, Callable[..., Any]] = {
    np.where: chosen,
    np.apply_along_axis: _along_axis,
    np.clip: _clip,
    np.round: rounded,
    np.around: rounded,
    np.nan_to_num: _nan_to_num,
    np.select: _select,
    np.empty_like: _like(0.0),
    np.zeros_like: _like(0.0),
    np.ones_like: _like(1.0),
    np.full_like: lambda a, fill_value, dtype=None, **_: np.full(np.shape(a), fill_value, dtype=dtype or np.float64),
    np.fix: _truncated,
}


def _writable(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes an array of numbers into which symbols can be written."""

    def make_array(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        return array_of(made) if made.dtype == np.float64 else made

    return make_array


class _SideBySide:
    """``np.c_`` for symbols: columns side by side."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getitem__(self, key: Any) -> Any:
        from training.export.tracing.frames import Column, Frame

        parts = key if isinstance(key, tuple) else (key,)
        if not any(isinstance(part, Traced | Column | Frame) for part in parts):
            return self._original[key]
        return np.column_stack([np.asarray(part) for part in parts])


@contextmanager
def keeping_symbols() -> Iterator[None]:
    """Let ``np.asarray`` and its like keep arrays and frames of symbols, which no protocol of NumPy does."""
    from training.export.tracing.frames import Column, Frame

    def kept(original: Callable[..., Any], *, copies: bool) -> Callable[..., Any]:
        def convert(value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
            if isinstance(value, Column | Frame):
                value = value.to_numpy()
            elif not isinstance(value, Traced):
                result = original(value, None, *args, **kwargs) if _holds_symbols(value) else None
                if result is None:
                    return original(value, dtype, *args, **kwargs)
                value = result.view(Traced)
            if dtype is not None:
                return value.astype(dtype)
            return value.copy() if copies else value

        return convert

    with ExitStack() as stack:
        stack.enter_context(patch.object(np, "c_", _SideBySide(np.c_)))
        for name in ("empty", "full", "ones", "zeros"):
            stack.enter_context(patch.object(np, name, _writable(getattr(np, name))))
        for name in ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"):
            stack.enter_context(patch.object(np, name, kept(getattr(np, name), copies=name == "array")))
        yield


def _holds_symbols(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_symbols(part) for part in value)
    return isinstance(value, Symbol | Traced)


def known_operations() -> list[str]:
    """Return the names of NumPy's functions that can be traced, for people."""
    names = {getattr(function, "__name__", "") for function in (*BY_UFUNC, *_COMPOSED, *_OWN, *_NATIVE)}
    return sorted(names & {*dir(np)} | {name for name in OPERATIONS if name == "expit"})
