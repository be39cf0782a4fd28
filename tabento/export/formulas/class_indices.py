"""Class indices inside ensembles: a member's label is an index into its own classes, the ensemble has other indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.export.formulas.links import label_of_largest, product
from tabento.export.graph.values import Scores
from tabento.export.graph.writer import INT64, GraphWriter


def table_value(writer: GraphWriter, index: str, table: NDArray[np.float64]) -> str:
    """Return ``table[index]`` as float64 of shape (N, 1), for an index of shape (N, 1) and a table of shape (C,)."""
    if np.array_equal(table, np.arange(len(table))):
        return index
    return writer.node("Gather", [writer.constant(table, "table"), writer.cast(index, INT64)], "value", axis=0)


def label_values(writer: GraphWriter, label: str, classes: Any) -> str:
    """Return numeric labels instead of their indices, shape (N, 1).

    Raises:
        ExportError: the labels are not numbers.
    """
    values = np.asarray(classes)
    if values.dtype.kind not in "biuf":
        raise writer.refusal(f"its labels {list(classes)} would be used as numbers", "stack_method='predict_proba'")
    return table_value(writer, label, values.astype(np.float64))


def index_in_classes(writer: GraphWriter, label: str, member_classes: Any, ensemble_classes: Any) -> str:
    """Convert the index into a member's classes to the index into the ensemble's classes, shape (N, 1)."""
    return table_value(
        writer, label, np.searchsorted(np.asarray(ensemble_classes), np.asarray(member_classes)).astype(np.float64)
    )


def multilabel_scores(writer: GraphWriter, labels: Sequence[str]) -> Scores:
    """Return the scores of a classifier with several labels per row, each of shape (N, 1).

    Raises:
        ExportError: there is only one label. scikit-learn returns a table with one column then, the service a single label.
    """
    if len(labels) < 2:
        raise writer.refusal(
            "it was fitted on a table with one column of labels",
            "the classifier itself, fitted on that column: y.ravel()",
        )
    return Scores(writer.concatenate(labels), count=len(labels))


def labels_of_groups(
    writer: GraphWriter, value: str, widths: Sequence[int], starts: Sequence[int] | None = None
) -> Scores:
    """Return the position of the largest value in each group of columns as several labels of a row. Of equal values, the
    first is used.

    Args:
        writer: the graph writer.
        value: the columns of all groups, shape (N, W).
        widths: the number of columns of each group.
        starts: the first column of each group; by default each group follows the previous one.
    """
    begin = np.cumsum([0, *widths])[:-1].tolist() if starts is None else list(starts)
    labels = []
    for start, width in zip(begin, widths, strict=True):
        indices = writer.constant(np.arange(start, start + width, dtype=np.int64), "columns")
        labels.append(label_of_largest(writer, writer.node("Gather", [value, indices], "group", axis=1)))
    return multilabel_scores(writer, labels)


def indicator_scores(writer: GraphWriter, model: Any, positive: str, count: int) -> Scores:
    """Return the scores of a classifier that was fitted on a matrix of labels 0 and 1, shape (N, count).

    Raises:
        ExportError: the matrix was sparse, so that scikit-learn's predictions are sparse too.
    """
    binarizer = getattr(model, "_label_binarizer", None) or model.label_binarizer_
    if binarizer.sparse_input_:
        raise writer.refusal("it was fitted on a sparse matrix of labels", "a dense one: y.toarray()")
    return Scores(positive, count=count)


def spread_columns(writer: GraphWriter, value: str, positions: Sequence[int], width: int) -> str:
    """Return ``width`` columns: the columns of a value at some positions, and 0 in all other columns."""
    if list(positions) == list(range(width)):
        return value
    selection = np.zeros((len(positions), width))
    selection[np.arange(len(positions)), list(positions)] = 1.0
    return product(writer, value, selection)


def weighted_votes(
    writer: GraphWriter, labels: Sequence[str], won: NDArray[np.float64], lost: NDArray[np.float64], count: int
) -> str:
    """Add the votes of all members for each class, in the order of the members.

    Args:
        writer: the graph writer.
        labels: one class index per member, each of shape (N, 1).
        won: shape (members,): the weight that a member adds to the class that it predicts.
        lost: shape (members,): the weight that it adds to every other class.
        count: the number of classes, C.

    Returns:
        Shape (N, C).
    """
    last, middle = (writer.constant(np.array([axis], dtype=np.int64), "axis") for axis in (2, 1))
    voted_class = writer.node("Unsqueeze", [writer.concatenate(labels), last], "named")
    is_voted = writer.node(
        "Equal", [voted_class, writer.constant(np.arange(count, dtype=np.float64)[np.newaxis], "classes")], "hit"
    )
    weights = [writer.constant(table[:, np.newaxis].astype(np.float64), "weights") for table in (won, lost)]
    return writer.node("ReduceSum", [writer.node("Where", [is_voted, *weights], "votes"), middle], "votes", keepdims=0)


def mean(writer: GraphWriter, values: Sequence[str], count: int) -> str:
    """Return the sum of values of one shape, added in order, divided by a count."""
    total = values[0] if len(values) == 1 else writer.node("Sum", list(values), "total")
    return (
        total
        if count == 1
        else writer.node("Div", [total, writer.constant(np.full((1, 1), float(count)), "count")], "mean")
    )
