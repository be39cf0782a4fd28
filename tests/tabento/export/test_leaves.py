"""Reached leaves: the leaves of the fitted estimator and of its exported trees are equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from tabento.export.leaves import leaf_numbers, reached_leaves
from tests.tabento.export.tree_graphs import EstimatorGraph, labels, numbers, table, target

X = table()
ROWS = table(seed=5)


@pytest.mark.parametrize(
    ("model", "trees"),
    [
        (DecisionTreeRegressor(max_depth=5), 1),
        (RandomForestRegressor(7, random_state=0), 7),
        (ExtraTreesClassifier(6, max_depth=5, random_state=0), 6),
        (GradientBoostingClassifier(n_estimators=4), 12),
        (HistGradientBoostingClassifier(max_iter=4), 12),
        (HistGradientBoostingRegressor(max_iter=5), 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_estimators_return_leaves(model: Any, trees: int) -> None:
    """The leaf numbers of each tree start at 0, and training rows reach every leaf."""
    model.fit(X, labels(X, 0, 1, 2))
    leaves = reached_leaves(model, X)
    assert leaves is not None
    assert leaves.shape == (len(X), trees)
    assert leaves.dtype == np.int64
    assert (leaves.min(axis=0) == 0).all()
    assert all(len(np.unique(column)) == column.max() + 1 for column in leaves.T)
    is_nullable = not isinstance(model, GradientBoostingClassifier)
    graph_leaves = EstimatorGraph(model, numbers(5, nullable=is_nullable)).leaves(ROWS)[0]
    np.testing.assert_array_equal(graph_leaves, reached_leaves(model, ROWS))


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(3, random_state=0),
        GradientBoostingClassifier(n_estimators=2),
        HistGradientBoostingRegressor(max_iter=2),
    ],
)
def test_frames_are_accepted(model: Any) -> None:
    """An estimator that was fitted on a frame is called with a frame."""
    names = [f"x{column}" for column in range(X.shape[1])]
    model.fit(pd.DataFrame(X, columns=names), labels(X, 0, 1, 2))
    leaves = reached_leaves(model, pd.DataFrame(ROWS, columns=names))
    np.testing.assert_array_equal(
        EstimatorGraph(model, numbers(5, nullable=not isinstance(model, GradientBoostingClassifier))).leaves(ROWS)[0],
        leaves,
    )


def test_another_branch_changes_the_leaves() -> None:
    """A changed threshold changes the leaves, also if the leaves' values are equal."""
    model = DecisionTreeRegressor(max_depth=4).fit(X, target(X))
    first = float(model.tree_.threshold[0])
    before = reached_leaves(model, ROWS)
    model.tree_.threshold[0] = first + 1.0
    after = reached_leaves(model, ROWS)
    assert before is not None
    assert after is not None
    changed_mask = (ROWS[:, model.tree_.feature[0]] > first) & (ROWS[:, model.tree_.feature[0]] <= first + 1.0)
    np.testing.assert_array_equal((before != after)[:, 0], changed_mask)


def test_estimators_without_trees_have_no_leaves() -> None:
    """An estimator without trees has no leaves."""
    assert reached_leaves(LinearRegression().fit(X, target(X)), X) is None


def test_numbers_of_leaves() -> None:
    """Leaves are numbered in the order of nodes."""
    leaf = np.array([False, True, False, True, True])
    np.testing.assert_array_equal(leaf_numbers(leaf, np.array([4, 1, 3.0])), [2, 0, 1])
