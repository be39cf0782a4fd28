"""Trees as the arrays of one TreeEnsemble."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from tests.training.export.grown import run_trees
from training.export.trees import (
    LEQ,
    MEMBER,
    Trees,
    float32_splits,
    in_parts,
    join,
    leaf_index_trees,
    single_leaf,
    tree,
)

STUMP = tree(
    leaf=np.array([False, True, True]),
    features=np.array([1, 0, 0]),
    splits=np.array([0.5, 0.0, 0.0]),
    missing=np.array([1, 0, 0]),
    left=np.array([1, -1, -1]),
    right=np.array([2, -1, -1]),
    values=np.array([0.0, 10.0, 20.0]),
)
"""10 where column 1 is at most a half or missing, else 20."""


def _of_members(members: list[float]) -> Trees:
    """Return a tree that says 10 where column 0 is one of some numbers, else 20."""
    return tree(
        leaf=np.array([False, True, True]),
        features=np.array([0, 0, 0]),
        splits=np.zeros(3),
        missing=np.zeros(3),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        values=np.array([0.0, 10.0, 20.0]),
        modes=np.array([MEMBER, LEQ, LEQ], dtype=np.uint8),
        members=(np.array(members),),
    )


def test_one_tree() -> None:
    """Left is at most the threshold, and missing where the node says so."""
    rows = np.array([[9.0, 0.5], [9.0, np.nextafter(0.5, 1)], [9.0, np.nan], [9.0, np.inf], [9.0, -np.inf]])
    np.testing.assert_array_equal(run_trees(STUMP, rows)[:, 0], [10, 20, 10, 20, 10])


def test_trees_together() -> None:
    """Joined trees keep their nodes and leaves, and add to the targets that are named."""
    rows = np.array([[9.0, 0.0], [3.0, 1.0]])
    joined = join([STUMP, single_leaf(5.0), _of_members([3.0])], [1, 0, 1], 3)
    np.testing.assert_array_equal(run_trees(joined, rows), [[5, 30, 0], [5, 30, 0]])
    np.testing.assert_array_equal(run_trees(join([STUMP, STUMP, single_leaf(1.5)]), rows), [[21.5], [41.5]])


@pytest.mark.parametrize("trees", [STUMP, join([STUMP, single_leaf(2.0), _of_members([1.0, 7.0]), _of_members([4.0])])])
def test_arrays_survive_the_node(trees: Trees) -> None:
    """Written into a node and read back, the arrays are the same."""
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
def test_sets_of_integers(members: list[float]) -> None:
    """A set of codes is exact for every integer, however large the set, for unknown (-1) and for missing."""
    rows = np.array([*range(-3, 260), 2.0**31 + 5, 2.0**32 + 31, -(2.0**32), np.nan])[:, np.newaxis]
    wanted = np.where(np.isin(rows[:, 0], members), 10, 20)
    np.testing.assert_array_equal(run_trees(_of_members([float(value) for value in members]), rows)[:, 0], wanted)


def test_leaves_by_number() -> None:
    """Each tree tells the number of its leaf, whatever its leaves add and to which target."""
    rows = np.array([[3.0, 0.0], [4.0, 1.0], [3.0, np.nan]])
    joined = join([STUMP, single_leaf(5.0), _of_members([3.0]), STUMP], [1, 0, 1, 2], 3)
    np.testing.assert_array_equal(run_trees(leaf_index_trees(joined), rows), [[0, 0, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]])


MOST = float(np.finfo(np.float32).max)
POSITIVE = [0.0, 1.0, 5e-324, 1e-46, 1.5e-45, 1e-38, 0.1, 16777217.0, MOST, 3.4028235677973366e38, 1e39, 1e308]
SPECIAL = np.array([*POSITIVE, *(-value for value in POSITIVE), np.inf, 2.0])
GENERATOR = np.random.default_rng(0)
RANDOM = GENERATOR.normal(size=2000) * 10.0 ** GENERATOR.integers(-40, 38, 2000)
BETWEEN = RANDOM.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize(
    "thresholds",
    [SPECIAL, RANDOM, BETWEEN, (RANDOM + BETWEEN) / 2],
    ids=["special", "random", "float32", "between"],
)
def test_thresholds_on_float32_rows(thresholds: NDArray[np.float64]) -> None:
    """The new threshold is the last double whose float32 rounding is at most the old one."""
    found = float32_splits(thresholds)
    with np.errstate(over="ignore"):
        rounded = found.astype(np.float32).astype(np.float64)
        beyond = np.nextafter(found, np.inf).astype(np.float32).astype(np.float64)
    assert (rounded <= thresholds).all()
    assert (beyond > thresholds)[np.isfinite(thresholds)].all()
    np.testing.assert_array_equal(float32_splits(thresholds.reshape(2, -1)).ravel(), found)


@pytest.mark.parametrize("nodes", [1, 2, 3, 100])
def test_an_ensemble_in_parts(nodes: int) -> None:
    """The parts hold whole trees in their order, and say together what the ensemble says."""
    trees = join([STUMP, single_leaf(2.0), _of_members([3.0]), STUMP, _of_members([1.0, 9.0])], [0, 1, 1, 0, 1], 2)
    rows = np.array([[3.0, 0.0], [9.0, 1.0], [np.nan, np.nan]])
    parts = list(in_parts(trees, nodes))
    assert [len(part.roots) for part in parts] == {1: [1] * 5, 2: [2, 2, 1], 3: [3, 2], 100: [5]}[nodes]
    np.testing.assert_array_equal(sum(run_trees(part, rows) for part in parts), run_trees(trees, rows))
    leaves = [run_trees(leaf_index_trees(part), rows) for part in parts]
    np.testing.assert_array_equal(np.concatenate(leaves, axis=1), run_trees(leaf_index_trees(trees), rows))
