"""Distances between rows and a fixed set of points, term by term: Σ f(x - p) over the columns.

The expanded form |x|² - 2x·p + |p|² would be one matrix product, but it cancels: two points that lie close together far
from the origin lose most of their digits. What decides about neighbours is computed from the differences.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.export.pen import Pen

Term = Callable[[Pen, str], str]
"""Writes what one difference adds; any shape."""

TENSOR_LIMIT = 4_096
"""Up to so many differences a row (points times columns) they are one tensor, which takes few nodes. Beyond it, columns
are added one by one: a batch of 1,000 rows would otherwise fill hundreds of megabytes."""


def square(pen: Pen, difference: str) -> str:
    """The squared difference."""
    return pen.node("Mul", [difference, difference], "square")


def magnitude(pen: Pen, difference: str) -> str:
    """The difference without its sign."""
    return pen.node("Abs", [difference])


def power(exponent: float) -> Term:
    """Return the term |x - p| to a power."""

    def term(pen: Pen, difference: str) -> str:
        return pen.node("Pow", [magnitude(pen, difference), pen.constant(np.full((1, 1), exponent), "exponent")])

    return term


def column_sums(pen: Pen, value: str, points: NDArray[np.float64], term: Term, *, largest: bool = False) -> str:
    """Add up a term over the columns, in their order.

    Args:
        value: shape (N, D).
        points: float64 of shape (S, D).
        term: what a difference adds.
        largest: take the largest term instead of the sum.

    Returns:
        A value of shape (N, S); the additions are those of a loop over the columns, bit for bit.
    """
    count, width = points.shape
    if count * width <= TENSOR_LIMIT:
        axis = pen.constant(np.array([2], dtype=np.int64), "axis")
        tall = pen.node("Unsqueeze", [value, axis], "tall")
        difference = pen.node("Sub", [tall, pen.constant(points.T.copy(), "points")], "difference")
        middle = pen.constant(np.array([1], dtype=np.int64), "axis")
        operator = "ReduceMax" if largest else "ReduceSum"
        return pen.node(operator, [term(pen, difference), middle], "distance", keepdims=0)
    columns = pen.nodes("Split", [value], width, axis=1, num_outputs=width) if width > 1 else [value]
    total = ""
    for at, column in enumerate(columns):
        difference = pen.node("Sub", [column, pen.constant(points[:, at][np.newaxis].copy(), "points")], "difference")
        added = term(pen, difference)
        total = pen.node("Max" if largest else "Add", [total, added], "distance") if total else added
    return total
