"""Examples: a few rows of the test part as a client would send them, for warm-up, documentation and checks.

They go into ``examples.json`` of the bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, Feature, timestamp_text

EXAMPLES = 32
"""The number of examples in a bundle: enough to warm up the small batch sizes, few enough to read."""

JsonValue = float | int | bool | str | None


def pick_examples(
    frame: pd.DataFrame, predictions: NDArray[np.float64], contract: Contract, count: int = EXAMPLES
) -> list[dict[str, JsonValue]]:
    """Select rows that represent the data: every category, a missing value of each column, low and high predictions.

    Rows with a value that no earlier row has are selected first. The remaining rows are spread evenly over the quantiles of
    the predictions. The selection depends only on the arguments.

    Args:
        frame: Validated rows, N of them, with a column for each feature.
        predictions: The pipeline's answers to them, shape (N,), or (N, W) as the graph gives them: a label's index, then
            the probabilities; or several numbers or labels.
        contract: The meaning of the columns.
        count: The largest number of rows.

    Returns:
        ``min(count, N)`` rows in ascending order of their predictions. A classification is ordered by label, then by the
        probability of the label; several answers by the first answer, then by the second, and so on.

    Raises:
        ValueError: the numbers of rows and predictions differ, or are 0.
    """
    if predictions.ndim not in (1, 2) or len(predictions) != len(frame) or len(frame) == 0:
        raise ValueError(f"expected at least one row and one prediction per row, got {len(frame)}, {predictions.shape}")
    order = _ascending(predictions, contract)
    selected: list[int] = []
    showing_rows = [
        *_one_of_each_label(predictions[order], contract),
        *_rows_with_new_values(frame.iloc[order], contract),
    ]
    for position in dict.fromkeys(showing_rows):
        if len(selected) < count:
            selected.append(position)
    remaining = np.setdiff1d(np.arange(len(frame)), selected)
    free = min(count - len(selected), len(remaining))
    if free > 0:
        selected += remaining[np.linspace(0, len(remaining) - 1, free).round().astype(int)].tolist()
    rows = frame.iloc[order[sorted(selected)]]
    return [to_json_row(row, contract) for row in rows.to_dict("records")]


def to_json_row(row: dict[Any, Any], contract: Contract) -> dict[str, JsonValue]:
    """Write one validated row as a client would send it: numbers, integers, booleans, strings and nulls."""
    return {feature.name: _json_value(feature, row[feature.name]) for feature in contract.features}


def _json_value(feature: Feature, value: Any) -> JsonValue:
    if pd.isna(value):
        return None
    if feature.type in ("category", "text"):
        return str(value)
    if feature.type == "boolean":
        return bool(value)
    if feature.type == "timestamp":
        return timestamp_text(float(value))
    return int(value) if feature.type == "integer" else float(value)


def _ascending(predictions: NDArray[np.float64], contract: Contract) -> NDArray[np.intp]:
    """Return the order of the rows by their predictions, shape (N,)."""
    if predictions.ndim == 1:
        return np.argsort(predictions, kind="stable")
    if contract.output.targets is not None:
        return np.lexsort(predictions.T[::-1])
    labels = predictions[:, 0].astype(np.intp)
    if predictions.shape[1] == 1:
        return np.argsort(labels, kind="stable")
    return np.lexsort((predictions[np.arange(len(labels)), 1 + labels], labels))


def _one_of_each_label(predictions: NDArray[np.float64], contract: Contract) -> Iterator[int]:
    """Yield for each predicted label the position of its middle row; nothing for a regression."""
    for column in range(len(contract.output.label_sets)):
        labels = predictions.reshape(len(predictions), -1)[:, column]
        for label in np.unique(labels):
            indices = np.flatnonzero(labels == label)
            yield int(indices[len(indices) // 2])


def _rows_with_new_values(frame: pd.DataFrame, contract: Contract) -> Iterator[int]:
    """Yield positions that together show every category, both booleans and a missing value of every column.

    The middle row of all rows with a value is taken, so that the examples are not all at the small predictions.
    """
    shown_values: set[tuple[str, JsonValue]] = set()
    for feature in contract.features:
        column = frame[feature.name]
        rows_by_value: list[tuple[JsonValue, NDArray[np.intp]]] = [(None, np.flatnonzero(column.isna().to_numpy()))]
        if feature.type in ("category", "boolean"):
            values = sorted(column.dropna().unique())
            rows_by_value += [
                (_json_value(feature, value), np.flatnonzero((column == value).to_numpy())) for value in values
            ]
        for value, indices in rows_by_value:
            if len(indices) == 0 or (feature.name, value) in shown_values:
                continue
            position = int(indices[len(indices) // 2])
            row = to_json_row(frame.iloc[position].to_dict(), contract)
            shown_values |= set(row.items())
            yield position
