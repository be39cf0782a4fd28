"""Histogram gradient boosting, regression and classification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn._loss.loss import HalfBinomialLoss, HalfTweedieLoss
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from tabento.export.errors import ExportError
from tests.tabento.export.tree_graphs import check, labels, numbers, table, target

X = table(missing=0.1)
ROWS = table(seed=5, missing=0.1)
LAST_BITS = {"probabilities": 1e-15}
"""ONNX Runtime's exponential differs from NumPy's in the last bit."""


@pytest.mark.parametrize(
    "model",
    [
        HistGradientBoostingRegressor(max_iter=100),
        HistGradientBoostingRegressor(max_iter=20, max_leaf_nodes=2),
        HistGradientBoostingRegressor(max_iter=20, loss="absolute_error"),
        HistGradientBoostingRegressor(max_iter=20, loss="quantile", quantile=0.3),
        HistGradientBoostingRegressor(max_iter=300, early_stopping=True, learning_rate=0.5, random_state=0),
        HistGradientBoostingRegressor(max_iter=10, monotonic_cst=[1, 0, 0, 0, 0], interaction_cst="pairwise"),
    ],
    ids=lambda model: f"{model.loss}-{model.max_iter}",
)
def test_regressors_answer_bit_for_bit(model: Any) -> None:
    """Missing values take the learned side, and the sums are the same doubles."""
    check(model.fit(X, target(X)), ROWS)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_exponential_behind_the_sum(loss: str) -> None:
    """Losses with an exponential agree up to its last bit."""
    model = HistGradientBoostingRegressor(loss=loss, max_iter=20).fit(X, np.exp(target(X) / 4))
    check(model, ROWS, loose={"values": 1e-15})


@pytest.mark.parametrize("names", [("no", "yes"), (7, 3, 5), (True, False)], ids=str)
def test_classifiers(names: tuple[Any, ...]) -> None:
    """The decision is the same double, and the label is that of ``predict``."""
    model = HistGradientBoostingClassifier(max_iter=30, class_weight="balanced")
    check(model.fit(X, labels(X, *names)), ROWS, loose=LAST_BITS)


def test_two_classes_at_zero() -> None:
    """A decision of 0 is the first class, because ``predict`` tests whether it is above 0."""
    rows = np.zeros((40, 3))
    model = HistGradientBoostingClassifier(max_iter=2).fit(rows, ["a", "b"] * 20)
    assert (model.decision_function(rows) == 0).all()
    assert (model.predict(rows) == "a").all()
    check(model, rows, frame=rows)


def test_many_equal_classes() -> None:
    """The first class wins among equal sums."""
    rows = np.zeros((60, 3))
    check(HistGradientBoostingClassifier(max_iter=2).fit(rows, [3, 1, 2] * 20), rows, frame=rows, loose=LAST_BITS)


def test_warm_start_and_weights() -> None:
    """Trees that were added later belong to the sum."""
    weights = np.random.default_rng(0).random(len(X))
    model = HistGradientBoostingRegressor(max_iter=5, warm_start=True).fit(X, target(X), sample_weight=weights)
    check(model.set_params(max_iter=9).fit(X, target(X), sample_weight=weights), ROWS)


def test_trees_of_one_leaf() -> None:
    """A model that learned only the mean is a tree without a split."""
    check(HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=len(X)).fit(X, target(X)), ROWS)


def test_flags_for_missing_values_are_spared() -> None:
    """If the contract excludes missing values, no node tests for NaN."""
    present = table()
    model = HistGradientBoostingRegressor(max_iter=5).fit(X, target(X))
    graph = check(model, present, numbers(5, nullable=False), present)
    assert not graph.trees[0].missing.any()


def test_losses_as_objects() -> None:
    """A loss object predicts through its link; an unknown link is refused."""
    tweedie = HistGradientBoostingRegressor(max_iter=5, loss=HalfTweedieLoss(power=1.5))
    check(tweedie.fit(X, np.exp(target(X) / 4)), ROWS, loose={"values": 1e-15})
    binomial = HistGradientBoostingRegressor(max_iter=2, loss=HalfBinomialLoss()).fit(X, labels(X, 0, 1))
    with pytest.raises(ExportError, match="predicts through LogitLink"):
        check(binomial, X)
    classes = HistGradientBoostingClassifier(max_iter=2, loss=HalfBinomialLoss()).fit(X, labels(X, 0, 1))
    with pytest.raises(ExportError, match="its loss is an object"):
        check(classes, X)


def test_one_class_is_refused() -> None:
    """A model of one class is refused, because scikit-learn gives it two probabilities."""
    model = HistGradientBoostingClassifier(max_iter=2).fit(X, np.zeros(len(X)))
    with pytest.raises(ExportError, match="one class only"):
        check(model, X)


def test_no_trees_are_refused() -> None:
    """A model without trees is refused, because no tree can hold the baseline."""
    model = HistGradientBoostingRegressor(max_iter=1).fit(X, target(X))
    model._predictors = []
    with pytest.raises(ExportError, match=r"no trees.*max_iter"):
        check(model, X)
