"""Between a table of people's values and the packed rows that travel: the first step of serving, in training's hands.

A validated frame (numbers, integers and booleans as float64, categories as ``str`` or ``None``) becomes float64 rows in
the contract's order, exactly as the service encodes a request; and rows become the frame that the pipeline is fitted on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import UNKNOWN_CATEGORY, Contract, Feature
from bundle.errors import ContractError
from bundle.numbers import number_text, value_text
from training.texts import text_number, text_of


def unknown_value(feature: Feature) -> str:
    """Return a string that is none of a category's values, and that the contract's normalisation leaves alone."""
    value = "?"
    while value in (feature.categories or ()):
        value += "?"
    return value


def to_rows(frame: pd.DataFrame, contract: Contract) -> NDArray[np.float64]:
    """Encode a validated frame as it would travel in a request.

    Args:
        frame: one column per feature, in any order; columns that the contract does not know are left out. Numbers,
            integers and booleans are numeric with NaN for missing; categories are strings with None or NaN for missing.
        contract: gives the order of the columns and the codes of the categories.

    Returns:
        float64 of shape (N, F), C-contiguous, in the order of ``contract.features``.

    Raises:
        ContractError: a column is missing, a number is no number, or a category is unknown where that is refused.
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
                f"column {feature.name!r}: expected {feature.expected()}, got {column.dtype} values that are no"
                f" numbers ({error}): validate the frame first"
            ) from error
    return rows


def _codes(column: pd.Series[str], feature: Feature) -> NDArray[np.float64]:
    """Return the codes of one category's values, float64 of shape (N,)."""
    values = column.to_numpy(dtype=object)
    present = column.notna().to_numpy()
    codes = np.full(len(values), np.nan, dtype=np.float64)
    # Few distinct values, many rows: each distinct value is looked up once.
    known = pd.Index([str(value) for value in feature.categories or ()], dtype=object)
    texts = np.array([feature.normalise(str(value)) for value in values[present]], dtype=object)
    codes[present] = known.get_indexer(pd.Index(texts, dtype=object)).astype(np.float64)
    unknown = codes == -1.0
    codes[unknown] = UNKNOWN_CATEGORY
    if feature.unknown == "refuse" and unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise ContractError(
            f"column {feature.name!r}: expected {feature.expected()}, got {value_text(values[row])} in row {row} and"
            f" {int(unknown.sum()) - 1} more: add the value to `categories`, or say `unknown: ignore`"
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
    """Decode packed rows into the frame that the pipeline sees.

    Args:
        rows: float64 of shape (N, F) in the order of ``contract.features``.
        contract: names the columns and gives the categories.

    Returns:
        Numbers, integers and booleans as float64; categories as object with the category's string, None where missing,
        and ``unknown_value(feature)`` where the code is ``UNKNOWN_CATEGORY``; texts as object, None where missing.

    Raises:
        ContractError: the shape is not (N, F), or a code is no category's.
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
    """Return the strings behind one category's codes, object of shape (N,)."""
    categories = feature.categories or ()
    # Looked up from the end: -1 is the unknown, -2 the missing.
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
    # Said outright: pandas 3 would make its own string dtype of it, whose missing value is NaN.
    return pd.Series(table[index.astype(np.intp)], dtype=object)
