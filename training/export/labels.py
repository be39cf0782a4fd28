"""Labels inside ensembles: a classifier answers an index into its own classes, an ensemble counts in its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.export.links import highest, product
from training.export.pen import INT64, Pen
from training.export.values import Scores


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


def several_labels(pen: Pen, labels: Sequence[str]) -> Scores:
    """Return several labels of a row, each of shape (N, 1), as what a classifier gives.

    Raises:
        ExportError: there is one label only: scikit-learn answers it in a table, and a service by itself.
    """
    if len(labels) < 2:
        raise pen.refusal(
            "it was fitted on a table with one column of labels",
            "the classifier itself, fitted on that column: y.ravel()",
        )
    return Scores(pen.side_by_side(labels), count=len(labels))


def highest_of_each(pen: Pen, value: str, widths: Sequence[int], starts: Sequence[int] | None = None) -> Scores:
    """Return the place of the largest of each group of columns, the first of equals, as several labels of a row.

    Args:
        pen: what writes.
        value: shape (N, W), the groups side by side.
        widths: how many columns each group has.
        starts: where each group begins; without it each begins behind the one before.
    """
    begin = np.cumsum([0, *widths])[:-1].tolist() if starts is None else list(starts)
    labels = []
    for start, width in zip(begin, widths, strict=True):
        places = pen.constant(np.arange(start, start + width, dtype=np.int64), "columns")
        labels.append(highest(pen, pen.node("Gather", [value, places], "group", axis=1)))
    return several_labels(pen, labels)


def indicated(pen: Pen, model: Any, positive: str, count: int) -> Scores:
    """Return labels that are 0 or 1 each, shape (N, count), of a classifier that was fitted on a matrix of them.

    Raises:
        ExportError: the matrix was sparse, and so is what scikit-learn answers.
    """
    binarizer = getattr(model, "_label_binarizer", None) or model.label_binarizer_
    if binarizer.sparse_input_:
        raise pen.refusal("it was fitted on a sparse matrix of labels", "a dense one: y.toarray()")
    return Scores(positive, count=count)


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
