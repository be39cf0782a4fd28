"""CatBoost: float32 columns, sums in double, trees of every growth policy."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

from tabento.bundle.contract import Feature
from tabento.export.errors import ExportError
from tests.tabento.export.tree_graphs import check, contract_of, numbers, table, target
from tests.tabento.export.tree_graphs import labels as labelled

catboost = pytest.importorskip("catboost", reason="the dependency group catboost is not installed: make test-others")
pytestmark = pytest.mark.others

X = table()
HOLES = table(missing=0.1)
ROWS = table(seed=5)
LAST_BITS = 2.0**-50
"""``exp`` differs in its last bits."""
SMALL: dict[str, Any] = {
    "iterations": 20,
    "depth": 4,
    "learning_rate": 0.3,
    "thread_count": 1,
    "verbose": 0,
    "allow_writing_files": False,
}


def test_sums_bit_for_bit() -> None:
    """More than 80 trees are added in double from 0, then the bias; rows on borders take CatBoost's side."""
    check(catboost.CatBoostRegressor(**{**SMALL, "iterations": 90}).fit(X, target(X)), ROWS)


@pytest.mark.parametrize("policy", ["Depthwise", "Lossguide"])
def test_trees_that_are_not_symmetric(policy: str) -> None:
    """Each node has its own split, and a branch may end early."""
    check(catboost.CatBoostRegressor(grow_policy=policy, **SMALL).fit(X, target(X)), ROWS)
    model = catboost.CatBoostClassifier(grow_policy=policy, **SMALL).fit(HOLES, labelled(HOLES, 0, 1, 2))
    check(model, table(seed=5, missing=0.2), loose={"probabilities": LAST_BITS})


@pytest.mark.parametrize("trained_on", [X, HOLES], ids=["complete", "holes"])
@pytest.mark.parametrize("mode", ["Min", "Max"])
def test_missing_values(trained_on: Any, mode: str) -> None:
    """NaN is below all borders or above all of them; below if training had none."""
    model = catboost.CatBoostRegressor(nan_mode=mode, **SMALL).fit(trained_on, target(trained_on))
    check(model, table(seed=5, missing=0.2))


@pytest.mark.parametrize(
    "loss", ["MAE", "Quantile:alpha=0.7", "Huber:delta=1", "LogCosh", "Poisson", "Tweedie:variance_power=1.5"]
)
def test_losses(loss: str) -> None:
    """The answer is the sum, or its exponential for counts."""
    model = catboost.CatBoostRegressor(loss_function=loss, **SMALL).fit(X, np.abs(target(X)))
    check(model, ROWS, loose={"values": LAST_BITS})


def test_several_outputs() -> None:
    """A leaf holds a number for each output."""
    model = catboost.CatBoostRegressor(loss_function="MultiRMSE", **SMALL)
    check(model.fit(X, np.stack([target(X), -3 * target(X)], axis=1)), ROWS)


def test_two_classes() -> None:
    """The label is the second class if the sum is above 0, or above the threshold of a probability."""
    model = catboost.CatBoostClassifier(**SMALL).fit(X, labelled(X, "no", "yes"))
    check(model, ROWS, loose={"probabilities": LAST_BITS})
    model.set_probability_threshold(0.7)
    check(model, ROWS, loose={"probabilities": LAST_BITS})
    rare = catboost.CatBoostClassifier(**{**SMALL, "iterations": 1}).fit(X, labelled(X, 0, 1))
    rare.set_scale_and_bias(1e-300, 0.0)
    check(rare, ROWS, loose={"probabilities": LAST_BITS})


@pytest.mark.parametrize("loss", ["MultiClass", "MultiClassOneVsAll"])
def test_many_classes(loss: str) -> None:
    """Each class has a sum in double; the label is the first of the largest."""
    model = catboost.CatBoostClassifier(loss_function=loss, **SMALL).fit(X, labelled(X, 3, 5, 9))
    check(model, ROWS, loose={"probabilities": LAST_BITS})


def test_early_stopping_scale_and_weights() -> None:
    """Only the trees up to the best one are exported; a scale multiplies their sum."""
    model = catboost.CatBoostRegressor(**{**SMALL, "iterations": 300, "learning_rate": 0.9})
    weights = np.random.default_rng(0).random(len(X))
    model.fit(X, target(X), sample_weight=weights, eval_set=(ROWS, target(ROWS, seed=9)), early_stopping_rounds=3)
    graph = check(model, ROWS)
    assert len(graph.trees[0].roots) == model.tree_count_ < 300
    model.set_scale_and_bias(0.3, 7.1)
    check(model, ROWS)


def test_single_leaves() -> None:
    """A tree may be a single leaf."""
    flat = np.c_[np.ones(60), np.ones(60), X[:60, 0]]
    model = catboost.CatBoostRegressor(ignored_features=[2], allow_const_label=True, **SMALL)
    with contextlib.suppress(catboost.CatBoostError):
        check(model.fit(flat, np.ones(60)), flat)


def test_columns_are_found_by_name() -> None:
    """CatBoost finds the columns of a frame by name; other names are refused."""
    import pandas as pd

    frame = pd.DataFrame(X, columns=["x4", "x3", "x2", "x1", "x0"])
    model = catboost.CatBoostRegressor(**SMALL).fit(frame, target(X))
    rows = ROWS[:, ::-1].copy()
    check(model, rows, frame=pd.DataFrame(rows, columns=["x0", "x1", "x2", "x3", "x4"]))
    with pytest.raises(ExportError, match="fitted on the columns"):
        check(model, rows, contract_of(*(Feature(name=f"z{index}", type="number") for index in range(5))))
    with pytest.raises(ExportError, match="5 columns and gets 4"):
        check(model, rows[:, :4], numbers(4))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: catboost.CatBoostRegressor(loss_function="RMSEWithUncertainty", **SMALL), "RMSEWithUncertainty"),
        (lambda: catboost.CatBoostClassifier(loss_function="MultiLogloss", **SMALL), "MultiLogloss"),
    ],
)
def test_refusals(model: Any, reason: str) -> None:
    """Models without an exact conversion are refused by name."""
    result = model()
    y = target(X)
    if reason == "MultiLogloss":
        y = np.stack([y > np.median(y), y > np.quantile(y, 0.7)], axis=1).astype(int)
    with pytest.raises(ExportError, match=reason):
        check(result.fit(X, y), X)
