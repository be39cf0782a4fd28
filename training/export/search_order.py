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


@dataclass(frozen=True)
class Visits:
    """Names of what a search does for R rows with S training rows, in a tree with L levels below its root.

    Attributes:
        order: int64 of shape (R, S), the places of ``SearchTree.rows``, the first visited first.
        bounds: float64 of shape (R, L, S), in the order of the visits: the smallest reduced distance from the node that
            holds the place on each level. The search leaves out a node whose bound is above the farthest neighbour.
        starts: float64 of shape (R, L, S): the number of the visit with which that node begins.
    """

    order: str
    bounds: str
    starts: str


def visits(pen: Pen, tree: SearchTree, metric: Metric, value: str) -> Visits:
    """Write the order in which a tree's places are visited.

    Args:
        pen: writes.
        tree: with more than one leaf.
        metric: that of the tree.
        value: the rows that ask, shape (R, D).
    """
    bound = least_distances(pen, tree, metric, value)
    inner, size = tree.nodes // 2, len(tree.rows)
    left = np.arange(inner, dtype=np.int64) * 2 + 1
    near = [pen.node("Gather", [bound, pen.constant(side, "children")], axis=1) for side in (left, left + 1)]
    # 1 where the right child comes first.
    swapped = pen.cast(pen.node("Greater", near, "swapped"))
    turns, fixed = _beginnings(tree)
    start = pen.node("MatMul", [swapped, pen.constant(turns, "turns")])
    start = pen.node("Add", [start, pen.constant(fixed, "fixed")], "start")
    leaf = tree.leaf_of_place
    offset = (np.arange(size) - tree.starts[leaf]).astype(np.float64)[np.newaxis]
    of_leaf = pen.node("Gather", [start, pen.constant(inner + leaf, "leaves")], axis=1)
    position = pen.node("Add", [of_leaf, pen.constant(offset, "offset")], "position")
    everything = pen.constant(np.array([size], dtype=np.int64), "rows")
    order = pen.nodes("TopK", [position, everything], 2, axis=1, largest=0, sorted=1)[1]
    # The nodes above each place, from the root's children to the leaf: (L, S).
    above = [inner + leaf]
    while above[0].any() and above[0].max() > 2:
        above.insert(0, (above[0] - 1) // 2)
    nodes = pen.constant(np.stack(above), "above")
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    levels = pen.constant(np.array([1, len(above), 1], dtype=np.int64), "levels")
    along = pen.node("Tile", [pen.node("Unsqueeze", [order, axis]), levels], "along")
    found = [
        pen.node("GatherElements", [pen.node("Gather", [one, nodes], axis=1), along], axis=2) for one in (bound, start)
    ]
    return Visits(order, *found)


def _beginnings(tree: SearchTree) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how the visit with which a node begins follows from the nodes that are swapped: swapped · turns + fixed.

    Shapes (inner, nodes) and (1, nodes). A node waits for the other child of each node above it, if that comes first.
    """
    inner = tree.nodes // 2
    sizes = np.zeros(tree.nodes)
    sizes[inner:] = np.diff(tree.starts)
    for node in reversed(range(inner)):
        sizes[node] = sizes[2 * node + 1] + sizes[2 * node + 2]
    turns, fixed = np.zeros((inner, tree.nodes)), np.zeros((1, tree.nodes))
    for node in range(1, tree.nodes):
        parent, right = (node - 1) // 2, node % 2 == 0
        turns[:, node], fixed[0, node] = turns[:, parent], fixed[0, parent]
        if right:
            turns[parent, node] = -sizes[node - 1]
            fixed[0, node] += sizes[node - 1]
        else:
            turns[parent, node] = sizes[node + 1]
    return turns, fixed


def least_distances(pen: Pen, tree: SearchTree, metric: Metric, value: str) -> str:
    """Write the smallest reduced distance of each row from each node of a tree: (N, D) becomes (N, nodes)."""
    if not tree.ball:
        return metric.reduced_from_boxes(pen, value, tree.lower, tree.upper)
    distance = metric.root(pen, metric.reduced(pen, value, tree.lower), tree.nodes)
    outside = pen.node("Sub", [distance, pen.constant(tree.radii[np.newaxis], "radii")])
    zero = pen.constant(np.zeros((1, 1)), "zero")
    return metric.unroot(pen, pen.node("Max", [outside, zero], "outside"), tree.nodes)
