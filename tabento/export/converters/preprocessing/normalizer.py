"""Writes Normalizer of sklearn.preprocessing.

Digits: the largest magnitude is exact; a sum has NumPy's last bit only if NumPy adds in a known order.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.preprocessing import Normalizer

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer

SMALLEST_NORM = 10 * float(np.finfo(np.float64).eps)
"""scikit-learn treats a smaller norm of a row as 1."""

LARGEST_SHARE = 1.0 + 1e-9
"""No number is larger than its row's norm, roundings aside."""

ADDED_IN_ORDER = 7
"""NumPy adds up to this number of columns in order, more columns in eight parallel sums."""


@transformer(Normalizer)
def normalizer(writer: GraphWriter, model: Normalizer, columns: Columns) -> Columns:
    """Write each row divided by its norm. The largest magnitude is exact; a sum only if the order of its terms is known.

    scikit-learn adds the entries of a sparse matrix in their order and does not change a row whose norm is 0. Of other rows
    NumPy adds up to seven magnitudes in that order, and squares in an order that depends on the computer. A norm below
    ``SMALLEST_NORM`` is treated as 1.
    """
    writer.require_numbers(columns)
    refuse_missing(writer, columns, "Normalizer")
    magnitudes = writer.node("Abs", [columns.name])
    if model.norm == "max":
        axis = writer.constant(np.array([1], dtype=np.int64), "axis")
        norm = writer.node("ReduceMax", [magnitudes, axis], "norm", keepdims=1)
    else:
        terms = magnitudes if model.norm == "l1" else writer.node("Mul", [columns.name, columns.name], "square")
        norm = _added_up(writer, terms, columns.width)
        norm = norm if model.norm == "l1" else writer.node("Sqrt", [norm], "norm")
    if columns.sparse:
        small = writer.node("Equal", [norm, writer.constant(np.zeros((1, 1)), "zero")], "small")
    else:
        small = writer.node("Less", [norm, writer.constant(np.full((1, 1), SMALLEST_NORM), "smallest")], "small")
    divisor = writer.node("Where", [small, writer.constant(np.ones((1, 1)), "one"), norm], "divisor")
    value = writer.node("Div", [columns.name, divisor], "normalized")
    writer.graph.bounds.update({(value, index): (-LARGEST_SHARE, LARGEST_SHARE) for index in range(columns.width)})
    if not columns.sparse and (model.norm == "l2" or (model.norm == "l1" and columns.width > ADDED_IN_ORDER)):
        writer.mark_machine_dependent(
            value,
            f"{model.norm} norms, whose last bits depend on the order in which the processor adds",
            "Normalizer(norm='max')",
        )
    return dataclasses.replace(numbers(value, columns.width), sparse=columns.sparse, stored=columns.stored)


def _added_up(writer: GraphWriter, terms: str, width: int) -> str:
    """Return the sum of each row, shape (N, 1), added from the first column to the last."""
    if width == 1:
        return terms
    sums = writer.node("CumSum", [terms, writer.constant(np.array(1, dtype=np.int64), "axis")], "sums")
    return writer.node("Gather", [sums, writer.constant(np.array([width - 1], dtype=np.int64), "last")], "sum", axis=1)
