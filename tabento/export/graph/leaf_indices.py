"""Numbers of leaves within their trees, and ensembles that return them instead of the leaves' values."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from tabento.export.graph.trees import Trees


def tree_of_leaf(trees: Trees) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each leaf the number of its tree, and its own number within that tree; int64 of shape (L,) each."""
    roots = np.array(trees.roots, dtype=np.int64)
    tree_of_node = np.searchsorted(roots, np.arange(len(trees.splits)), side="right") - 1
    owner = np.zeros(len(trees.leaves), dtype=np.int64)
    for side, is_leaf in ((trees.true, trees.true_leaf), (trees.false, trees.false_leaf)):
        reaches = is_leaf == 1
        owner[side[reaches]] = tree_of_node[reaches]
    first = np.searchsorted(owner, np.arange(len(roots)))
    return owner, np.arange(len(owner)) - first[owner]


def leaf_index_trees(trees: Trees) -> Trees:
    """Return the same trees with one target per tree, to which a leaf adds its number within the tree.

    The output of this ``TreeEnsemble`` is the number of the leaf that a row reaches in each tree: float64, (N, trees).
    """
    owner, number = tree_of_leaf(trees)
    return dataclasses.replace(trees, leaves=number.astype(np.float64), targets=owner, n_targets=len(trees.roots))
