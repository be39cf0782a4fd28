"""XGBoost: float32 rows, strict thresholds, float32 sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import BaggingRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import Binarizer, MaxAbsScaler, PolynomialFeatures, StandardScaler

from tabento.export import export_pipeline, serialise
from tabento.export.converters.other_libraries.xgboost_model import booster_of
from tabento.export.errors import ExportError
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export import sparse_columns
from tests.tabento.export.tree_graphs import check, table, target
from tests.tabento.export.tree_graphs import labels as labelled

xgboost = pytest.importorskip("xgboost", reason="the dependency group xgboost is not installed")

X = table()
HOLES = table(missing=0.1)
ROWS = table(seed=5)
LAST_BITS = 2.0**-22
"""``expf`` is off the nearest float32 by a unit in the last place at times."""
SMALL = {"n_jobs": 1, "n_estimators": 20, "max_depth": 4}


def test_sums_bit_for_bit() -> None:
    """More than 80 trees are added in float32; rows on thresholds and next to them take XGBoost's branch."""
    check(xgboost.XGBRegressor(n_jobs=1, n_estimators=100).fit(X, target(X)), ROWS)


@pytest.mark.parametrize("trained_on", [X, HOLES], ids=["complete", "holes"])
def test_missing_values(trained_on: Any) -> None:
    """NaN takes the default side, learned or not."""
    check(xgboost.XGBRegressor(**SMALL).fit(trained_on, target(trained_on)), table(seed=5, missing=0.2))


def test_names_beyond_ascii() -> None:
    """Names of columns may contain any script."""
    rows = pd.DataFrame(X, columns=[f"Größe {index}" for index in range(X.shape[1])])
    model = xgboost.XGBRegressor(n_jobs=1, n_estimators=3).fit(rows, target(X))
    assert booster_of(model).start.shape == (1,)


@pytest.mark.parametrize("objective", ["reg:absoluteerror", "reg:pseudohubererror", "reg:squarederror"])
def test_objectives_without_a_link(objective: str) -> None:
    """The answer is the sum, for a learned or a configured start."""
    check(xgboost.XGBRegressor(objective=objective, **SMALL).fit(X, target(X)), ROWS)
    check(xgboost.XGBRegressor(objective=objective, base_score=3.7, **SMALL).fit(X, target(X)), ROWS)


@pytest.mark.parametrize("objective", ["count:poisson", "reg:gamma", "reg:tweedie", "reg:logistic"])
def test_objectives_with_a_link(objective: str) -> None:
    """An exponential and a sigmoid are rounded as in XGBoost."""
    y = 0.05 + 0.9 / (1 + np.exp(-target(X)))
    check(xgboost.XGBRegressor(objective=objective, **SMALL).fit(X, y), ROWS, loose={"values": LAST_BITS})


def test_two_classes() -> None:
    """The label is the second class if its float32 probability is above a half."""
    for start in (None, 0.2):
        model = xgboost.XGBClassifier(base_score=start, **SMALL).fit(X, labelled(X, 0, 1))
        check(model, ROWS, loose={"probabilities": LAST_BITS})


def test_sums_near_zero() -> None:
    """A sum slightly above 0 is a probability of a half in float32, so the label stays the first class."""
    rows = np.arange(-300.0, 300.0)[:, np.newaxis]
    y = (rows[:, 0] % 2).astype(int)
    for rate in (1e-5, 1e-6, 1e-7, 2e-7, 3e-7):
        model = xgboost.XGBClassifier(n_jobs=1, n_estimators=3, learning_rate=rate, base_score=0.5).fit(rows, y)
        check(model, rows, loose={"probabilities": LAST_BITS})


@pytest.mark.parametrize("classes", [3, 5])
def test_many_classes(classes: int) -> None:
    """Each class has a float32 sum; the first of the most probable is the label."""
    model = xgboost.XGBClassifier(**SMALL).fit(X, labelled(X, *range(classes)))
    check(model, ROWS, loose={"probabilities": LAST_BITS})


def test_forests() -> None:
    """Many trees in one round agree, for one sum and for several."""
    check(xgboost.XGBRFRegressor(**SMALL).fit(X, target(X)), ROWS)
    model = xgboost.XGBRFClassifier(**SMALL).fit(X, labelled(X, 0, 1, 2))
    check(model, ROWS, loose={"probabilities": LAST_BITS})
    model = xgboost.XGBClassifier(num_parallel_tree=3, **{**SMALL, "n_estimators": 4}).fit(X, labelled(X, 0, 1, 2))
    check(model, ROWS, loose={"probabilities": LAST_BITS})


def test_several_outputs() -> None:
    """Each round has a tree for each output."""
    check(xgboost.XGBRegressor(**SMALL).fit(X, np.stack([target(X), -3 * target(X)], axis=1)), ROWS)


def test_early_stopping() -> None:
    """Only the rounds up to the best one are used."""
    model = xgboost.XGBRegressor(n_jobs=1, n_estimators=500, learning_rate=0.5, early_stopping_rounds=3)
    model.fit(X, target(X), eval_set=[(ROWS, target(ROWS, seed=9))], verbose=False)
    graph = check(model, ROWS)
    assert len(graph.trees[0].roots) == model.best_iteration + 1 < 500


@pytest.mark.parametrize("normalise", ["tree", "forest"])
def test_dropout(normalise: str) -> None:
    """Trees of dart have weights; the start is added to each tree and subtracted again, in float32."""
    dart = {"booster": "dart", "rate_drop": 0.4, "normalize_type": normalise, **SMALL}
    check(xgboost.XGBRegressor(**dart).fit(X, target(X) + 3), ROWS)
    model = xgboost.XGBClassifier(**dart).fit(X, labelled(X, 0, 1, 2))
    check(model, ROWS, loose={"probabilities": LAST_BITS})


@pytest.mark.parametrize("missing", [-999.0, 0.0, 3.3])
def test_a_number_for_missing(missing: float) -> None:
    """A number that means missing is compared in float32; NaN is missing too."""
    float32_split = np.float32(missing)
    values = [float(np.nextafter(float32_split, np.float32(end))) for end in (-np.inf, np.inf)]
    values += [(float(float32_split) + value) / 2 for value in values] + [float(float32_split), missing]
    values += [float(np.nextafter(value, end)) for value in values for end in (-np.inf, np.inf)]
    model = xgboost.XGBRegressor(missing=missing, **SMALL)
    model.fit(np.where(np.isnan(HOLES), missing, HOLES), target(HOLES))
    rows = table(len(values) * 5, seed=5, missing=0.2)
    rows[np.arange(len(rows)), np.arange(len(rows)) % 5] = np.repeat(values, 5)
    check(model, rows)


def test_linear_booster() -> None:
    """Float32 products are added column by column after the start; missing values are skipped."""
    from tests.tabento.export.estimator_graphs import answers, write

    model = xgboost.XGBRegressor(booster="gblinear", n_estimators=5, n_jobs=1).fit(X, target(X) + 3)
    rows = table(300, seed=5, missing=0.2)
    np.testing.assert_array_equal(answers(write(model, 5), rows)["values"][:, 0], model.predict(rows))


def test_pruned_trees_weights_and_single_leaves() -> None:
    """Pruned nodes are not leaves; a tree may be a single leaf."""
    weights = np.random.default_rng(0).random(len(X))
    check(xgboost.XGBRegressor(gamma=20.0, tree_method="exact", **SMALL).fit(X, target(X), sample_weight=weights), ROWS)
    check(xgboost.XGBRegressor(gamma=1e9, **SMALL).fit(X, target(X)), X[:60])


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: xgboost.XGBClassifier(booster="gblinear", n_estimators=3), "booster='gblinear'"),
        (
            lambda: xgboost.XGBRegressor(booster="gblinear", objective="count:poisson", n_estimators=3),
            "classes or a link",
        ),
        (lambda: xgboost.XGBRegressor(multi_strategy="multi_output_tree", **SMALL), "several outputs"),
        (lambda: xgboost.XGBRegressor(objective="survival:cox", **SMALL), "survival:cox"),
        (
            lambda: xgboost.XGBRegressor(feature_types=["q", "q", "q", "q", "c"], enable_categorical=True, **SMALL),
            "sets of categories",
        ),
        (lambda: xgboost.XGBClassifier(objective="binary:hinge", **SMALL), "binary:hinge"),
    ],
)
def test_refusals(model: Any, reason: str) -> None:
    """Models without an exact conversion are refused by name."""
    result = model()
    rows = np.abs(X)
    y = target(rows)
    if "multi" in reason or result.get_params().get("multi_strategy"):
        y = np.stack([y, y], axis=1)
    elif isinstance(result, xgboost.XGBClassifier):
        y = labelled(rows, 0, 1)
    elif reason == "survival:cox":
        y = np.abs(y) + 1
    with pytest.raises(ExportError, match=reason):
        check(result.fit(rows, y), rows)


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (StandardScaler(with_mean=False),),
        (MaxAbsScaler(clip=True),),
        (Binarizer(),),
        (SelectKBest(f_regression, k=8),),
        (SimpleImputer(strategy="constant", fill_value=0.0),),
    ],
    ids=lambda steps: type(steps[0]).__name__ if steps else "alone",
)
def test_what_a_sparse_matrix_leaves_out_is_missing(steps: tuple[Any, ...]) -> None:
    """After a sparse one-hot encoder a 0 takes the side of missing values, as in XGBoost."""
    report = sparse_columns.prove_pipeline(*steps, xgboost.XGBRegressor(**SMALL))
    assert report.trees == 20
    assert not report.other_branches
    assert not report.unread_ensembles


def test_sparse_matrix_of_a_classifier() -> None:
    """The same holds for labels, and inside bagging, whose members select columns."""
    sparse_columns.prove_pipeline(xgboost.XGBClassifier(**SMALL))
    sparse_columns.prove_pipeline(BaggingRegressor(xgboost.XGBRegressor(**SMALL), n_estimators=2, max_features=0.6))


def test_stored_zeros_are_not_missing() -> None:
    """A product that underflows stays an entry of the sparse matrix, so it is 0 and not missing."""
    pipeline, contract = sparse_columns.fit_pipeline(
        StandardScaler(with_mean=False), xgboost.XGBRegressor(**SMALL), high=3e-323
    )
    frame = to_frame(np.array([[5e-324, 0.0, 3.0], [0.0, 5e-324, 3.0], [3e-323, 0.0, 3.0]]), contract)
    pipeline[1].scale_ = np.full_like(pipeline[1].scale_, 1e9)
    entries = pipeline[:-1].transform(frame)
    assert entries.nnz == 6
    assert entries.data.max() > 0
    assert (entries.data == 0).sum() == 3
    check_parity(pipeline, serialise(export_pipeline(pipeline, contract)), contract, frame, max_rows=300)


def test_sparse_matrix_that_may_store_zeros() -> None:
    """A sparse matrix of products is refused with the remedy, because its zeros may be stored or not."""
    pipeline, contract = sparse_columns.fit_pipeline(PolynomialFeatures(2), xgboost.XGBRegressor(**SMALL))
    with pytest.raises(ExportError, match=r"leaves out for missing.*sparse_threshold=0"):
        export_pipeline(pipeline, contract)


def test_several_labels_are_refused() -> None:
    """A model with several labels for a row is refused."""
    model = xgboost.XGBClassifier(**SMALL).fit(X, np.column_stack([labelled(X, 0, 1), labelled(X, 1, 0)]))
    with pytest.raises(ExportError, match=r"gives 2 labels to a row.*one classifier per label"):
        check(model, ROWS)
