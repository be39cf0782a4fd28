"""Link functions: probabilities and labels from raw scores, with scikit-learn's formulas.

The last bit of ``exp`` differs between NumPy and ONNX Runtime, so probabilities agree to about 1e-15, relative. A label is
computed from the number that ``predict`` itself compares: if that is the raw score, the rounding of a probability has no
effect.

A matrix product has the same bits in NumPy's BLAS (OpenBLAS) and in ONNX Runtime (MLAS): both add the terms of a sum in
order, with fused multiply-adds. This is not true for long sums, which one of them splits, nor for a single column, which
BLAS computes with another routine (``gemv``) that adds in several lanes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabento.export.graph.values import Scores
from tabento.export.graph.writer import GraphWriter

NARROW = 32
"""The largest number of columns for which MLAS adds sums of ``NARROW_TERMS`` in one piece; above it, ``WIDE_TERMS``."""
NARROW_TERMS = 256
WIDE_TERMS = 128
ONE_COLUMN = "two columns of such sums or more (n_components=2), or the columns themselves before it"


def sigmoid(writer: GraphWriter, value: str) -> str:
    """1 / (1 + exp(-x)), as ``scipy.special.expit`` computes it: never NaN, 0 where exp overflows.

    ONNX Runtime's own ``Sigmoid`` computes 1 - 1 / (1 + exp(x)) below zero, which loses the digits of small probabilities.
    """
    return falling_sigmoid(writer, writer.node("Neg", [value]))


def falling_sigmoid(writer: GraphWriter, value: str) -> str:
    """1 / (1 + exp(x)): the sigmoid of -x, of any shape."""
    unit = writer.constant(np.ones((1, 1)), "one")
    return writer.node("Div", [unit, writer.node("Add", [writer.node("Exp", [value]), unit], "odds")], "sigmoid")


def softmax(writer: GraphWriter, value: str) -> str:
    """exp(x - max) / Σ exp(x - max) along each row of shape (N, C)."""
    return writer.node("Softmax", [value], axis=1)


def product(writer: GraphWriter, value: str, matrix: NDArray[np.float64]) -> str:
    """Return value · matrix: (N, F) and (F, T) give (N, T).

    It is written as ``Gemm``: if a number multiplies or divides an input or the output of a ``MatMul``, ONNX Runtime 1.31
    moves it into the product as a float32 attribute (``MatMulScaleFusion``), and only seven digits remain.
    """
    result = writer.node("Gemm", [value, writer.constant(matrix, "matrix")], "product")
    mark_product(writer, result, matrix.shape)
    return result


def mark_product(writer: GraphWriter, value: str, shape: tuple[int, ...]) -> None:
    """Mark a matrix product as machine-dependent if its shape is one for which the last bits depend on BLAS.

    Args:
        writer: the graph writer.
        value: the product's name.
        shape: the shape of the matrix.
    """
    terms, width = shape
    if terms == 1 or (width > 1 and terms <= (WIDE_TERMS if width > NARROW else NARROW_TERMS)):
        return
    kind = "one column of sums" if width == 1 else f"sums of {terms} products"
    writer.mark_machine_dependent(
        value,
        f"{kind}, whose last bits depend on the order in which BLAS adds them",
        "the columns themselves before it, or a linear model after them" if width > 1 else ONE_COLUMN,
    )


def second_probability(writer: GraphWriter, probabilities: str) -> str:
    """Return the probability of the second of two classes, (N, 1).

    It is the argument of ``both_probabilities`` itself if that function wrote the probabilities.
    """
    node = writer.graph.producer(probabilities)
    if node is not None and node.op_type == "Concat" and len(node.input) == 2:
        rest = writer.graph.producer(node.input[0])
        if rest is not None and rest.op_type == "Sub" and rest.input[1] == node.input[1]:
            return str(node.input[1])
    return column(writer, probabilities, 1)


def column(writer: GraphWriter, value: str, index: int) -> str:
    """Return one column of a value, (N, 1)."""
    return writer.node(
        "Gather", [value, writer.constant(np.array([index], dtype=np.int64), "column")], "column", axis=1
    )


def both_probabilities(writer: GraphWriter, probability: str) -> str:
    """Return the probabilities of two classes, (1 - p, p): (N, 1) becomes (N, 2)."""
    rest = writer.node("Sub", [writer.constant(np.ones((1, 1)), "one"), probability], "rest")
    return writer.concatenate([rest, probability])


def both_scores(writer: GraphWriter, decision: str) -> str:
    """Return (-x, x): (N, 1) becomes (N, 2)."""
    return writer.concatenate([writer.node("Neg", [decision]), decision])


def row_sum(writer: GraphWriter, value: str) -> str:
    """Write the sum of each row: (N, C) becomes (N, 1)."""
    return writer.node(
        "ReduceSum", [value, writer.constant(np.array([1], dtype=np.int64), "axis")], "total", keepdims=1
    )


def divide_by_row_sum(writer: GraphWriter, value: str, width: int, *, otherwise: str = "uniform") -> str:
    """Divide each row by its sum.

    Args:
        writer: the graph writer.
        value: shape (N, width), not negative.
        width: the number of columns.
        otherwise: the result for a row of zeros: 1 / width in each column for ``uniform``, 0 for ``zero``.
    """
    share = writer.node("Div", [value, row_sum(writer, value)], "share")
    # Only 0 / 0 is NaN here.
    empty = writer.node("IsNaN", [share], "empty")
    replacement = 1.0 / width if otherwise == "uniform" else 0.0
    return writer.node("Where", [empty, writer.constant(np.full((1, 1), replacement), "otherwise"), share], "share")


def label_above(writer: GraphWriter, value: str, threshold: float = 0.0) -> str:
    """Return the label of two classes, (N, 1): 1 if the value is above the threshold, else 0."""
    return writer.cast(
        writer.node("Greater", [value, writer.constant(np.full((1, 1), threshold), "threshold")], "positive")
    )


def label_of_largest(writer: GraphWriter, value: str) -> str:
    """Return the index of each row's largest value, the first of equal values: (N, C) becomes (N, 1), float64."""
    return writer.cast(writer.node("ArgMax", [value], "best", axis=1, keepdims=1))


def scores_by_probability(writer: GraphWriter, probabilities: str) -> Scores:
    """Return the scores of a classifier whose ``predict`` returns the most probable class and that has no decision."""
    return Scores(label_of_largest(writer, probabilities), probabilities)
