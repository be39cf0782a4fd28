"""The order in which scikit-learn's search for neighbours meets the training rows.

It decides which of equally far rows is a neighbour. A tree (``kd_tree``, ``ball_tree``) visits the nearer child of each
node first, and the left one if both are equally far; inside a leaf the rows come in the tree's own order. Brute force
meets them in the order of training. Source: ``sklearn/neighbors/_binary_tree.pxi.tp``, ``_kd_tree.pyx.tp`` and
``_ball_tree.pyx.tp`` of scikit-learn 1.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.export.distances import Metric
from training.export.pen import Pen


@dataclass(frozen=True)
class SearchTree:
    """What a fitted ``KDTree`` or ``BallTree`` says of itself. All leaves lie equally deep.

    Attributes:
        rows: (S,) int64, the numbers of the training rows in the order of the leaves.
        starts: (leaves + 1,) where each leaf begins in ``rows``.
        lower, upper: (nodes, D) the bounds of each node; of a ball both are its centre.
        radii: (nodes,) the radius of each ball; zeros for boxes.
        ball: whether the nodes are balls.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    radii: NDArray[np.float64]
    ball: bool

    @property
    def nodes(self) -> int:
        """How many nodes there are, leaves included."""
        return len(self.lower)

    @property
    def leaves(self) -> int:
        """How many leaves there are: a power of two."""
        return (self.nodes + 1) // 2

    @property
    def leaf_of_place(self) -> NDArray[np.int64]:
        """(S,) the number of the leaf that holds each place of ``rows``."""
        return np.repeat(np.arange(self.leaves, dtype=np.int64), np.diff(self.starts))


def search_tree(tree: Any) -> SearchTree:
    """Read a fitted ``KDTree`` or ``BallTree``."""
    _, rows, nodes, bounds = (np.asarray(part) for part in tree.get_arrays())
    ball = "Ball" in type(tree).__name__
    first = len(nodes) // 2
    starts = np.append(nodes["idx_start"][first:], len(rows)).astype(np.int64)
    lower, upper = bounds[0], bounds[0 if ball else 1]
    radii = nodes["radius"] if ball else np.zeros(len(nodes))
    return SearchTree(
        rows.astype(np.int64),
        starts,
        np.asarray(lower, dtype=np.float64),
        np.asarray(upper, dtype=np.float64),
        np.asarray(radii, dtype=np.float64),
        ball,
    )


def visiting_order(pen: Pen, tree: SearchTree, metric: Metric, value: str) -> str:
    """Write the order in which a tree's places are visited.

    Args:
        pen: writes.
        tree: with more than one leaf.
        metric: that of the tree.
        value: the rows that ask, shape (N, D).

    Returns:
        int64 of shape (N, S): for each row the places of ``tree.rows``, the first visited first.
    """
    lower_bound = least_distances(pen, tree, metric, value)
    inner = tree.nodes // 2
    left = np.arange(inner, dtype=np.int64) * 2 + 1
    near = [pen.node("Gather", [lower_bound, pen.constant(side, "children")], axis=1) for side in (left, left + 1)]
    # 1 where the right child comes first.
    swapped = pen.cast(pen.node("Greater", near, "swapped"))
    turns, fixed = _ranks(inner, tree.leaves)
    rank = pen.node("Add", [pen.node("MatMul", [swapped, pen.constant(turns, "turns")]), pen.constant(fixed, "fixed")])
    of_place = pen.node("Gather", [rank, pen.constant(tree.leaf_of_place, "leaves")], axis=1)
    count = len(tree.rows)
    whole = pen.node("Mul", [of_place, pen.constant(np.full((1, 1), float(count)), "rows")])
    key = pen.node("Add", [whole, pen.constant(np.arange(count, dtype=np.float64)[np.newaxis], "places")], "key")
    everything = pen.constant(np.array([count], dtype=np.int64), "rows")
    return pen.nodes("TopK", [key, everything], 2, axis=1, largest=0, sorted=1)[1]


def _ranks(inner: int, leaves: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how the rank of a leaf follows from the nodes that are swapped: rank = swapped · turns + fixed.

    Shapes (inner, leaves) and (1, leaves). A leaf's rank is a number in base two, one digit for each node above it: 1
    if the node's other child is visited first.
    """
    turns, fixed = np.zeros((inner, leaves)), np.zeros((1, leaves))
    for leaf in range(leaves):
        node, weight = inner + leaf, 1.0
        while node:
            parent, right = (node - 1) // 2, node % 2 == 0
            turns[parent, leaf] = -weight if right else weight
            fixed[0, leaf] += weight if right else 0.0
            node, weight = parent, 2.0 * weight
    return turns, fixed


def least_distances(pen: Pen, tree: SearchTree, metric: Metric, value: str) -> str:
    """Write the smallest reduced distance of each row from each node of a tree: (N, D) becomes (N, nodes)."""
    if not tree.ball:
        return metric.reduced_from_boxes(pen, value, tree.lower, tree.upper)
    distance = metric.root(pen, metric.reduced(pen, value, tree.lower), tree.nodes)
    outside = pen.node("Sub", [distance, pen.constant(tree.radii[np.newaxis], "radii")])
    zero = pen.constant(np.zeros((1, 1)), "zero")
    return metric.unroot(pen, pen.node("Max", [outside, zero], "outside"), tree.nodes)
