"""Distances between rows and fixed points, term by term: Σ f(x - p) over the columns.

The expanded form |x|² - 2x·p + |p|² would be one matrix product, but it loses digits by cancellation: most of them for two
neighbouring points far from the origin. Distances that select neighbours are therefore computed from the differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabento.export.graph.writer import GraphWriter

Term = Callable[[GraphWriter, str], str]
"""Function that writes the term of a difference, a value of any shape."""

TENSOR_LIMIT = 4_096
"""The largest number of differences per row (points times columns) that are computed as one tensor, with few nodes. With
more, the columns are added one at a time: a batch of 1,000 rows would otherwise need hundreds of megabytes."""


def square(writer: GraphWriter, difference: str) -> str:
    """Write the squared difference."""
    return writer.node("Mul", [difference, difference], "square")


def magnitude(writer: GraphWriter, difference: str) -> str:
    """Write the magnitude of the difference."""
    return writer.node("Abs", [difference])


def power(exponent: float, count: int) -> Term:
    """Return the function that writes |x - p| to a power.

    The exponent is stored once per point. ONNX Runtime replaces the power 3 with two products if the exponent is a single
    number, and scikit-learn calls the C library's ``pow``, whose last bit differs.

    Args:
        exponent: the exponent.
        count: the number of points.
    """

    def term(writer: GraphWriter, difference: str) -> str:
        return to_power(writer, magnitude(writer, difference), exponent, count)

    return term


def to_power(writer: GraphWriter, value: str, exponent: float, count: int) -> str:
    """Write a power of a value whose last axis has length ``count``, as the C library's ``pow`` computes it."""
    return writer.node("Pow", [value, writer.constant(np.full(count, exponent), "exponent")])


@dataclass(frozen=True)
class Metric:
    """A Minkowski metric of scikit-learn's neighbour search: a sum of |x - p| to a power, or the largest |x - p|.

    The sum without its root is the reduced distance. It has the same order as the distance.
    """

    exponent: float
    """The exponent p: 1, 2, infinity for the largest difference, or another number."""

    @property
    def largest(self) -> bool:
        """Whether the distance is the largest difference and not a sum."""
        return math.isinf(self.exponent)

    def reduced(self, writer: GraphWriter, value: str, points: NDArray[np.float64]) -> str:
        """Write the reduced distances to all points: (N, D) and (S, D) give (N, S)."""
        if self.exponent == 2.0:
            term: Term = square
        elif self.exponent == 1.0 or self.largest:
            term = magnitude
        else:
            term = power(self.exponent, len(points))
        return column_sums(writer, value, points, term, largest=self.largest)

    def reduced_from_boxes(
        self,
        writer: GraphWriter,
        value: str,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        *,
        farthest: bool = False,
    ) -> str:
        """Write the smallest or largest reduced distances to boxes: (N, D) and bounds of (S, D) give (N, S).

        Squares are written as powers, because scikit-learn computes them in this way for boxes.
        """
        count = len(lower)

        def term(writer: GraphWriter, difference: str) -> str:
            if self.exponent == 1.0 or self.largest:
                return difference
            return to_power(writer, difference, self.exponent, count)

        return column_sums(writer, value, lower, term, largest=self.largest, upper=upper, farthest=farthest)

    def root(self, writer: GraphWriter, reduced: str, count: int) -> str:
        """Write the distance for a reduced distance whose last axis has length ``count``."""
        if self.exponent == 1.0 or self.largest:
            return reduced
        if self.exponent == 2.0:
            return writer.node("Sqrt", [reduced])
        return to_power(writer, reduced, 1.0 / self.exponent, count)

    def unroot(self, writer: GraphWriter, distance: str, count: int) -> str:
        """Write the reduced distance for a distance whose last axis has length ``count``."""
        if self.exponent == 1.0 or self.largest:
            return distance
        return square(writer, distance) if self.exponent == 2.0 else to_power(writer, distance, self.exponent, count)


def column_sums(
    writer: GraphWriter,
    value: str,
    points: NDArray[np.float64],
    term: Term,
    *,
    largest: bool = False,
    upper: NDArray[np.float64] | None = None,
    farthest: bool = False,
) -> str:
    """Write the sum of a term over the columns, in their order.

    Args:
        writer: the graph writer.
        value: shape (N, D).
        points: float64 of shape (S, D).
        term: the function that writes the term of a difference.
        largest: whether to use the largest term instead of the sum.
        upper: float64 of shape (S, D): the upper corners of boxes whose lower corners are ``points``. A difference is then
            the distance from the box along the column, 0 inside the box.
        farthest: whether to use the farther side of a box.

    Returns:
        A value of shape (N, S), with the same bits as a loop over the columns.
    """
    count, width = points.shape

    def differences(column: str, selection: slice) -> str:
        low = writer.constant(points[:, selection].T.copy(), "points")
        if upper is None:
            return writer.node("Sub", [column, low], "difference")
        high = writer.constant(upper[:, selection].T.copy(), "points")
        if farthest:
            sides = [writer.node("Abs", [writer.node("Sub", [column, side])]) for side in (low, high)]
            return writer.node("Max", sides, "difference")
        zero = writer.constant(np.zeros((1, 1)), "zero")
        return writer.node(
            "Max", [writer.node("Sub", [low, column]), writer.node("Sub", [column, high]), zero], "difference"
        )

    if count * width <= TENSOR_LIMIT:
        axis = writer.constant(np.array([2], dtype=np.int64), "axis")
        expanded = writer.node("Unsqueeze", [value, axis], "tall")
        middle = writer.constant(np.array([1], dtype=np.int64), "axis")
        operator = "ReduceMax" if largest else "ReduceSum"
        terms = term(writer, differences(expanded, slice(None)))
        return writer.node(operator, [terms, middle], "distance", keepdims=0)
    columns = writer.nodes("Split", [value], width, axis=1, num_outputs=width) if width > 1 else [value]
    total = ""
    for index, column in enumerate(columns):
        terms = term(writer, differences(column, slice(index, index + 1)))
        total = writer.node("Max" if largest else "Add", [total, terms], "distance") if total else terms
    return total
