"""From logged answers to the numbers that the graph answered: of shape (N, W), see ``tabento.bundle.contract.answer_width``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, label_key

Floats = NDArray[np.float64]

NO_ANSWER = math.nan
"""The number of an answer that the contract does not have, such as a label of another version."""


def logged_answers(contract: Contract, records: Sequence[dict[str, Any]]) -> Floats:
    """Return the logged answers of N records as the graph of a contract answers them.

    A label becomes its index. A value that the contract does not have becomes NaN.
    """
    output = contract.output
    predictions = [record["prediction"] for record in records]
    if output.targets is not None:
        columns = []
        for target in output.targets:
            values = [answer.get(target.name) if isinstance(answer, dict) else None for answer in predictions]
            columns.append(_numbers(values) if target.classes is None else _indices(values, target.classes))
        return np.column_stack(columns)
    if output.classes is None:
        return _numbers(predictions)[:, np.newaxis]
    columns = [_indices(predictions, output.classes)]
    if output.probabilities:
        probabilities = [record.get("probabilities") or {} for record in records]
        columns += [_numbers([row.get(key) for row in probabilities]) for key in map(label_key, output.classes)]
    return np.column_stack(columns)


def label_text(label: object) -> str:
    """Return a label as the text under which it is compared: JSON, so that 1 and "1" differ."""
    return json.dumps(label, ensure_ascii=False)


def _numbers(values: Sequence[Any]) -> Floats:
    return np.array([value if type(value) in (int, float) else NO_ANSWER for value in values], np.float64)


def _indices(values: Sequence[Any], classes: Sequence[Any]) -> Floats:
    indices = {label_text(label): float(index) for index, label in enumerate(classes)}
    return np.array([indices.get(label_text(value), NO_ANSWER) for value in values], np.float64)
