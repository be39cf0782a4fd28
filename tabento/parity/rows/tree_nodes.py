"""Nodes: the rows that reach an inner node of a tree, and the side to which they go.

A threshold is tested only by a row that reaches its node. Deep in a tree these are few of all rows, so the row that is set to
a threshold must be one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.export.graph.leaf_indices import tree_of_leaf
from tabento.export.graph.trees import EQ, GTE, LEQ, LT, Trees
from tabento.export.leaves import reached_leaves

NO_ROW = -1
"""The index of a row if no row reaches the node."""


@dataclass(frozen=True)
class Nodes:
    """The K inner nodes of one estimator's trees that rows reach."""

    owner: Any
    """The fitted estimator."""
    columns: NDArray[np.int64]
    """(K,) the column that is compared."""
    values: NDArray[np.float64]
    """(K,) the double that the node distinguishes from the next larger one."""
    left: NDArray[np.int64]
    """(K,) a row that reaches the node and goes to the lower side, or ``NO_ROW``."""
    right: NDArray[np.int64]
    """(K,) a row that reaches the node and goes to the upper side, or ``NO_ROW``."""

    def select(self, mask: NDArray[Any]) -> Nodes:
        """Return the nodes of a mask or of indices."""
        return Nodes(self.owner, self.columns[mask], self.values[mask], self.left[mask], self.right[mask])


def visited_nodes(owner: Any, exported_trees: Sequence[Trees], inputs: Any) -> list[Nodes]:
    """Return the nodes that rows reach, by the estimator's own leaves.

    Args:
        owner: a fitted estimator.
        exported_trees: its trees as they were exported, one entry for each ensemble of the graph.
        inputs: the estimator's input for N rows.

    Returns:
        One entry for each of the ensembles; none if the library does not return the leaves of a row.
    """
    leaves = reached_leaves(owner, inputs)
    counts = [len(trees.roots) for trees in exported_trees]
    if leaves is None or leaves.shape[1] not in (sum(counts), *counts):
        return []
    nodes, start = [], 0
    for trees, count in zip(exported_trees, counts, strict=True):
        # Several ensembles contain either parts of the trees or, one for each class, all trees.
        ensemble_leaves = leaves[:, start : start + count] if leaves.shape[1] == sum(counts) else leaves[:, :count]
        start += count
        nodes.append(_visited_nodes_of(owner, trees, ensemble_leaves))
    return nodes


def _visited_nodes_of(owner: Any, trees: Trees, leaves: NDArray[np.int64]) -> Nodes:
    """Go from the leaves up to the roots, and store at each node a row from either side."""
    count = len(trees.splits)
    parent_of_leaf, leaf_side = np.full(len(trees.leaves), -1), np.zeros(len(trees.leaves), dtype=bool)
    parent_of_node, node_side = np.full(count, -1), np.zeros(count, dtype=bool)
    for children, is_leaf, side in ((trees.true, trees.true_leaf, True), (trees.false, trees.false_leaf, False)):
        parents = np.arange(count)
        ends = is_leaf == 1
        parent_of_leaf[children[ends]], leaf_side[children[ends]] = parents[ends], side
        parent_of_node[children[~ends]], node_side[children[~ends]] = parents[~ends], side
    tree, _ = tree_of_leaf(trees)
    first = np.searchsorted(tree, np.arange(len(trees.roots)))
    rows = np.broadcast_to(np.arange(len(leaves))[:, np.newaxis], leaves.shape).ravel()
    ends = (leaves + first[np.newaxis]).ravel()
    row_at = {True: np.full(count, NO_ROW), False: np.full(count, NO_ROW)}
    node, side = parent_of_leaf[ends], leaf_side[ends]
    while len(node):
        for is_true in (True, False):
            row_at[is_true][node[side == is_true]] = rows[side == is_true]
        node, side = parent_of_node[node], node_side[node]
        rows, side, node = rows[node >= 0], side[node >= 0], node[node >= 0]
    modes = np.full(count, LEQ) if trees.modes is None else trees.modes
    # "Less than t" is "at most the double before t". If the condition is x > t, the true side is the upper one.
    values = np.where(np.isin(modes, (LT, GTE)), np.nextafter(trees.splits, -np.inf), trees.splits)
    is_true_lower = np.isin(modes, (LEQ, LT))
    left, right = (
        np.where(is_true_lower, row_at[True], row_at[False]),
        np.where(is_true_lower, row_at[False], row_at[True]),
    )
    has_one_child = (trees.true == trees.false) & (trees.true_leaf == trees.false_leaf)
    mask = (modes < EQ) & np.isfinite(values) & ~has_one_child & ((left >= 0) | (right >= 0))
    return Nodes(owner, trees.features, values, left, right).select(mask)
