"""Gradient boosting: scaled float32 trees on top of a start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tabento.export.errors import ExportError
from tests.tabento.export import sparse_columns, tree_graphs
from tests.tabento.export.tree_graphs import EstimatorGraph, labels, numbers, table, target

X = table()
ROWS = table(seed=5)
LAST_BITS = {"probabilities": 1e-15}


def check(model: Any, rows: Any, **options: Any) -> EstimatorGraph:
    """Compare a model with its graph on numbers that are never missing, because the model raises on missing ones."""
    return tree_graphs.check(model, rows, numbers(rows.shape[1], nullable=False), **options)


"""ONNX Runtime's exponential differs from NumPy's in the last bit."""


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
@pytest.mark.parametrize("init", [None, "zero", DummyRegressor(strategy="median")])
def test_regressors_answer_bit_for_bit(loss: str, init: Any) -> None:
    """The start and the trees give the same sum for every loss."""
    check(GradientBoostingRegressor(loss=loss, init=init, n_estimators=15).fit(X, target(X)), ROWS)


def test_more_trees_than_a_block() -> None:
    """ONNX Runtime evaluates more than 80 trees in another way; the sums stay the same."""
    check(GradientBoostingRegressor(n_estimators=130, max_depth=2, learning_rate=0.3).fit(X, target(X)), ROWS)


@pytest.mark.parametrize("loss", ["log_loss", "exponential"])
@pytest.mark.parametrize("init", [None, "zero", DummyClassifier(strategy="most_frequent")])
def test_two_classes(loss: str, init: Any) -> None:
    """The decision is the same double, and the label is its sign."""
    model = GradientBoostingClassifier(loss=loss, init=init, n_estimators=15)
    check(model.fit(X, labels(X, "no", "yes")), ROWS, loose=LAST_BITS)


def test_two_classes_at_zero() -> None:
    """A decision of 0 is the second class, because ``predict`` tests whether it is at least 0."""
    rows = np.zeros((20, 3))
    model = GradientBoostingClassifier(init="zero", n_estimators=3).fit(rows, ["a", "b"] * 10)
    assert (model.decision_function(rows) == 0).all()
    assert (model.predict(rows) == "b").all()
    check(model, rows, frame=rows)


@pytest.mark.parametrize("init", [None, "zero"])
def test_many_classes(init: Any) -> None:
    """Each class has its own sum."""
    check(GradientBoostingClassifier(init=init, n_estimators=10).fit(X, labels(X, 9, 4, 6)), ROWS, loose=LAST_BITS)


def test_start_that_depends_on_the_row() -> None:
    """The start of a tree or a forest is added after the trees instead of before, which can change the last bit."""
    loose = {"values": 1e-15, "decision": 2e-15, "probabilities": 1e-15}
    start = DecisionTreeRegressor(max_depth=3)
    graph = check(GradientBoostingRegressor(init=start, n_estimators=15).fit(X, target(X)), ROWS, loose=loose)
    assert [type(estimator).__name__ for estimator in graph.estimators] == [
        "GradientBoostingRegressor",
        "DecisionTreeRegressor",
    ]
    for names in ("ab", "abc"):
        for init in (RandomForestClassifier(5, max_depth=3, random_state=0), DecisionTreeClassifier(max_depth=2)):
            model = GradientBoostingClassifier(init=init, n_estimators=10)
            check(model.fit(X, labels(X, *names)), ROWS, loose=loose)
    model = GradientBoostingClassifier(init=DecisionTreeClassifier(max_depth=2), loss="exponential", n_estimators=10)
    check(model.fit(X, labels(X, *"ab")), ROWS, loose=loose)


def test_start_in_float32_is_refused() -> None:
    """A linear start is refused, because it computes in float32."""
    model = GradientBoostingRegressor(init=LinearRegression(), n_estimators=2).fit(X, target(X))
    with pytest.raises(ExportError, match=r"init=LinearRegression.*float32.*init='zero'"):
        check(model, X)


def test_random_start_is_refused() -> None:
    """A random start is refused."""
    model = GradientBoostingClassifier(init=DummyClassifier(strategy="uniform", random_state=0), n_estimators=2)
    with pytest.raises(ExportError, match="init=DummyClassifier"):
        check(model.fit(X, labels(X, 0, 1)), X)


def test_early_stopping_weights_and_warm_start() -> None:
    """Only the remaining stages are exported, and the stages that were added later."""
    weights = np.random.default_rng(0).random(len(X))
    stopped = GradientBoostingRegressor(n_estimators=500, learning_rate=0.5, n_iter_no_change=2, random_state=0)
    stopped.fit(X, target(X), sample_weight=weights)
    assert stopped.n_estimators_ < 500
    check(stopped, ROWS)
    boosted = GradientBoostingRegressor(n_estimators=5, warm_start=True, subsample=0.5, random_state=0)
    check(boosted.fit(X, target(X)).set_params(n_estimators=9).fit(X, target(X)), ROWS)


def test_trees_of_one_leaf() -> None:
    """A model that learned only its start is exported."""
    check(GradientBoostingRegressor(n_estimators=3, min_samples_leaf=len(X)).fit(X, target(X)), X[:60])


def test_sparse_matrix() -> None:
    """After a sparse one-hot encoder the leaves are equal too."""
    report = sparse_columns.prove_pipeline(GradientBoostingRegressor(n_estimators=10))
    assert report.trees == 10
    assert not report.unread_ensembles
    sparse_columns.prove_pipeline(GradientBoostingClassifier(n_estimators=10))
