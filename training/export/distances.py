"""Distances between rows and a fixed set of points, term by term: Σ f(x - p) over the columns.

The expanded form |x|² - 2x·p + |p|² would be one matrix product, but it cancels: two points that lie close together far
from the origin lose most of their digits. What decides about neighbours is computed from the differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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


def power(exponent: float, count: int) -> Term:
    """Return the term |x - p| to a power.

    The exponent is written once a point: ONNX Runtime replaces the power 3 with two products if it is a single number,
    and scikit-learn calls the C library's ``pow``, whose last bit differs.

    Args:
        exponent: the power.
        count: how many points there are.
    """

    def term(pen: Pen, difference: str) -> str:
        return to_power(pen, magnitude(pen, difference), exponent, count)

    return term


def to_power(pen: Pen, value: str, exponent: float, count: int) -> str:
    """Take a value whose last axis has ``count`` places to a power, as the C library's ``pow`` does."""
    return pen.node("Pow", [value, pen.constant(np.full(count, exponent), "exponent")])


@dataclass(frozen=True)
class Metric:
    """A metric of scikit-learn's search for neighbours: a sum of |x - p| to a power, or the largest |x - p|.

    The sum without its root is the reduced distance; it orders points as the distance does.
    """

    exponent: float
    """The power p: 1, 2, infinite for the largest difference, or another number."""

    @property
    def largest(self) -> bool:
        """Whether the largest difference counts, rather than a sum."""
        return math.isinf(self.exponent)

    def reduced(self, pen: Pen, value: str, points: NDArray[np.float64]) -> str:
        """Write the reduced distances to all points: (N, D) and (S, D) give (N, S)."""
        if self.exponent == 2.0:
            term: Term = square
        elif self.exponent == 1.0 or self.largest:
            term = magnitude
        else:
            term = power(self.exponent, len(points))
        return column_sums(pen, value, points, term, largest=self.largest)

    def reduced_from_boxes(
        self, pen: Pen, value: str, lower: NDArray[np.float64], upper: NDArray[np.float64], *, farthest: bool = False
    ) -> str:
        """Write the smallest, or largest, reduced distances from boxes: (N, D) and bounds of (S, D) give (N, S).

        Squares are written as powers here, as scikit-learn computes them for boxes.
        """
        count = len(lower)

        def term(pen: Pen, difference: str) -> str:
            if self.exponent == 1.0 or self.largest:
                return difference
            return to_power(pen, difference, self.exponent, count)

        return column_sums(pen, value, lower, term, largest=self.largest, upper=upper, farthest=farthest)

    def root(self, pen: Pen, reduced: str, count: int) -> str:
        """Write the distance of a reduced distance whose last axis has ``count`` places."""
        if self.exponent == 1.0 or self.largest:
            return reduced
        if self.exponent == 2.0:
            return pen.node("Sqrt", [reduced])
        return to_power(pen, reduced, 1.0 / self.exponent, count)

    def unroot(self, pen: Pen, distance: str, count: int) -> str:
        """Write the reduced distance of a distance whose last axis has ``count`` places."""
        if self.exponent == 1.0 or self.largest:
            return distance
        return square(pen, distance) if self.exponent == 2.0 else to_power(pen, distance, self.exponent, count)


def column_sums(
    pen: Pen,
    value: str,
    points: NDArray[np.float64],
    term: Term,
    *,
    largest: bool = False,
    upper: NDArray[np.float64] | None = None,
    farthest: bool = False,
) -> str:
    """Add up a term over the columns, in their order.

    Args:
        value: shape (N, D).
        points: float64 of shape (S, D).
        term: what a difference adds.
        largest: take the largest term instead of the sum.
        upper: float64 of shape (S, D): the points are lower corners of boxes, these are the upper ones, and a difference
            is the distance from the box along the column, 0 inside it.
        farthest: of boxes, take the distance from the farther side.

    Returns:
        A value of shape (N, S); the additions are those of a loop over the columns, bit for bit.
    """
    count, width = points.shape

    def differences(column: str, some: slice) -> str:
        low = pen.constant(points[:, some].T.copy(), "points")
        if upper is None:
            return pen.node("Sub", [column, low], "difference")
        high = pen.constant(upper[:, some].T.copy(), "points")
        if farthest:
            sides = [pen.node("Abs", [pen.node("Sub", [column, side])]) for side in (low, high)]
            return pen.node("Max", sides, "difference")
        zero = pen.constant(np.zeros((1, 1)), "zero")
        return pen.node("Max", [pen.node("Sub", [low, column]), pen.node("Sub", [column, high]), zero], "difference")

    if count * width <= TENSOR_LIMIT:
        axis = pen.constant(np.array([2], dtype=np.int64), "axis")
        tall = pen.node("Unsqueeze", [value, axis], "tall")
        middle = pen.constant(np.array([1], dtype=np.int64), "axis")
        operator = "ReduceMax" if largest else "ReduceSum"
        added = term(pen, differences(tall, slice(None)))
        return pen.node(operator, [added, middle], "distance", keepdims=0)
    columns = pen.nodes("Split", [value], width, axis=1, num_outputs=width) if width > 1 else [value]
    total = ""
    for at, column in enumerate(columns):
        added = term(pen, differences(column, slice(at, at + 1)))
        total = pen.node("Max" if largest else "Add", [total, added], "distance") if total else added
    return total
