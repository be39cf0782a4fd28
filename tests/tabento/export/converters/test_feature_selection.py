"""Selection: the columns that a fitted selector keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    f_regression,
)
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.export import ExportError, export_pipeline, serialise
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, assert_same_branches, contract_of, number, write_transformer
from tests.training.orchards import answers

GENERATOR = np.random.default_rng(91)
CONTRACT = contract_of(*(number(name) for name in "abcdef"))
ROWS = GENERATOR.normal(size=(150, 6)) * [1, 1, 1, 1, 0.001, 0]
FRAME = to_frame(ROWS, CONTRACT)
TARGET = ROWS[:, 1] * 3 - ROWS[:, 3] + GENERATOR.normal(0, 0.1, 150)


@pytest.mark.parametrize(
    "selector",
    [
        SelectKBest(f_regression, k=2),
        SelectPercentile(f_regression, percentile=40),
        SelectFpr(f_regression, alpha=0.01),
        SelectFdr(f_regression),
        SelectFwe(f_regression),
        GenericUnivariateSelect(f_regression, mode="k_best", param=3),
        SelectFromModel(Lasso(0.1)),
        RFE(LinearRegression(), n_features_to_select=2),
        RFECV(LinearRegression(), cv=3),
        SequentialFeatureSelector(LinearRegression(), n_features_to_select=2, cv=2),
        VarianceThreshold(0.01),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore:Features", "ignore:invalid value encountered", "ignore:divide by zero")
def test_kept_columns(selector: Any) -> None:
    """Kept columns stay in their order, at the start of a pipeline and after a scaler."""
    assert_same(selector.fit(FRAME, TARGET), CONTRACT, ROWS)
    assert_same(make_pipeline(StandardScaler(), selector).fit(FRAME, TARGET), CONTRACT, ROWS)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_trees_read_the_rows_through_a_selection() -> None:
    """A selection before trees adds no node."""
    model = HistGradientBoostingRegressor(max_iter=5)
    pipeline = make_pipeline(SelectKBest(f_regression, k=2), StandardScaler(), model).fit(FRAME, TARGET)
    graph = assert_same_branches(pipeline, CONTRACT, ROWS)
    assert [node.op_type for node in graph.nodes] == ["TreeEnsemble", "Squeeze"]


def test_selector_that_predicts() -> None:
    """Recursive elimination at the end of a pipeline answers as its last estimator."""
    model = RFE(LinearRegression(), n_features_to_select=2).fit(FRAME, TARGET)
    actual = answers(serialise(export_pipeline(model, CONTRACT)), ROWS)
    np.testing.assert_allclose(actual, model.predict(FRAME), rtol=1e-12)
    output = CONTRACT.output.model_copy(update={"classes": (False, True)})
    contract = CONTRACT.model_copy(update={"task": "classification", "output": output})
    choice = RFE(LogisticRegression(), n_features_to_select=2).fit(FRAME, TARGET > 0)
    actual = answers(serialise(export_pipeline(choice, contract)), ROWS)
    np.testing.assert_array_equal(actual[:, 0], choice.predict(FRAME).astype(np.float64))


@pytest.mark.filterwarnings(
    "ignore:No features were selected", "ignore:Features", "ignore:invalid value", "ignore:divide"
)
def test_nothing_kept_is_refused() -> None:
    """A selection of no column is refused, and missing values if the selector raises on them."""
    with pytest.raises(ExportError, match="keeps no column"):
        write_transformer(SelectFromModel(Lasso(1000.0)).fit(FRAME, TARGET), CONTRACT)
    nullable = contract_of(*(number(name, nullable=name == "a") for name in "abcdef"))
    with pytest.raises(ExportError, match=r"SelectKBest raises on a missing value"):
        write_transformer(SelectKBest(f_regression, k=2).fit(FRAME, TARGET), nullable)
    holes = np.where(GENERATOR.random(ROWS.shape) < 0.1, [np.nan, 0, 0, 0, 0, 0], ROWS)
    assert_same(VarianceThreshold().fit(to_frame(holes, nullable)), nullable, holes)
