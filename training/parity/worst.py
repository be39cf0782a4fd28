"""The worst rows: on which a reader of the report sees what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract
from training.parity.report import WorstRow
from training.parity.tried import Scale, Tried

RAISES = "error"
"""What differs if the pipeline raises an error: all of the answer."""
SHOWN = 5
"""How many of the worst rows a report keeps."""


def worst_rows(tried: Sequence[Tried], scale: Scale, contract: Contract) -> list[tuple[WorstRow, NDArray[np.float64]]]:
    """Return the rows that differ most, each with its packed form of shape (F,).

    Rows on which the pipeline raises an error come first, then other labels, numbers beyond the limit, other branches,
    last bits. Undecided rows and knife edges are left out.
    """
    found: list[tuple[tuple[float, ...], WorstRow, NDArray[np.float64]]] = []
    for one in tried:
        for at, error in enumerate(one.raised.errors[:SHOWN]):
            row = one.raised.rows
            shown = _unanswered(row.name, row.frame.iloc[at], error, one.raised.got[at], contract)
            found.append(((-np.inf,), shown, row.packed[at]))
        if not len(one.got):
            continue
        _, relative, flips = scale.apart(one.expected, one.got)
        largest = relative.max(axis=1, initial=0.0)
        largest[one.excused] = 0.0
        flips = flips & ~one.excused
        other = one.branches.other & ~one.excused
        beyond = np.where(largest > scale.limits.relative, largest, 0.0)
        severity = np.stack([flips, beyond, other, largest]).astype(np.float64)
        for at in np.lexsort(-severity[::-1])[:SHOWN]:
            if severity[:, at].any():
                shown = _shown(one, int(at), relative[at], bool(flips[at]), contract)
                found.append((tuple(-severity[:, at]), shown, one.rows.packed[at]))
    found.sort(key=lambda entry: entry[0])
    return [(row, packed) for _, row, packed in found[:SHOWN]]


def _unanswered(part: str, row: pd.Series[Any], error: str, got: NDArray[np.float64], contract: Contract) -> WorstRow:
    sets = contract.output.label_sets
    return WorstRow(
        part=part,
        row=_as_sent(row, contract),
        answer=RAISES,
        pipeline=error,
        onnx=float(got[0]) if not sets else _label(got[0], sets[0]),
        relative=1.0,
    )


def _shown(one: Tried, at: int, relative: NDArray[np.float64], flipped: bool, contract: Contract) -> WorstRow:
    sets = contract.output.label_sets
    labels = len(sets)
    expected, got = one.expected[at], one.got[at]
    values: tuple[Any, Any]
    if labels and (flipped or not relative.any()):
        place = int(np.argmax(expected[:labels] != got[:labels]))
        answer = "branch" if not flipped else "label" if labels == 1 else f"label {contract.target_names[place]}"
        values = (_label(expected[place], sets[place]), _label(got[place], sets[place]))
    else:
        column = int(np.argmax(relative)) if relative.any() else 0
        values = (float(expected[labels + column]), float(got[labels + column]))
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
        part=one.rows.name,
        row=_as_sent(one.rows.frame.iloc[at], contract),
        answer=answer,
        pipeline=values[0],
        onnx=values[1],
        relative=1.0 if flipped else float(relative.max(initial=0.0)),
    )


def _label(index: float, classes: tuple[Any, ...]) -> Any:
    return classes[int(index)] if index in range(len(classes)) else float(index)


def _as_sent(row: pd.Series[Any], contract: Contract) -> dict[str, str | float | None]:
    """Return a row of a frame as the values that a client would send."""
    values: dict[str, str | float | None] = {}
    for feature in contract.features:
        value = row[feature.name]
        values[feature.name] = value if isinstance(value, str) else None if pd.isna(value) else float(value)
    return values
