"""Lookups: functions of one column that are constant between boundaries, written as trees.

A balanced tree finds the piece that a value lies in with a handful of comparisons, in double and exactly, and costs one
node for all columns together. Being trees, they take part in folding: a boundary behind a logarithm becomes a
boundary of the raw column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.export.pen import Pen
from training.export.trees import Trees


@dataclass(frozen=True)
class Pieces:
    """A function of one number that is constant between boundaries."""

    boundaries: NDArray[np.float64]
    """(B,) rising: piece i ends with ``boundaries[i]``, inclusive."""
    values: NDArray[np.float64]
    """(B + 1,) the function's value in each piece."""
    missing: float
    """Its value for NaN."""


def below(edges: ArrayLike) -> NDArray[np.float64]:
    """Return the boundaries of pieces that begin with the given edges: the largest doubles below them."""
    return np.asarray(np.nextafter(np.asarray(edges, dtype=np.float64), -np.inf))


def at_points(points: ArrayLike, values: ArrayLike, otherwise: float, missing: float) -> Pieces:
    """Return the function that takes each point to its value and everything else to one value.

    Args:
        points: (K,) distinct and finite, in any order.
        values: (K,) what they become.
        otherwise: what every other number becomes.
        missing: what NaN becomes.
    """
    order = np.argsort(np.asarray(points, dtype=np.float64))
    boundaries: list[float] = []
    leaves = [otherwise]
    for point, value in zip(np.asarray(points)[order], np.asarray(values)[order], strict=True):
        if not boundaries or boundaries[-1] != below(point):
            boundaries.append(float(below(point)))
        else:
            leaves.pop()  # nothing lies between two neighbouring doubles
        boundaries.append(float(point))
        leaves += [float(value), otherwise]
    return Pieces(np.array(boundaries), np.array(leaves), missing)


def look_up(pen: Pen, value: str, functions: Sequence[Pieces]) -> str:
    """Write one function per column.

    Args:
        pen: where it is written.
        value: shape (N, columns).
        functions: one per column.

    Returns:
        A value of shape (N, columns). Nothing stands for it in the ensembles that parity compares with estimators.
    """
    trees = pieces_as_trees(functions)
    return pen.ensemble(value, trees, "pieces")


def pieces_as_trees(functions: Sequence[Pieces]) -> Trees:
    """Return trees of which the i-th reads column i and answers target i."""
    builder = _Builder()
    for column, function in enumerate(functions):
        builder.add(column, function)
    return builder.trees()


class _Builder:
    """Collects the trees of all columns."""

    def __init__(self) -> None:
        self._roots: list[int] = []
        self._features: list[int] = []
        self._splits: list[float] = []
        self._sides: list[list[tuple[int, bool]]] = []
        self._leaves: list[float] = []
        self._targets: list[int] = []

    def add(self, column: int, function: Pieces) -> None:
        """Add one column's tree. Its root parts NaN, which is not at most infinity, from the numbers."""
        root = self._node(column, np.inf)
        self._roots.append(root)
        self._sides[root] = [
            self._tree(column, function, 0, len(function.boundaries)),
            (self._leaf(column, function.missing), True),
        ]

    def _tree(self, column: int, function: Pieces, low: int, high: int) -> tuple[int, bool]:
        """Write pieces ``low`` to ``high``, inclusive; return where and whether that is a leaf."""
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
