"""Cells: what a file brought in becomes a column's values, whole columns at a time.

A text file has no types, and a table may have ten million rows: where cells are of one type, each distinct one is looked
at once, however many rows hold it.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Feature, timestamp_seconds, timestamp_text, truth_value
from bundle.timestamp import FIRST_TIMESTAMP, LAST_TIMESTAMP

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_INFINITY = re.compile(r"\s*[+-]?inf(inity)?\s*", re.IGNORECASE)


def parse_column(series: pd.Series[Any], column: Feature) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    """Return a column's values in their type, and which cells are of another type.

    Args:
        series: N cells, typed or as text.
        column: what they should be.

    Returns:
        The values with the index of ``series``: a category is object with strings in the contract's case and None where
        missing, all else float64 with NaN where missing. And bool of shape (N,): cells of another type; as values they
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
    """Return cells with those taken out that the column counts as missing."""
    return series.mask(series.isin(column.missing)) if column.missing else series


def _without_missing_numbers(numbers: NDArray[np.float64], column: Feature) -> NDArray[np.float64]:
    """Return numbers with NaN for the codes that the column counts as missing, such as -9."""
    codes = column.missing_numbers()
    return np.where(np.isin(numbers, codes), np.nan, numbers) if codes else numbers


def _seconds_of(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return the seconds since 1970-01-01T00:00:00Z of pandas' own timestamps, float64; without a zone they count as UTC."""
    moments = pd.DatetimeIndex(series)
    moments = moments.tz_convert("UTC").tz_localize(None) if moments.tz is not None else moments
    # They go through the same function as the texts of files and requests.
    texts = pd.Series(np.datetime_as_string(moments.to_numpy()), index=series.index)
    return texts.where(~series.isna()).map(timestamp_seconds, na_action="ignore").astype(np.float64)


def timestamp_texts(seconds: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return timestamps as a file has them, object of shape (N,): text, None for NaN.

    Args:
        seconds: since 1970-01-01T00:00:00Z, float64 of shape (N,), NaN where missing. What is outside the years 0001 to
            9999 becomes their first or last second.
    """
    inside = np.clip(seconds, FIRST_TIMESTAMP, LAST_TIMESTAMP).tolist()
    return np.array([None if math.isnan(value) else timestamp_text(value) for value in inside], dtype=object)


def parse_cell(cell: object, column: Feature) -> float | str | None:
    """Return what a cell that is not missing holds, or None where it is of another type than the column's."""
    if column.type == "category":
        return column.normalise(cell) if isinstance(cell, str) else None
    if column.type == "text":
        return cell if isinstance(cell, str) else None
    if column.type == "timestamp" and isinstance(cell, str):
        return timestamp_seconds(cell.strip())
    booleans = column.type == "boolean"
    if isinstance(cell, bool | np.bool_):
        return float(cell) if booleans else None
    if isinstance(cell, str):
        if booleans and (truth := truth_value(cell.strip())) is not None:
            return float(truth)
        return float(cell) if _NUMBER.fullmatch(cell) or _INFINITY.fullmatch(cell) else None
    if isinstance(cell, int | float | np.integer | np.floating):
        try:
            return float(cell)
        except OverflowError:
            return math.inf if cell > 0 else -math.inf
    return None


def _is_of_one_type(series: pd.Series[Any]) -> bool:
    """Say whether all cells are text, or all are truth values: only then do equal cells mean the same (1 equals True)."""
    if isinstance(series.dtype, pd.StringDtype) or pd.api.types.is_bool_dtype(series.dtype):
        return True
    return pd.api.types.infer_dtype(series, skipna=True) in ("string", "boolean", "empty")


def _by_distinct(
    series: pd.Series[Any], column: Feature, dtype: type[object]
) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    """Parse each distinct cell once."""
    codes, distinct = pd.factorize(series)
    parsed = [parse_cell(cell, column) for cell in distinct]
    # Missing cells have the code -1, which finds the last.
    values = np.array([*parsed, None], dtype=object).astype(dtype)
    wrong = np.array([*(value is None for value in parsed), False], dtype=bool)
    return pd.Series(values[codes], index=series.index, dtype=dtype), wrong[codes]


def repeated_rows(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows equal an earlier one in every column, as ``DataFrame.duplicated`` does: bool of shape (N,).

    Rows are hashed column by column, 64 bits each, and only rows that share their hash are compared; with all rows
    different, a table of ten million rows costs a tenth of the memory and less than half of the time.
    """
    found = np.zeros(len(table), dtype=bool)
    if table.empty:
        return found
    hashes = np.zeros(len(table), dtype=np.uint64)
    for place in range(table.shape[1]):
        hashes *= _MULTIPLIER
        hashes += pd.util.hash_pandas_object(_canonical(table.iloc[:, place]), index=False).to_numpy()
    alike = pd.Series(hashes).duplicated(keep=False).to_numpy()
    found[alike] = table[alike].duplicated().to_numpy()
    return found


_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio, odd: it carries each column's hash into all bits (D. Knuth, TAOCP 3, 6.4)."""


def _canonical(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers with one spelling of zero and of what is missing, which the hash would tell apart."""
    if not pd.api.types.is_float_dtype(series.dtype):
        return series
    numbers = series.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    return pd.Series(numbers, index=series.index)
