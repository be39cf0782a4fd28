"""Reached leaves: the fitted estimator tells, and what is written tells the same."""

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

from tests.training.export.grown import Written, labels, numbers, table, target
from training.export.leaves import numbered, reached_leaves

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
    ids=lambda given: type(given).__name__,
)
def test_estimators_tell(model: Any, trees: int) -> None:
    """One leaf per row and tree, from 0 on; all leaves of training are reached by training rows."""
    model.fit(X, labels(X, 0, 1, 2))
    found = reached_leaves(model, X)
    assert found is not None
    assert found.shape == (len(X), trees)
    assert found.dtype == np.int64
    assert (found.min(axis=0) == 0).all()
    assert all(len(np.unique(column)) == column.max() + 1 for column in found.T)
    leaves = Written(model, numbers(5, nullable=not isinstance(model, GradientBoostingClassifier))).leaves(ROWS)[0]
    np.testing.assert_array_equal(leaves, reached_leaves(model, ROWS))


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(3, random_state=0),
        GradientBoostingClassifier(n_estimators=2),
        HistGradientBoostingRegressor(max_iter=2),
    ],
)
def test_frames_are_taken(model: Any) -> None:
    """What an estimator sees may be a frame, where it was fitted on one."""
    names = [f"x{at}" for at in range(X.shape[1])]
    model.fit(pd.DataFrame(X, columns=names), labels(X, 0, 1, 2))
    found = reached_leaves(model, pd.DataFrame(ROWS, columns=names))
    np.testing.assert_array_equal(
        Written(model, numbers(5, nullable=not isinstance(model, GradientBoostingClassifier))).leaves(ROWS)[0], found
    )


def test_another_branch_shows() -> None:
    """A threshold that is moved shows in the leaves, even where the leaves say the same."""
    model = DecisionTreeRegressor(max_depth=4).fit(X, target(X))
    first = float(model.tree_.threshold[0])
    before = reached_leaves(model, ROWS)
    model.tree_.threshold[0] = first + 1.0
    after = reached_leaves(model, ROWS)
    assert before is not None
    assert after is not None
    moved = (ROWS[:, model.tree_.feature[0]] > first) & (ROWS[:, model.tree_.feature[0]] <= first + 1.0)
    np.testing.assert_array_equal((before != after)[:, 0], moved)


def test_estimators_without_trees_do_not_tell() -> None:
    """What has no leaves has none to compare."""
    assert reached_leaves(LinearRegression().fit(X, target(X)), X) is None


def test_numbers_of_leaves() -> None:
    """Leaves are numbered in the order of nodes."""
    leaf = np.array([False, True, False, True, True])
    np.testing.assert_array_equal(numbered(leaf, np.array([4, 1, 3.0])), [2, 0, 1])
