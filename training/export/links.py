"""From raw scores to probabilities and labels, with the formulas that scikit-learn uses.

``exp`` differs between NumPy and ONNX Runtime in the last bit, so probabilities agree to about 1e-15, relative. Labels
are decided from what ``predict`` itself looks at: where that is the raw score, no rounding of a probability is in the
way.

A product of matrices has the same bits in NumPy's BLAS (OpenBLAS) and in ONNX Runtime (MLAS): both add the terms of a sum
one after the other, with fused multiply-adds. That ends where one of them splits a long sum, and with a single column,
which BLAS gives to another routine (``gemv``) that adds in several lanes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.export.pen import Pen
from training.export.values import Scores

NARROW = 32
"""Up to so many columns of a product MLAS keeps sums of ``NARROW_TERMS`` in one piece, beyond it ``WIDE_TERMS``."""
NARROW_TERMS = 256
WIDE_TERMS = 128
ONE_COLUMN = "two columns of such sums or more (n_components=2), or the columns themselves in front of it"


def sigmoid(pen: Pen, value: str) -> str:
    """1 / (1 + exp(-x)), as ``scipy.special.expit`` computes it: never NaN, 0 where exp overflows.

    ONNX Runtime's own ``Sigmoid`` takes 1 - 1 / (1 + exp(x)) below zero, which loses the small probabilities.
    """
    return falling_sigmoid(pen, pen.node("Neg", [value]))


def falling_sigmoid(pen: Pen, value: str) -> str:
    """1 / (1 + exp(x)): the sigmoid of -x, of any shape."""
    one = pen.constant(np.ones((1, 1)), "one")
    return pen.node("Div", [one, pen.node("Add", [pen.node("Exp", [value]), one], "odds")], "sigmoid")


def softmax(pen: Pen, value: str) -> str:
    """exp(x - max) / Σ exp(x - max) along each row; shape (N, C) stays."""
    return pen.node("Softmax", [value], axis=1)


def product(pen: Pen, value: str, matrix: NDArray[np.float64]) -> str:
    """Return value · matrix: (N, F) and (F, T) give (N, T).

    Written as ``Gemm``: where a number multiplies or divides what goes into or comes out of a ``MatMul``, ONNX Runtime
    1.31 takes it into the product as a float32 attribute (its ``MatMulScaleFusion``), and seven digits are left.
    """
    made = pen.node("Gemm", [value, pen.constant(matrix, "matrix")], "product")
    mark_product(pen, made, matrix.shape)
    return made


def mark_product(pen: Pen, value: str, shape: tuple[int, ...]) -> None:
    """Say of a product with a matrix of some shape whether its last bits are BLAS's, see ``Pen.unsettle``."""
    terms, width = shape
    if terms == 1 or (width > 1 and terms <= (WIDE_TERMS if width > NARROW else NARROW_TERMS)):
        return
    kind = "one column of sums" if width == 1 else f"sums of {terms} products"
    pen.unsettle(
        value,
        f"{kind}, whose last bits hang on the order in which BLAS adds them up",
        "the columns themselves in front of it, or a linear model behind them" if width > 1 else ONE_COLUMN,
    )


def second_of(pen: Pen, probabilities: str) -> str:
    """Return the second class's probability, (N, 1), of two; what ``both_classes`` was given, where it wrote them."""
    node = pen.graph.producer(probabilities)
    if node is not None and node.op_type == "Concat" and len(node.input) == 2:
        rest = pen.graph.producer(node.input[0])
        if rest is not None and rest.op_type == "Sub" and rest.input[1] == node.input[1]:
            return str(node.input[1])
    return column(pen, probabilities, 1)


def column(pen: Pen, value: str, at: int) -> str:
    """Return one column of a value, (N, 1)."""
    return pen.node("Gather", [value, pen.constant(np.array([at], dtype=np.int64), "column")], "column", axis=1)


def both_classes(pen: Pen, probability: str) -> str:
    """Put the first class's probability, 1 - p, in front of the second's: (N, 1) becomes (N, 2)."""
    rest = pen.node("Sub", [pen.constant(np.ones((1, 1)), "one"), probability], "rest")
    return pen.side_by_side([rest, probability])


def both_scores(pen: Pen, decision: str) -> str:
    """Return (-x, x): (N, 1) becomes (N, 2)."""
    return pen.side_by_side([pen.node("Neg", [decision]), decision])


def row_sum(pen: Pen, value: str) -> str:
    """Add up each row: (N, C) becomes (N, 1)."""
    return pen.node("ReduceSum", [value, pen.constant(np.array([1], dtype=np.int64), "axis")], "total", keepdims=1)


def shares(pen: Pen, value: str, width: int, *, otherwise: str = "uniform") -> str:
    """Divide each row by its sum.

    Args:
        value: shape (N, width), not negative.
        width: how many columns there are.
        otherwise: what a row of zeros becomes: ``uniform`` makes each of its values 1 / width, ``zero`` leaves it.
    """
    share = pen.node("Div", [value, row_sum(pen, value)], "share")
    # Nothing but 0 / 0 is NaN here.
    empty = pen.node("IsNaN", [share], "empty")
    instead = 1.0 / width if otherwise == "uniform" else 0.0
    return pen.node("Where", [empty, pen.constant(np.full((1, 1), instead), "otherwise"), share], "share")


def above(pen: Pen, value: str, threshold: float = 0.0) -> str:
    """Return the label of two classes, (N, 1): 1 where the value is above the threshold, else 0."""
    return pen.cast(pen.node("Greater", [value, pen.constant(np.full((1, 1), threshold), "threshold")], "positive"))


def highest(pen: Pen, value: str) -> str:
    """Return the index of each row's largest value, the first of equals: (N, C) becomes (N, 1), float64."""
    return pen.cast(pen.node("ArgMax", [value], "best", axis=1, keepdims=1))


def by_probability(pen: Pen, probabilities: str) -> Scores:
    """Return what a classifier answers whose ``predict`` takes the most probable class and that has no decision."""
    return Scores(highest(pen, probabilities), probabilities)
