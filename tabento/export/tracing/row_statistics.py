"""Statistics of each row of a symbolic frame: sum, mean, maximum and minimum of its columns.

All functions take the cells of the columns, and ``skipna`` as in pandas: if it is true, missing numbers do not count.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabento.export.tracing.arrays import SymbolArray, elementwise
from tabento.export.tracing.ufuncs import add_in_order


def row_sum(parts: list[SymbolArray], *, skipna: bool = True) -> Any:
    """Return the sums of the rows, shape (rows,)."""
    return add_in_order([elementwise("fill", part, 0.0) for part in parts] if skipna else parts)


def row_mean(parts: list[SymbolArray], *, skipna: bool = True) -> Any:
    """Return the means of the rows, shape (rows,)."""
    return elementwise("divide", row_sum(parts, skipna=skipna), _count_present(parts) if skipna else len(parts))


def row_maximum(parts: list[SymbolArray], *, skipna: bool = True) -> Any:
    """Return the largest numbers of the rows, shape (rows,)."""
    return _extreme("maximum", -np.inf, parts, skipna=skipna)


def row_minimum(parts: list[SymbolArray], *, skipna: bool = True) -> Any:
    """Return the smallest numbers of the rows, shape (rows,)."""
    return _extreme("minimum", np.inf, parts, skipna=skipna)


def _extreme(operation: str, neutral: float, parts: list[SymbolArray], *, skipna: bool) -> Any:
    result = elementwise("fill", parts[0], neutral) if skipna else parts[0]
    for part in parts[1:]:
        result = elementwise(operation, result, elementwise("fill", part, neutral) if skipna else part)
    if skipna:
        result = elementwise("where", elementwise("equal", _count_present(parts), 0.0), np.nan, result)
    return result


def _count_present(parts: list[SymbolArray]) -> Any:
    """Return for each row the number of columns that are not missing."""
    return add_in_order(
        [elementwise("number", elementwise("logical_not", elementwise("isnan", part))) for part in parts]
    )
