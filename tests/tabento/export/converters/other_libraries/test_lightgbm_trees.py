"""LightGBM: its rules for missing values, for zero and for categories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer

from tabento.bundle.contract import Feature
from tabento.export.errors import ExportError
from tests.tabento.export import sparse_columns
from tests.tabento.export.tree_graphs import check, contract_of, numbers, table, target
from tests.tabento.export.tree_graphs import labels as labelled

lightgbm = pytest.importorskip("lightgbm", reason="the dependency group lightgbm is not installed")

ZERO = float(np.float32(1e-35))
X = table()
ROWS = table(seed=5)
SMALL: dict[str, Any] = {"n_jobs": 1, "n_estimators": 20, "num_leaves": 15, "verbose": -1}
LAST_BITS = {"values": 1e-15, "probabilities": 1e-15}


def _holes(rows: int, seed: int) -> Any:
    """Return a table with missing values, zeros, and numbers that LightGBM treats as zeros."""
    values = table(rows, seed=seed, missing=0.1)
    generator = np.random.default_rng(seed)
    tiny = [0.0, -0.0, ZERO, -ZERO, np.nextafter(ZERO, 1), np.nextafter(-ZERO, -1), 1e-36, -1e-36, 1e-300]
    return np.where(generator.random(values.shape) < 0.2, generator.choice(tiny, values.shape), values)


@pytest.mark.parametrize("boosting", ["gbdt", "dart", "rf"])
def test_kinds_of_boosting(boosting: str) -> None:
    """Sums, sums of weighted trees, and means of a forest are the same doubles."""
    model = lightgbm.LGBMRegressor(boosting_type=boosting, subsample=0.7, subsample_freq=1, **SMALL)
    check(model.fit(X, target(X)), ROWS)


def test_more_trees_than_a_block() -> None:
    """ONNX Runtime evaluates more than 80 trees in another way; the sums stay the same."""
    check(lightgbm.LGBMRegressor(**{**SMALL, "n_estimators": 130}).fit(X, target(X)), ROWS)


@pytest.mark.parametrize("options", [{}, {"zero_as_missing": True}, {"use_missing": False}], ids=str)
@pytest.mark.parametrize("trained_on", [X, _holes(1200, 3)], ids=["complete", "holes"])
def test_missing_and_zero(options: dict[str, bool], trained_on: Any) -> None:
    """NaN, zero, and values within 1e-35 of it take LightGBM's side for each kind of split."""
    rows = _holes(800, 4)
    check(lightgbm.LGBMRegressor(**options, **SMALL).fit(trained_on, target(trained_on)), rows, numbers(5), rows)
    model = lightgbm.LGBMRegressor(**options, **SMALL).fit(trained_on, target(trained_on))
    check(model, table(seed=5, missing=0.1))


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_categories(kind: Any) -> None:
    """Sets of integers agree; fractions are truncated first, as in LightGBM."""
    generator = np.random.default_rng(0)

    def rows(count: int, low: int, high: int) -> Any:
        result = table(count, 3, seed=count)
        result[:, 1] = generator.integers(low, high, count)
        result[:, 2] = generator.integers(low, 6, count)
        if kind == "number" and low < -1:
            result[:, 1:] += generator.choice([0.0, 0.0, 0.5, -0.5], (count, 2))
        result[generator.random((count, 3)) < (0.1 if low < -1 else 0.0)] = np.nan
        return result

    training_rows, queried_rows = rows(1500, -1, 40), rows(900, -2, 60)
    y = training_rows[:, 0] + np.sin(training_rows[:, 1] * 3) + (training_rows[:, 2] == 2)
    contract = contract_of(
        Feature(name="a", type="number", nullable=True),
        Feature(name="b", type=kind, nullable=True),
        Feature(name="c", type=kind, nullable=True),
    )
    model = lightgbm.LGBMRegressor(**SMALL).fit(training_rows, y, categorical_feature=[1, 2])
    check(model, queried_rows, contract, queried_rows)
    classes = lightgbm.LGBMClassifier(**SMALL).fit(training_rows, np.digitize(y, [0, 1]), categorical_feature=[1, 2])
    check(classes, queried_rows, contract, queried_rows, loose=LAST_BITS)


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "l1"},
        {"objective": "huber"},
        {"objective": "quantile", "alpha": 0.3},
        {"objective": "mape"},
        {"reg_sqrt": True},
        {"objective": lambda true, sums: (sums - true, np.ones_like(true))},
    ],
    ids=["l1", "huber", "quantile", "mape", "sqrt", "own"],
)
def test_objectives_without_a_link(options: dict[str, Any]) -> None:
    """The answer is the sum, or its signed square."""
    check(lightgbm.LGBMRegressor(**options, **SMALL).fit(X, target(X)), ROWS)


@pytest.mark.parametrize("objective", ["poisson", "gamma", "tweedie", "cross_entropy"])
def test_objectives_with_a_link(objective: str) -> None:
    """An exponential and a sigmoid agree up to the last bit."""
    y = 0.05 + 0.9 / (1 + np.exp(-target(X)))
    check(lightgbm.LGBMRegressor(objective=objective, **SMALL).fit(X, y), ROWS, loose=LAST_BITS)


@pytest.mark.parametrize(
    "options", [{}, {"sigmoid": 0.7}, {"objective": "cross_entropy"}, {"boosting_type": "rf"}], ids=str
)
def test_two_classes(options: dict[str, Any]) -> None:
    """The raw score is the same double; a forest averages its probabilities but not its score."""
    model = lightgbm.LGBMClassifier(**options, subsample=0.7, subsample_freq=1, **SMALL)
    check(
        model.fit(X, labelled(X, 0, 1) if "objective" in options else labelled(X, "no", "yes")), ROWS, loose=LAST_BITS
    )


@pytest.mark.parametrize("objective", ["multiclass", "multiclassova"])
def test_many_classes(objective: str) -> None:
    """Each class has a sum; the label is the first of the most probable."""
    model = lightgbm.LGBMClassifier(objective=objective, **SMALL).fit(X, labelled(X, "c", "a", "b"))
    check(model, ROWS, loose=LAST_BITS)


def test_sums_near_zero() -> None:
    """A sum slightly above 0 is a probability of a half, so the label stays the first class."""
    rows = np.arange(200.0)[:, np.newaxis]
    y = (np.arange(200) // 50) % 2
    for rate in (1e-15, 2e-16, 1e-16, 5e-17):
        model = lightgbm.LGBMClassifier(**{**SMALL, "n_estimators": 2}, learning_rate=rate, boost_from_average=False)
        check(model.fit(rows, y), rows, loose=LAST_BITS)


def test_early_stopping_and_weights() -> None:
    """Only the rounds up to the best one are used."""
    stop = lightgbm.early_stopping(3, verbose=False)
    model = lightgbm.LGBMClassifier(**{**SMALL, "n_estimators": 300})
    weights = np.random.default_rng(0).random(len(X))
    valid: dict[str, Any] = {"eval_X": ROWS, "eval_y": labelled(ROWS, 0, 1, 2)}
    model.fit(X, labelled(X, 0, 1, 2), sample_weight=weights, callbacks=[stop], **valid)
    graph = check(model, ROWS, loose=LAST_BITS)
    assert len(graph.trees[0].roots) == 3 * model.best_iteration_ < 900


def test_trees_of_one_leaf() -> None:
    """A model that learned only the mean is exported."""
    check(lightgbm.LGBMRegressor(min_child_samples=len(X), **SMALL).fit(X, target(X)), X[:60])


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: lightgbm.LGBMRegressor(linear_tree=True, **SMALL), "linear_tree"),
        (lambda: lightgbm.LGBMClassifier(pred_early_stop=True, **SMALL), "pred_early_stop"),
        (lambda: lightgbm.LGBMClassifier(objective="poisson", **SMALL), "'poisson' with 2 classes"),
        (lambda: lightgbm.LGBMRegressor(objective="binary", **SMALL), None),
    ],
    ids=["linear", "stopping", "classes", "binary"],
)
def test_refusals(model: Any, reason: str | None) -> None:
    """Models without an exact conversion are refused by name."""
    result = model().fit(X, labelled(X, 0, 1))
    if reason is None:
        check(result, ROWS, loose=LAST_BITS)
        return
    with pytest.raises(ExportError, match=reason):
        check(result, X)


def test_category_columns_by_dtype_are_refused() -> None:
    """A model that was fitted on pandas' categories is refused, because LightGBM refuses strings."""
    frame = pd.DataFrame({"x0": X[:, 0], "x1": pd.Categorical(np.where(X[:, 1] > 0, "a", "b"))})
    model = lightgbm.LGBMRegressor(**SMALL).fit(frame, target(X))
    with pytest.raises(ExportError, match=r"dtype category.*OrdinalEncoder"):
        check(model, X[:, :2], numbers(2), frame)


def test_sparse_matrix_row_by_row() -> None:
    """After a sparse one-hot encoder LightGBM compares values near zero unchanged."""
    report = sparse_columns.prove_pipeline(lightgbm.LGBMRegressor(**SMALL))
    assert report.trees == 20
    assert not report.unread_ensembles
    sparse_columns.prove_pipeline(lightgbm.LGBMClassifier(**SMALL))


def test_sparse_matrix_column_by_column() -> None:
    """After an imputer the sparse matrix is stored by column, and LightGBM treats values near zero as zero."""
    sparse_columns.prove_pipeline(SimpleImputer(), lightgbm.LGBMRegressor(**SMALL))
