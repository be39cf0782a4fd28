"""The worst rows of a report: the rows on which pipeline and graph differ most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.parity.comparison.compared_rows import ComparedRows, Scale
from tabento.parity.report import WorstRow

RAISES = "error"
"""The name of the differing answer if the pipeline raises an error."""
WORST_ROWS = 5
"""The number of worst rows in a report."""


def worst_rows(
    kinds: Sequence[ComparedRows], scale: Scale, contract: Contract
) -> list[tuple[WorstRow, NDArray[np.float64]]]:
    """Return the rows that differ most, each with its packed form of shape (F,).

    Rows on which the pipeline raises an error are first, then other labels, numbers beyond the limit, other branches, and
    last bits. Undecided rows and knife edges are not included.
    """
    ranked: list[tuple[tuple[float, ...], WorstRow, NDArray[np.float64]]] = []
    for kind in kinds:
        for index, error in enumerate(kind.raised.errors[:WORST_ROWS]):
            rows = kind.raised.rows
            entry = _raised_row(rows.name, rows.frame.iloc[index], error, kind.raised.graph_answers[index], contract)
            ranked.append(((-np.inf,), entry, rows.packed[index]))
        if not len(kind.graph_answers):
            continue
        _, relative, flips = scale.differences(kind.expected, kind.graph_answers)
        largest = relative.max(axis=1, initial=0.0)
        largest[kind.excluded] = 0.0
        flips = flips & ~kind.excluded
        other = kind.branches.other & ~kind.excluded
        excess = np.where(largest > scale.limits.relative, largest, 0.0)
        severity = np.stack([flips, excess, other, largest]).astype(np.float64)
        for index in np.lexsort(-severity[::-1])[:WORST_ROWS]:
            if severity[:, index].any():
                entry = _differing_row(kind, int(index), relative[index], bool(flips[index]), contract)
                ranked.append((tuple(-severity[:, index]), entry, kind.rows.packed[index]))
    ranked.sort(key=lambda ranked_row: ranked_row[0])
    return [(row, packed) for _, row, packed in ranked[:WORST_ROWS]]


def _raised_row(
    part: str, row: pd.Series[Any], error: str, answer: NDArray[np.float64], contract: Contract
) -> WorstRow:
    sets = contract.output.label_sets
    return WorstRow(
        part=part,
        row=_as_sent(row, contract),
        answer=RAISES,
        pipeline=error,
        onnx=float(answer[0]) if not sets else _label(answer[0], sets[0]),
        relative=1.0,
    )


def _differing_row(
    kind: ComparedRows, index: int, relative: NDArray[np.float64], flipped: bool, contract: Contract
) -> WorstRow:
    sets = contract.output.label_sets
    labels = len(sets)
    expected, graph_answer = kind.expected[index], kind.graph_answers[index]
    values: tuple[Any, Any]
    if labels and (flipped or not relative.any()):
        position = int(np.argmax(expected[:labels] != graph_answer[:labels]))
        answer = "branch" if not flipped else "label" if labels == 1 else f"label {contract.target_names[position]}"
        values = (_label(expected[position], sets[position]), _label(graph_answer[position], sets[position]))
    else:
        column = int(np.argmax(relative)) if relative.any() else 0
        values = (float(expected[labels + column]), float(graph_answer[labels + column]))
        if not relative.any():
            answer = "branch"
        elif labels:
            answer = f"probability of {sets[0][column]!r}"
        elif len(relative) == 1:
            answer = "prediction"
        else:
            names = contract.target_names
            answer = f"prediction {names[column] if len(names) == len(relative) else column}"
    return WorstRow(
        part=kind.rows.name,
        row=_as_sent(kind.rows.frame.iloc[index], contract),
        answer=answer,
        pipeline=values[0],
        onnx=values[1],
        relative=1.0 if flipped else float(relative.max(initial=0.0)),
    )


def _label(index: float, classes: tuple[Any, ...]) -> Any:
    return classes[int(index)] if index in range(len(classes)) else float(index)


def _as_sent(row: pd.Series[Any], contract: Contract) -> dict[str, str | float | None]:
    """Return a row of a frame as the values that a client would send, by the name of the feature."""
    values: dict[str, str | float | None] = {}
    for feature in contract.features:
        value = row[feature.name]
        values[feature.name] = value if isinstance(value, str) else None if pd.isna(value) else float(value)
    return values
