"""The order in which scikit-learn's neighbour search visits the training rows.

It decides which of equally distant rows are neighbours. A tree (``kd_tree``, ``ball_tree``) visits the nearer child of
each node first, and the left one if both have the same distance. Inside a leaf the rows have the tree's own order. Brute
force visits them in the order of training. Source: ``sklearn/neighbors/_binary_tree.pxi.tp``, ``_kd_tree.pyx.tp`` and
``_ball_tree.pyx.tp`` of scikit-learn 1.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.export.formulas.distances import Metric
from tabento.export.graph.writer import GraphWriter


@dataclass(frozen=True)
class SearchTree:
    """The arrays of a fitted ``KDTree`` or ``BallTree``. All leaves have the same depth.

    Attributes:
        rows: (S,) int64, the numbers of the training rows in the order of the leaves.
        starts: (leaves + 1,) the start of each leaf in ``rows``.
        lower, upper: (nodes, D) the bounds of each node; for a ball both are its centre.
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
        """The number of nodes, including leaves."""
        return len(self.lower)

    @property
    def leaves(self) -> int:
        """The number of leaves, a power of two."""
        return (self.nodes + 1) // 2

    @property
    def leaf_of_position(self) -> NDArray[np.int64]:
        """(S,) for each position in ``rows`` the number of its leaf."""
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
    """Names of the values that describe a search for R rows in S training rows, in a tree with L levels below its root.

    Attributes:
        order: int64 of shape (R, S), the positions in ``SearchTree.rows`` in the order of the visits.
        bounds: float64 of shape (R, L, S), in the order of the visits: on each level the smallest reduced distance from
            the node that contains the position. The search skips a node whose bound is above the farthest neighbour.
        starts: float64 of shape (R, L, S): the number of the first visit inside that node.
    """

    order: str
    bounds: str
    starts: str


def visits(writer: GraphWriter, tree: SearchTree, metric: Metric, value: str) -> Visits:
    """Write the order in which a tree's positions are visited.

    Args:
        writer: the graph writer.
        tree: a tree with more than one leaf.
        metric: the tree's metric.
        value: the rows that are searched for, shape (R, D).
    """
    bound = least_distances(writer, tree, metric, value)
    inner, size = tree.nodes // 2, len(tree.rows)
    left = np.arange(inner, dtype=np.int64) * 2 + 1
    child_bounds = [
        writer.node("Gather", [bound, writer.constant(side, "children")], axis=1) for side in (left, left + 1)
    ]
    # 1 if the right child is first.
    swapped = writer.cast(writer.node("Greater", child_bounds, "swapped"))
    coefficients, fixed = _first_visits(tree)
    start = writer.node("MatMul", [swapped, writer.constant(coefficients, "turns")])
    start = writer.node("Add", [start, writer.constant(fixed, "fixed")], "start")
    leaf = tree.leaf_of_position
    offset = (np.arange(size) - tree.starts[leaf]).astype(np.float64)[np.newaxis]
    leaf_start = writer.node("Gather", [start, writer.constant(inner + leaf, "leaves")], axis=1)
    position = writer.node("Add", [leaf_start, writer.constant(offset, "offset")], "position")
    size_constant = writer.constant(np.array([size], dtype=np.int64), "rows")
    order = writer.nodes("TopK", [position, size_constant], 2, axis=1, largest=0, sorted=1)[1]
    # The nodes that contain each position, from the root's children to the leaf: (L, S).
    levels_of_nodes = [inner + leaf]
    while levels_of_nodes[0].any() and levels_of_nodes[0].max() > 2:
        levels_of_nodes.insert(0, (levels_of_nodes[0] - 1) // 2)
    nodes = writer.constant(np.stack(levels_of_nodes), "above")
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    levels = writer.constant(np.array([1, len(levels_of_nodes), 1], dtype=np.int64), "levels")
    along = writer.node("Tile", [writer.node("Unsqueeze", [order, axis]), levels], "along")
    visited = [
        writer.node("GatherElements", [writer.node("Gather", [table, nodes], axis=1), along], axis=2)
        for table in (bound, start)
    ]
    return Visits(order, *visited)


def _first_visits(tree: SearchTree) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the linear formula for the number of the first visit in each node: swapped · coefficients + fixed.

    The shapes are (inner, nodes) and (1, nodes). A node is visited after its sibling, and after the sibling of each node
    that contains it, if that sibling is first.
    """
    inner = tree.nodes // 2
    sizes = np.zeros(tree.nodes)
    sizes[inner:] = np.diff(tree.starts)
    for node in reversed(range(inner)):
        sizes[node] = sizes[2 * node + 1] + sizes[2 * node + 2]
    coefficients, fixed = np.zeros((inner, tree.nodes)), np.zeros((1, tree.nodes))
    for node in range(1, tree.nodes):
        parent, right = (node - 1) // 2, node % 2 == 0
        coefficients[:, node], fixed[0, node] = coefficients[:, parent], fixed[0, parent]
        if right:
            coefficients[parent, node] = -sizes[node - 1]
            fixed[0, node] += sizes[node - 1]
        else:
            coefficients[parent, node] = sizes[node + 1]
    return coefficients, fixed


def least_distances(writer: GraphWriter, tree: SearchTree, metric: Metric, value: str) -> str:
    """Write the smallest reduced distance of each row from each node of a tree: (N, D) becomes (N, nodes)."""
    if not tree.ball:
        return metric.reduced_from_boxes(writer, value, tree.lower, tree.upper)
    distance = metric.root(writer, metric.reduced(writer, value, tree.lower), tree.nodes)
    outside = writer.node("Sub", [distance, writer.constant(tree.radii[np.newaxis], "radii")])
    zero = writer.constant(np.zeros((1, 1)), "zero")
    return metric.unroot(writer, writer.node("Max", [outside, zero], "outside"), tree.nodes)
