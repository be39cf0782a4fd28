"""Labels inside ensembles: a classifier answers an index into its own classes, an ensemble counts in its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.export.links import product
from training.export.pen import INT64, Pen


def looked_up(pen: Pen, index: str, table: NDArray[np.float64]) -> str:
    """Return ``table[index]``: an index of shape (N, 1) and a table of shape (C,) give (N, 1), float64."""
    if np.array_equal(table, np.arange(len(table))):
        return index
    return pen.node("Gather", [pen.constant(table, "table"), pen.cast(index, INT64)], "value", axis=0)


def label_values(pen: Pen, label: str, classes: Any) -> str:
    """Return the label itself, a number, instead of its index, shape (N, 1).

    Raises:
        ExportError: the labels are no numbers.
    """
    values = np.asarray(classes)
    if values.dtype.kind not in "biuf":
        raise pen.refusal(f"its labels {list(classes)} would be used as numbers", "stack_method='predict_proba'")
    return looked_up(pen, label, values.astype(np.float64))


def in_classes(pen: Pen, label: str, own: Any, outer: Any) -> str:
    """Return the index into an ensemble's classes instead of the one into a member's own, shape (N, 1)."""
    return looked_up(pen, label, np.searchsorted(np.asarray(outer), np.asarray(own)).astype(np.float64))


def spread(pen: Pen, value: str, places: Sequence[int], width: int) -> str:
    """Put the columns of a value to the given places among ``width`` columns; the others are 0."""
    if list(places) == list(range(width)):
        return value
    selection = np.zeros((len(places), width))
    selection[np.arange(len(places)), list(places)] = 1.0
    return product(pen, value, selection)


def weighed_votes(
    pen: Pen, labels: Sequence[str], won: NDArray[np.float64], lost: NDArray[np.float64], count: int
) -> str:
    """Add up what members say about each class, member by member.

    Args:
        labels: one index per member, each of shape (N, 1).
        won: shape (members,): what a member adds to the class that it names.
        lost: shape (members,): what it adds to every other class.
        count: how many classes there are, C.

    Returns:
        Shape (N, C).
    """
    last, middle = (pen.constant(np.array([axis], dtype=np.int64), "axis") for axis in (2, 1))
    named = pen.node("Unsqueeze", [pen.side_by_side(labels), last], "named")
    hit = pen.node("Equal", [named, pen.constant(np.arange(count, dtype=np.float64)[np.newaxis], "classes")], "hit")
    given = [pen.constant(table[:, np.newaxis].astype(np.float64), "weights") for table in (won, lost)]
    return pen.node("ReduceSum", [pen.node("Where", [hit, *given], "votes"), middle], "votes", keepdims=0)


def mean(pen: Pen, values: Sequence[str], count: int) -> str:
    """Add values of one shape in their order and divide by a count, which is usually how many they are."""
    total = values[0] if len(values) == 1 else pen.node("Sum", list(values), "total")
    return (
        total if count == 1 else pen.node("Div", [total, pen.constant(np.full((1, 1), float(count)), "count")], "mean")
    )
