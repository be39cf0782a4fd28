"""Numbers of leaves within their trees."""

from __future__ import annotations

import numpy as np

from tabento.export.graph.leaf_indices import leaf_index_trees
from tabento.export.graph.tree_parts import join
from tabento.export.graph.trees import single_leaf
from tests.tabento.export.graph.example_trees import STUMP, member_tree
from tests.tabento.export.tree_graphs import run_trees


def test_trees_return_the_numbers_of_their_leaves() -> None:
    """Each tree returns the number of its leaf, regardless of the leaves' values and targets."""
    rows = np.array([[3.0, 0.0], [4.0, 1.0], [3.0, np.nan]])
    joined = join([STUMP, single_leaf(5.0), member_tree([3.0]), STUMP], [1, 0, 1, 2], 3)
    np.testing.assert_array_equal(run_trees(leaf_index_trees(joined), rows), [[0, 0, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]])
