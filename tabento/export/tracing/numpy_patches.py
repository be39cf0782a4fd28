"""Replacements of NumPy's functions that make arrays, for the time in which a function is traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from tabento.export.tracing.arrays import SymbolArray, array_of
from tabento.export.tracing.pandas_values import PandasValue
from tabento.export.tracing.symbols import Symbol


@contextmanager
def keeping_symbols() -> Iterator[None]:
    """Make ``np.asarray`` and similar functions keep symbols while the block runs; no protocol of NumPy does that."""

    def keeping(original: Callable[..., Any], *, copies: bool) -> Callable[..., Any]:
        def convert(value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
            if isinstance(value, PandasValue):
                value = value.to_numpy()
            elif not isinstance(value, SymbolArray):
                result = original(value, None, *args, **kwargs) if _holds_symbols(value) else None
                if result is None:
                    return original(value, dtype, *args, **kwargs)
                value = result.view(SymbolArray)
            if dtype is not None:
                return value.astype(dtype)
            return value.copy() if copies else value

        return convert

    with ExitStack() as stack:
        stack.enter_context(patch.object(np, "c_", _ColumnConcatenation(np.c_)))
        for name in ("empty", "full", "ones", "zeros"):
            stack.enter_context(patch.object(np, name, _writable(getattr(np, name))))
        for name in ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"):
            stack.enter_context(patch.object(np, name, keeping(getattr(np, name), copies=name == "array")))
        yield


def _writable(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose result is an array into which symbols can be written."""

    def make_array(*args: Any, **kwargs: Any) -> Any:
        array = original(*args, **kwargs)
        return array_of(array) if array.dtype == np.float64 else array

    return make_array


class _ColumnConcatenation:
    """``np.c_`` for symbols: the concatenation of columns."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not any(isinstance(part, SymbolArray | PandasValue) for part in parts):
            return self._original[key]
        return np.column_stack([np.asarray(part) for part in parts])


def _holds_symbols(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_symbols(part) for part in value)
    return isinstance(value, Symbol | SymbolArray)
