"""Nodes: which rows come to an inner node of a tree, and to which side they go.

A threshold is tested only by a row that comes to its node. Deep in a tree that is a small part of all rows, so the row
that is put on a threshold has to be one of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.export.leaves import reached_leaves
from training.export.trees import EQ, GTE, LEQ, LT, Trees, tree_of_leaf

NOBODY = -1
"""In place of a row where none comes there."""


@dataclass(frozen=True)
class Nodes:
    """The inner nodes of one estimator's trees to which rows come, K of them."""

    owner: Any
    """The fitted estimator."""
    columns: NDArray[np.int64]
    """(K,) the column that is compared."""
    values: NDArray[np.float64]
    """(K,) the double that is told from the next one above."""
    left: NDArray[np.int64]
    """(K,) a row that comes here and goes to the side below, or ``NOBODY``."""
    right: NDArray[np.int64]
    """(K,) a row that comes here and goes to the side above, or ``NOBODY``."""

    def select(self, kept: NDArray[Any]) -> Nodes:
        """Return some of the nodes."""
        return Nodes(self.owner, self.columns[kept], self.values[kept], self.left[kept], self.right[kept])


def visited_nodes(owner: Any, grown: Sequence[Trees], given: Any) -> list[Nodes]:
    """Return the nodes that rows come to, by the estimator's own leaves.

    Args:
        owner: a fitted estimator.
        grown: its trees as they were exported, one entry for each ensemble of the graph.
        given: what the pipeline gives the estimator for N rows.

    Returns:
        One entry for each of the ensembles; none where the library does not tell which leaves it reaches.
    """
    leaves = reached_leaves(owner, given)
    counts = [len(trees.roots) for trees in grown]
    if leaves is None or leaves.shape[1] not in (sum(counts), *counts):
        return []
    found, start = [], 0
    for trees, count in zip(grown, counts, strict=True):
        # Several ensembles hold either parts of the trees or, one for each class, all of them.
        mine = leaves[:, start : start + count] if leaves.shape[1] == sum(counts) else leaves[:, :count]
        start += count
        found.append(_visited(owner, trees, mine))
    return found


def _visited(owner: Any, trees: Trees, leaves: NDArray[np.int64]) -> Nodes:
    """Walk from the leaves up to the roots, and note at each node a row that came from either side."""
    inner = len(trees.splits)
    above_leaf, leaf_side = np.full(len(trees.leaves), -1), np.zeros(len(trees.leaves), dtype=bool)
    above_node, node_side = np.full(inner, -1), np.zeros(inner, dtype=bool)
    for children, is_leaf, side in ((trees.true, trees.true_leaf, True), (trees.false, trees.false_leaf, False)):
        places = np.arange(inner)
        ends = is_leaf == 1
        above_leaf[children[ends]], leaf_side[children[ends]] = places[ends], side
        above_node[children[~ends]], node_side[children[~ends]] = places[~ends], side
    tree, _ = tree_of_leaf(trees)
    first = np.searchsorted(tree, np.arange(len(trees.roots)))
    rows = np.broadcast_to(np.arange(len(leaves))[:, np.newaxis], leaves.shape).ravel()
    ends = (leaves + first[np.newaxis]).ravel()
    seen = {True: np.full(inner, NOBODY), False: np.full(inner, NOBODY)}
    node, side = above_leaf[ends], leaf_side[ends]
    while len(node):
        for way in (True, False):
            seen[way][node[side == way]] = rows[side == way]
        node, side = above_node[node], node_side[node]
        rows, side, node = rows[node >= 0], side[node >= 0], node[node >= 0]
    modes = np.full(inner, LEQ) if trees.modes is None else trees.modes
    # "Below t" is "at most the double before t"; where it is asked whether x > t, the true side is above.
    values = np.where(np.isin(modes, (LT, GTE)), np.nextafter(trees.splits, -np.inf), trees.splits)
    below = np.isin(modes, (LEQ, LT))
    left, right = np.where(below, seen[True], seen[False]), np.where(below, seen[False], seen[True])
    leads_nowhere = (trees.true == trees.false) & (trees.true_leaf == trees.false_leaf)
    kept = (modes < EQ) & np.isfinite(values) & ~leads_nowhere & ((left >= 0) | (right >= 0))
    return Nodes(owner, trees.features, values, left, right).select(kept)
