"""Frames and packed rows: the conversion between a table with values and the float64 rows of a request.

A validated frame (numbers, integers and booleans as float64, categories as ``str`` or ``None``) becomes float64 rows in the
contract's order, exactly as the service encodes a request. Packed rows become the frame on which the pipeline is fitted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import UNKNOWN_CATEGORY, Contract, Feature
from tabento.bundle.errors import ContractError
from tabento.bundle.numbers import number_text, value_text
from tabento.tables.texts import text_number, text_of


def unknown_value(feature: Feature) -> str:
    """Return a string that is not a value of the category and that the contract's normalisation does not change."""
    value = "?"
    while value in (feature.categories or ()):
        value += "?"
    return value


def to_rows(frame: pd.DataFrame, contract: Contract) -> NDArray[np.float64]:
    """Encode a validated frame as the service encodes a request.

    Args:
        frame: one column per feature, in any order; columns that the contract does not list are not used. Numbers,
            integers and booleans are numeric with NaN for missing; categories are strings with None or NaN for missing.
        contract: gives the order of the columns and the codes of the categories.

    Returns:
        float64 of shape (N, F), C-contiguous, in the order of ``contract.features``.

    Raises:
        ContractError: a column is missing, a number is not a number, or a category is unknown and the contract refuses it.
    """
    missing = [name for name in contract.feature_names if name not in frame.columns]
    if missing:
        raise ContractError(f"expected a column for every feature, got none for {missing}: add them to the frame")
    rows = np.empty((len(frame), len(contract.features)), dtype=np.float64)
    for position, feature in enumerate(contract.features):
        column = frame[feature.name]
        if feature.type == "category":
            rows[:, position] = _codes(column, feature)
            continue
        if feature.type == "text":
            rows[:, position] = _text_numbers(column, feature)
            continue
        try:
            rows[:, position] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise ContractError(
                f"column {feature.name!r}: expected {feature.expected()}, got {column.dtype} values that are not"
                f" numbers ({error}): validate the frame first"
            ) from error
    return rows


def _codes(column: pd.Series[str], feature: Feature) -> NDArray[np.float64]:
    """Return the codes of one category's values, float64 of shape (N,)."""
    values = column.to_numpy(dtype=object)
    present = column.notna().to_numpy()
    codes = np.full(len(values), np.nan, dtype=np.float64)
    # Few distinct values, many rows: each distinct value is looked up once.
    categories = pd.Index([str(value) for value in feature.categories or ()], dtype=object)
    texts = np.array([feature.normalise(str(value)) for value in values[present]], dtype=object)
    codes[present] = categories.get_indexer(pd.Index(texts, dtype=object)).astype(np.float64)
    unknown = codes == -1.0
    codes[unknown] = UNKNOWN_CATEGORY
    if feature.unknown == "refuse" and unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise ContractError(
            f"column {feature.name!r}: expected {feature.expected()}, got {value_text(values[row])} in row {row} and"
            f" {int(unknown.sum()) - 1} more: add the value to `categories`, or set `unknown: ignore`"
        )
    return codes


def _text_numbers(column: pd.Series[str], feature: Feature) -> NDArray[np.float64]:
    """Return the numbers of one column's texts within this process, float64 of shape (N,)."""
    numbers = np.full(len(column), np.nan)
    for row, (value, missing) in enumerate(zip(column, column.isna(), strict=True)):
        if missing:
            continue
        if not isinstance(value, str):
            raise ContractError(
                f"column {feature.name!r}: expected {feature.expected()}, got {value_text(value)} in row {row}: validate the"
                " frame first"
            )
        numbers[row] = text_number(value)
    return numbers


def to_frame(rows: NDArray[np.float64], contract: Contract) -> pd.DataFrame:
    """Decode packed rows into the frame of the pipeline.

    Args:
        rows: float64 of shape (N, F) in the order of ``contract.features``.
        contract: names the columns and gives the categories.

    Returns:
        Numbers, integers and booleans as float64; categories as object with the category's string, None for missing,
        and ``unknown_value(feature)`` for the code ``UNKNOWN_CATEGORY``; texts as object, None for missing.

    Raises:
        ContractError: the shape is not (N, F), or a code does not represent a category.
    """
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(contract.features):
        raise ContractError(
            f"expected rows of shape (N, {len(contract.features)}), got {rows.shape}: one column per feature"
        )
    columns: dict[str, NDArray[np.float64] | pd.Series[str]] = {}
    for position, feature in enumerate(contract.features):
        values = rows[:, position]
        if feature.type == "category":
            columns[feature.name] = _texts(values, feature)
        elif feature.type == "text":
            columns[feature.name] = pd.Series([text_of(value) for value in values.tolist()], dtype=object)
        else:
            columns[feature.name] = values.copy()
    return pd.DataFrame(columns, columns=list(contract.feature_names))


def _texts(codes: NDArray[np.float64], feature: Feature) -> pd.Series[str]:
    """Return the strings of one category's codes, object of shape (N,)."""
    categories = feature.categories or ()
    # Indices from the end: -1 is an unknown value, -2 a missing one.
    table = np.array([*categories, None, unknown_value(feature)], dtype=object)
    missing = np.isnan(codes)
    index = np.where(missing, -2.0, codes)
    valid = (index == np.floor(index)) & (index >= -2) & (index < len(categories)) & (missing | (index != -2))
    if not valid.all():
        row = int(np.flatnonzero(~valid)[0])
        raise ContractError(
            f"feature {feature.name!r}: expected a code from 0 to {len(categories) - 1}, {number_text(UNKNOWN_CATEGORY)} or NaN,"
            f" got {codes[row]!r} in row {row}: encode rows with `to_rows`"
        )
    # The dtype is set, because pandas 3 would choose its own string dtype, whose missing value is NaN.
    return pd.Series(table[index.astype(np.intp)], dtype=object)
