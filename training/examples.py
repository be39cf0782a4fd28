"""Examples: a few rows of the test part as a client would send them, for warm-up, documentation and checks.

They go into ``examples.json`` of the bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract, Feature, timestamp_text

EXAMPLES = 32
"""How many rows a bundle shows: enough to warm up the small batch sizes, few enough to read."""

JsonValue = float | int | bool | str | None


def pick_examples(
    frame: pd.DataFrame, predictions: NDArray[np.float64], contract: Contract, count: int = EXAMPLES
) -> list[dict[str, JsonValue]]:
    """Choose rows that show what the model meets: every category, a missing value of each column, cheap and dear.

    Rows that show a value which no row before them showed come first; the rest is spread evenly over the quantiles of
    the predictions. The choice depends on nothing but the arguments.

    Args:
        frame: Validated rows, N of them, with a column for each feature.
        predictions: The pipeline's answers to them, shape (N,), or (N, W) as the graph gives them: a label's index and,
            behind it, the probabilities; or several numbers or labels.
        contract: What the columns mean.
        count: How many rows at most.

    Returns:
        ``min(count, N)`` rows in ascending order of their predictions; those of a classification by label, and within a
        label by its probability; several answers by the first, then by the second, and so on.

    Raises:
        ValueError: rows and predictions differ in number, or there are none.
    """
    if predictions.ndim not in (1, 2) or len(predictions) != len(frame) or len(frame) == 0:
        raise ValueError(f"expected at least one row and one prediction per row, got {len(frame)}, {predictions.shape}")
    order = _ascending(predictions, contract)
    chosen: list[int] = []
    news = [*_one_of_each_label(predictions[order], contract), *_showing_something_new(frame.iloc[order], contract)]
    for place in dict.fromkeys(news):
        if len(chosen) < count:
            chosen.append(place)
    rest = np.setdiff1d(np.arange(len(frame)), chosen)
    room = min(count - len(chosen), len(rest))
    if room > 0:
        chosen += rest[np.linspace(0, len(rest) - 1, room).round().astype(int)].tolist()
    rows = frame.iloc[order[sorted(chosen)]]
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
    """Yield for each label that was predicted the position of a row in its middle; nothing for a regression."""
    for at in range(len(contract.output.label_sets)):
        labels = predictions.reshape(len(predictions), -1)[:, at]
        for label in np.unique(labels):
            places = np.flatnonzero(labels == label)
            yield int(places[len(places) // 2])


def _showing_something_new(frame: pd.DataFrame, contract: Contract) -> Iterator[int]:
    """Yield positions that together show every category, both booleans and a missing value of every column.

    Of the rows that show a value the one in the middle is taken, so that they don't gather at the small predictions.
    """
    shown: set[tuple[str, JsonValue]] = set()
    for feature in contract.features:
        column = frame[feature.name]
        wanted: list[tuple[JsonValue, NDArray[np.intp]]] = [(None, np.flatnonzero(column.isna().to_numpy()))]
        if feature.type in ("category", "boolean"):
            values = sorted(column.dropna().unique())
            wanted += [(_json_value(feature, value), np.flatnonzero((column == value).to_numpy())) for value in values]
        for value, places in wanted:
            if len(places) == 0 or (feature.name, value) in shown:
                continue
            place = int(places[len(places) // 2])
            row = to_json_row(frame.iloc[place].to_dict(), contract)
            shown |= set(row.items())
            yield place
