"""Ensembles that are joined from several trees, and split into parts."""

from __future__ import annotations

import numpy as np
import pytest

from tabento.export.graph.leaf_indices import leaf_index_trees
from tabento.export.graph.tree_parts import join, split_trees
from tabento.export.graph.trees import single_leaf
from tests.tabento.export.graph.example_trees import STUMP, member_tree
from tests.tabento.export.tree_graphs import run_trees


def test_joined_trees_add_to_their_targets() -> None:
    """Joined trees keep their nodes and leaves, and add to the targets in the call."""
    rows = np.array([[9.0, 0.0], [3.0, 1.0]])
    joined = join([STUMP, single_leaf(5.0), member_tree([3.0])], [1, 0, 1], 3)
    np.testing.assert_array_equal(run_trees(joined, rows), [[5, 30, 0], [5, 30, 0]])
    np.testing.assert_array_equal(run_trees(join([STUMP, STUMP, single_leaf(1.5)]), rows), [[21.5], [41.5]])


@pytest.mark.parametrize("nodes", [1, 2, 3, 100])
def test_parts_add_up_to_the_ensemble(nodes: int) -> None:
    """The parts contain whole trees in their order, and their sum is the answer of the ensemble."""
    trees = join([STUMP, single_leaf(2.0), member_tree([3.0]), STUMP, member_tree([1.0, 9.0])], [0, 1, 1, 0, 1], 2)
    rows = np.array([[3.0, 0.0], [9.0, 1.0], [np.nan, np.nan]])
    parts = list(split_trees(trees, nodes))
    assert [len(part.roots) for part in parts] == {1: [1] * 5, 2: [2, 2, 1], 3: [3, 2], 100: [5]}[nodes]
    np.testing.assert_array_equal(sum(run_trees(part, rows) for part in parts), run_trees(trees, rows))
    leaves = [run_trees(leaf_index_trees(part), rows) for part in parts]
    np.testing.assert_array_equal(np.concatenate(leaves, axis=1), run_trees(leaf_index_trees(trees), rows))
