"""The order of a search: leaves in the order in which scikit-learn visits them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import BallTree, KDTree

from tabento.export.formulas.distances import Metric
from tabento.export.formulas.search_order import least_distances, search_tree, visits
from tests.tabento.export.estimator_graphs import run_value, table

POINTS, ROWS = table(90, 3), table(40, 3, seed=7)


@pytest.mark.parametrize("kind", [KDTree, BallTree])
def test_tree_is_read(kind: type[KDTree | BallTree]) -> None:
    """Every training row is in one leaf, and all leaves have the same depth."""
    tree = search_tree(kind(POINTS, leaf_size=10))
    assert (tree.leaves, tree.nodes) == (8, 15)
    np.testing.assert_array_equal(np.sort(tree.rows), np.arange(90))
    np.testing.assert_array_equal(np.bincount(tree.leaf_of_position), np.diff(tree.starts))
    assert tree.ball == (kind is BallTree)


@pytest.mark.parametrize("kind", [KDTree, BallTree])
@pytest.mark.parametrize(("metric", "exponent"), [("euclidean", 2.0), ("manhattan", 1.0), ("chebyshev", np.inf)])
def test_nearer_child_is_visited_first(kind: type[KDTree | BallTree], metric: str, exponent: float) -> None:
    """As a walk over the nodes visits them."""
    tree = search_tree(kind(POINTS, leaf_size=10, metric=metric))
    order = run_value(lambda writer, value: writer.cast(visits(writer, tree, Metric(exponent), value).order), ROWS)
    bounds = run_value(lambda writer, value: least_distances(writer, tree, Metric(exponent), value), ROWS)

    def walk(row: int, node: int) -> list[int]:
        inner = tree.nodes // 2
        if node >= inner:
            return list(range(tree.starts[node - inner], tree.starts[node - inner + 1]))
        left, right = 2 * node + 1, 2 * node + 2
        pair = (left, right) if bounds[row, left] <= bounds[row, right] else (right, left)
        return walk(row, pair[0]) + walk(row, pair[1])

    np.testing.assert_array_equal(order, [walk(row, 0) for row in range(len(ROWS))])
