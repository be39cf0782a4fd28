"""Cells: the cells of a file become the values of a column, one column at a time.

A text file has no types, and a table can have ten million rows. If all cells have one type, each distinct cell is parsed only
once.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Feature, parse_boolean, timestamp_seconds, timestamp_text
from tabento.bundle.timestamp import FIRST_TIMESTAMP, LAST_TIMESTAMP

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_INFINITY = re.compile(r"\s*[+-]?inf(inity)?\s*", re.IGNORECASE)


def parse_column(series: pd.Series[Any], column: Feature) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    """Return a column's values in their type, and the mask of cells of another type.

    Args:
        series: N cells, typed or as text.
        column: the feature that the cells must fit.

    Returns:
        The values with the index of ``series``: a category is object with strings in the contract's case and None for
        missing, any other type float64 with NaN for missing. And bool of shape (N,): the cells of another type, whose values
        are missing.
    """
    if column.type in ("category", "text"):
        return _by_distinct(_without_missing_texts(series, column), column, object)
    if column.type == "timestamp" and pd.api.types.is_datetime64_any_dtype(series.dtype):
        return _seconds_of(series), np.zeros(len(series), dtype=bool)
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Series(_without_missing_numbers(numbers, column), index=series.index), np.zeros(
            len(series), dtype=bool
        )
    series = _without_missing_texts(series, column)
    if _is_of_one_type(series):
        parsed, wrong = _by_distinct(series, column, np.float64)
        return pd.Series(_without_missing_numbers(parsed.to_numpy(), column), index=series.index), wrong
    values = [
        None if missing else parse_cell(cell, column) for cell, missing in zip(series, series.isna(), strict=True)
    ]
    numbers = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    wrong = np.array([value is None for value in values], dtype=bool) & ~series.isna().to_numpy()
    return pd.Series(_without_missing_numbers(numbers, column), index=series.index), wrong


def _without_missing_texts(series: pd.Series[Any], column: Feature) -> pd.Series[Any]:
    """Return cells without the texts that the column treats as missing."""
    return series.mask(series.isin(column.missing)) if column.missing else series


def _without_missing_numbers(numbers: NDArray[np.float64], column: Feature) -> NDArray[np.float64]:
    """Return numbers with NaN for the codes that the column treats as missing, such as -9."""
    codes = column.missing_numbers()
    return np.where(np.isin(numbers, codes), np.nan, numbers) if codes else numbers


def _seconds_of(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return the seconds since 1970-01-01T00:00:00Z of pandas' own timestamps, float64; timestamps without a zone are in UTC."""
    moments = pd.DatetimeIndex(series)
    moments = moments.tz_convert("UTC").tz_localize(None) if moments.tz is not None else moments
    # The same function reads the texts of files and requests.
    texts = pd.Series(np.datetime_as_string(moments.to_numpy()), index=series.index)
    return texts.where(~series.isna()).map(timestamp_seconds, na_action="ignore").astype(np.float64)


def timestamp_texts(seconds: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return timestamps as text for a file, object of shape (N,), None for NaN.

    Args:
        seconds: since 1970-01-01T00:00:00Z, float64 of shape (N,), NaN for missing. Times outside the years 0001 to
            9999 become the first or last second of this range.
    """
    clipped = np.clip(seconds, FIRST_TIMESTAMP, LAST_TIMESTAMP).tolist()
    return np.array([None if math.isnan(value) else timestamp_text(value) for value in clipped], dtype=object)


def parse_cell(cell: object, column: Feature) -> float | str | None:
    """Return the value of a cell that is not missing, or None if the cell has another type than the column."""
    if column.type == "category":
        return column.normalise(cell) if isinstance(cell, str) else None
    if column.type == "text":
        return cell if isinstance(cell, str) else None
    if column.type == "timestamp" and isinstance(cell, str):
        return timestamp_seconds(cell.strip())
    is_boolean = column.type == "boolean"
    if isinstance(cell, bool | np.bool_):
        return float(cell) if is_boolean else None
    if isinstance(cell, str):
        if is_boolean and (boolean := parse_boolean(cell.strip())) is not None:
            return float(boolean)
        return float(cell) if _NUMBER.fullmatch(cell) or _INFINITY.fullmatch(cell) else None
    if isinstance(cell, int | float | np.integer | np.floating):
        try:
            return float(cell)
        except OverflowError:
            return math.inf if cell > 0 else -math.inf
    return None


def _is_of_one_type(series: pd.Series[Any]) -> bool:
    """Return True if all cells are text, or all are booleans: only then do equal cells have equal meanings (1 equals True)."""
    if isinstance(series.dtype, pd.StringDtype) or pd.api.types.is_bool_dtype(series.dtype):
        return True
    return pd.api.types.infer_dtype(series, skipna=True) in ("string", "boolean", "empty")


def _by_distinct(
    series: pd.Series[Any], column: Feature, dtype: type[object]
) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    """Parse each distinct cell once."""
    codes, distinct = pd.factorize(series)
    parsed = [parse_cell(cell, column) for cell in distinct]
    # Missing cells have the code -1, which is the index of the last entry.
    values = np.array([*parsed, None], dtype=object).astype(dtype)
    wrong = np.array([*(value is None for value in parsed), False], dtype=bool)
    return pd.Series(values[codes], index=series.index, dtype=dtype), wrong[codes]


def repeated_rows(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return the mask of rows that equal an earlier row in every column, as ``DataFrame.duplicated``: bool of shape (N,).

    Rows are hashed column by column with 64 bits, and only rows with equal hashes are compared. If all rows differ, a table
    of ten million rows takes a tenth of the memory and less than half of the time.
    """
    repeated = np.zeros(len(table), dtype=bool)
    if table.empty:
        return repeated
    hashes = np.zeros(len(table), dtype=np.uint64)
    for column in range(table.shape[1]):
        hashes *= _MULTIPLIER
        hashes += pd.util.hash_pandas_object(_canonical(table.iloc[:, column]), index=False).to_numpy()
    has_twin = pd.Series(hashes).duplicated(keep=False).to_numpy()
    repeated[has_twin] = table[has_twin].duplicated().to_numpy()
    return repeated


_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio, odd: it spreads each column's hash over all bits (D. Knuth, TAOCP 3, 6.4)."""


def _canonical(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers with one form of zero and one form of missing, because the hash distinguishes the forms."""
    if not pd.api.types.is_float_dtype(series.dtype):
        return series
    numbers = series.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    return pd.Series(numbers, index=series.index)
