"""Gradient boosting: scaled float32 trees on top of a start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.training.export import grown, sparse_columns
from tests.training.export.grown import Written, labels, numbers, table, target
from training.export.errors import ExportError

X = table()
ROWS = table(seed=5)
LAST_BITS = {"probabilities": 1e-15}


def check(model: Any, rows: Any, **more: Any) -> Written:
    """Compare a model with its graph on numbers that are never missing: it raises on others."""
    return grown.check(model, rows, numbers(rows.shape[1], nullable=False), **more)


"""ONNX Runtime's exponential differs from NumPy's in the last bit."""


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
@pytest.mark.parametrize("init", [None, "zero", DummyRegressor(strategy="median")])
def test_regressors_answer_bit_for_bit(loss: str, init: Any) -> None:
    """Start and trees are the same sum, whatever the loss."""
    check(GradientBoostingRegressor(loss=loss, init=init, n_estimators=15).fit(X, target(X)), ROWS)


def test_more_trees_than_a_block() -> None:
    """ONNX Runtime takes another way through more than 80 trees; the sums stay the same."""
    check(GradientBoostingRegressor(n_estimators=130, max_depth=2, learning_rate=0.3).fit(X, target(X)), ROWS)


@pytest.mark.parametrize("loss", ["log_loss", "exponential"])
@pytest.mark.parametrize("init", [None, "zero", DummyClassifier(strategy="most_frequent")])
def test_two_classes(loss: str, init: Any) -> None:
    """The decision is the same double and the label its sign."""
    model = GradientBoostingClassifier(loss=loss, init=init, n_estimators=15)
    check(model.fit(X, labels(X, "no", "yes")), ROWS, loose=LAST_BITS)


def test_two_classes_at_zero() -> None:
    """A decision of 0 is the second class: ``predict`` asks whether it is at least 0."""
    rows = np.zeros((20, 3))
    model = GradientBoostingClassifier(init="zero", n_estimators=3).fit(rows, ["a", "b"] * 10)
    assert (model.decision_function(rows) == 0).all()
    assert (model.predict(rows) == "b").all()
    check(model, rows, frame=rows)


@pytest.mark.parametrize("init", [None, "zero"])
def test_many_classes(init: Any) -> None:
    """Each class has a sum of its own."""
    check(GradientBoostingClassifier(init=init, n_estimators=10).fit(X, labels(X, 9, 4, 6)), ROWS, loose=LAST_BITS)


def test_start_that_depends_on_the_row() -> None:
    """A tree or a forest may give the start; it is added after the trees instead of before, which is a last bit."""
    loose = {"values": 1e-15, "decision": 2e-15, "probabilities": 1e-15}
    start = DecisionTreeRegressor(max_depth=3)
    written = check(GradientBoostingRegressor(init=start, n_estimators=15).fit(X, target(X)), ROWS, loose=loose)
    assert [type(estimator).__name__ for estimator in written.estimators] == [
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
    """A linear start would be computed in float32."""
    model = GradientBoostingRegressor(init=LinearRegression(), n_estimators=2).fit(X, target(X))
    with pytest.raises(ExportError, match=r"init=LinearRegression.*float32.*init='zero'"):
        check(model, X)


def test_random_start_is_refused() -> None:
    """A start by lot cannot be exported."""
    model = GradientBoostingClassifier(init=DummyClassifier(strategy="uniform", random_state=0), n_estimators=2)
    with pytest.raises(ExportError, match="init=DummyClassifier"):
        check(model.fit(X, labels(X, 0, 1)), X)


def test_early_stopping_weights_and_warm_start() -> None:
    """Only the stages that are left are exported, and those that were added later."""
    weights = np.random.default_rng(0).random(len(X))
    stopped = GradientBoostingRegressor(n_estimators=500, learning_rate=0.5, n_iter_no_change=2, random_state=0)
    stopped.fit(X, target(X), sample_weight=weights)
    assert stopped.n_estimators_ < 500
    check(stopped, ROWS)
    grown = GradientBoostingRegressor(n_estimators=5, warm_start=True, subsample=0.5, random_state=0)
    check(grown.fit(X, target(X)).set_params(n_estimators=9).fit(X, target(X)), ROWS)


def test_trees_of_one_leaf() -> None:
    """A model that learned nothing but its start."""
    check(GradientBoostingRegressor(n_estimators=3, min_samples_leaf=len(X)).fit(X, target(X)), X[:60])


def test_sparse_matrix() -> None:
    """Behind a sparse one-hot encoder the leaves are compared too."""
    report = sparse_columns.proven(GradientBoostingRegressor(n_estimators=10))
    assert report.trees == 10
    assert not report.unread_ensembles
    sparse_columns.proven(GradientBoostingClassifier(n_estimators=10))
