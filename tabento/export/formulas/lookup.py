"""Lookups: step functions of one column, written as trees.

A balanced tree finds the piece that contains a value with few exact comparisons in double, and one node computes all
columns. Folding also applies to these trees: a boundary after a logarithm becomes a boundary of the raw column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabento.export.graph.trees import Trees
from tabento.export.graph.writer import GraphWriter


@dataclass(frozen=True)
class StepFunction:
    """A function of one number that is constant between boundaries."""

    boundaries: NDArray[np.float64]
    """(B,) ascending: piece i ends at ``boundaries[i]``, inclusive."""
    values: NDArray[np.float64]
    """(B + 1,) the function's value in each piece."""
    missing: float
    """The function's value for NaN."""


def boundaries_below(edges: ArrayLike) -> NDArray[np.float64]:
    """Return the boundaries of pieces that begin at some edges: the largest double below each edge."""
    return np.asarray(np.nextafter(np.asarray(edges, dtype=np.float64), -np.inf))


def step_function_at_points(points: ArrayLike, values: ArrayLike, otherwise: float, missing: float) -> StepFunction:
    """Return the function that has a value at each point and one other value everywhere else.

    Args:
        points: (K,) distinct and finite, in any order.
        values: (K,) the function's values at the points.
        otherwise: its value at every other number.
        missing: its value for NaN.
    """
    order = np.argsort(np.asarray(points, dtype=np.float64))
    boundaries: list[float] = []
    leaves = [otherwise]
    for point, value in zip(np.asarray(points)[order], np.asarray(values)[order], strict=True):
        if not boundaries or boundaries[-1] != boundaries_below(point):
            boundaries.append(float(boundaries_below(point)))
        else:
            leaves.pop()  # there is no double between two neighbouring doubles
        boundaries.append(float(point))
        leaves += [float(value), otherwise]
    return StepFunction(np.array(boundaries), np.array(leaves), missing)


def look_up(writer: GraphWriter, value: str, functions: Sequence[StepFunction]) -> str:
    """Write one step function per column.

    Args:
        writer: the graph writer.
        value: shape (N, columns).
        functions: one per column.

    Returns:
        A value of shape (N, columns). Its trees belong to no estimator, so parity does not compare their leaves.
    """
    trees = step_functions_as_trees(functions)
    return writer.ensemble(value, trees, "pieces")


def step_functions_as_trees(functions: Sequence[StepFunction]) -> Trees:
    """Return one tree per function; tree i reads column i and adds to target i."""
    builder = _StepFunctionTrees()
    for column, function in enumerate(functions):
        builder.add(column, function)
    return builder.trees()


class _StepFunctionTrees:
    """Builder of one ensemble with a tree for each column."""

    def __init__(self) -> None:
        self._roots: list[int] = []
        self._features: list[int] = []
        self._splits: list[float] = []
        self._sides: list[list[tuple[int, bool]]] = []
        self._leaves: list[float] = []
        self._targets: list[int] = []

    def add(self, column: int, function: StepFunction) -> None:
        """Add one column's tree. Its root separates numbers from NaN, because NaN is not at most infinity."""
        root = self._node(column, np.inf)
        self._roots.append(root)
        self._sides[root] = [
            self._tree(column, function, 0, len(function.boundaries)),
            (self._leaf(column, function.missing), True),
        ]

    def _tree(self, column: int, function: StepFunction, low: int, high: int) -> tuple[int, bool]:
        """Add pieces ``low`` to ``high``, inclusive. Return the index of the node or leaf, and whether it is a leaf."""
        if low == high:
            return self._leaf(column, float(function.values[low])), True
        middle = (low + high) // 2
        node = self._node(column, float(function.boundaries[middle]))
        self._sides[node] = [
            self._tree(column, function, low, middle),
            self._tree(column, function, middle + 1, high),
        ]
        return node, False

    def _node(self, column: int, split: float) -> int:
        self._features.append(column)
        self._splits.append(split)
        self._sides.append([])
        return len(self._splits) - 1

    def _leaf(self, column: int, value: float) -> int:
        self._leaves.append(value)
        self._targets.append(column)
        return len(self._leaves) - 1

    def trees(self) -> Trees:
        """Return all trees."""
        sides = np.array(self._sides, dtype=np.int64)
        return Trees(
            roots=self._roots,
            features=np.array(self._features, dtype=np.int64),
            splits=np.array(self._splits),
            missing=np.zeros(len(self._splits), dtype=np.int64),
            true=sides[:, 0, 0],
            true_leaf=sides[:, 0, 1],
            false=sides[:, 1, 0],
            false_leaf=sides[:, 1, 1],
            leaves=np.array(self._leaves),
            targets=np.array(self._targets, dtype=np.int64),
            n_targets=len(self._roots),
        )
