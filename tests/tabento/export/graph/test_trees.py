"""Trees as the arrays of one TreeEnsemble."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tabento.export.graph.tree_parts import join
from tabento.export.graph.trees import Trees, single_leaf
from tests.tabento.export.graph.example_trees import STUMP, member_tree
from tests.tabento.export.tree_graphs import run_trees


def test_a_row_goes_left_up_to_the_threshold() -> None:
    """A row goes left if its cell is at most the threshold, or if the cell is missing and the node sends missing values left."""
    rows = np.array([[9.0, 0.5], [9.0, np.nextafter(0.5, 1)], [9.0, np.nan], [9.0, np.inf], [9.0, -np.inf]])
    np.testing.assert_array_equal(run_trees(STUMP, rows)[:, 0], [10, 20, 10, 20, 10])


@pytest.mark.parametrize("trees", [STUMP, join([STUMP, single_leaf(2.0), member_tree([1.0, 7.0]), member_tree([4.0])])])
def test_arrays_survive_the_node(trees: Trees) -> None:
    """The arrays that are read back from a node are equal to the arrays that were written."""
    read = Trees.of_node(helper.make_node("TreeEnsemble", ["x"], ["y"], **trees.attributes()))
    assert read.targets is not None
    assert read.modes is not None
    for name in ("roots", "features", "splits", "missing", "true", "true_leaf", "false", "false_leaf", "leaves"):
        np.testing.assert_array_equal(getattr(read, name), getattr(trees, name))
    np.testing.assert_array_equal(read.is_threshold(), trees.is_threshold())
    assert [list(values) for values in read.members] == [list(values) for values in trees.members]


@pytest.mark.parametrize(
    "members", [[0], [1], [0, 1, 2], [3, 5, 30], [31], [0, 31], list(range(31)), list(range(0, 250, 2))]
)
def test_sets_of_integers_are_exact(members: list[float]) -> None:
    """A set of codes of any size gives the right answer for every integer, for unknown (-1) and for missing."""
    rows = np.array([*range(-3, 260), 2.0**31 + 5, 2.0**32 + 31, -(2.0**32), np.nan])[:, np.newaxis]
    expected = np.where(np.isin(rows[:, 0], members), 10, 20)
    np.testing.assert_array_equal(run_trees(member_tree([float(value) for value in members]), rows)[:, 0], expected)
