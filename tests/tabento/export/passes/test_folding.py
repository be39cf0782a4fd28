"""Folding: the steps before trees become part of their thresholds, and every row keeps its branch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, PowerTransformer, StandardScaler

from tabento.export.formulas import functions
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same_branches, contract_of, number

GENERATOR = np.random.default_rng(5)
CONTRACT = contract_of(
    number("a", nullable=True, minimum=0, maximum=1e6),
    number("b", minimum=0.01),
    number("c", minimum=-10, maximum=10),
)
ROWS = np.column_stack(
    [
        np.where(GENERATOR.random(300) < 0.15, np.nan, GENERATOR.lognormal(2, 2, 300)),
        GENERATOR.gamma(1.0, 1.0, 300) + 0.01,
        GENERATOR.normal(0, 2, 300),
    ]
)
FRAME = to_frame(ROWS, CONTRACT)
TARGET = np.log1p(np.nan_to_num(ROWS[:, 0])) + ROWS[:, 1] * ROWS[:, 2]


def _boosting(bins: int = 16) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(max_iter=15, max_bins=bins, min_samples_leaf=5)


def _log() -> FunctionTransformer:
    return FunctionTransformer(np.log1p)


def _kinds(pipeline: Any) -> set[str]:
    graph = assert_same_branches(pipeline.fit(FRAME, TARGET), CONTRACT, ROWS)
    return {node.op_type for node in graph.nodes}


def test_chain_after_an_imputer_is_folded() -> None:
    """Of imputation, power and scaling only the imputation remains before the trees."""
    kinds = _kinds(make_pipeline(SimpleImputer(), PowerTransformer(), StandardScaler(), _boosting()))
    assert kinds <= {"IsNaN", "Where", "TreeEnsemble", "Squeeze"}


def test_imputation_after_a_function_is_folded_with_it() -> None:
    """A missing value takes the branch of the mean of logarithms, so the trees need no imputation."""
    columns = ColumnTransformer([("log", make_pipeline(_log(), SimpleImputer()), ["a", "b"])], remainder="passthrough")
    assert _kinds(make_pipeline(columns, _boosting())) <= {"TreeEnsemble", "Squeeze"}


def test_unions_and_selections_are_looked_through() -> None:
    """A Concat of Concats, a selection of columns and a second scaling leave nothing but trees."""
    union = FeatureUnion([("plain", "passthrough"), ("scaled", FeatureUnion([("s", StandardScaler())]))])
    columns = ColumnTransformer([("log", _log(), ["b"]), ("all", union, ["c", "b"])])
    pipeline = make_pipeline(columns, SelectKBest(f_regression, k=4), StandardScaler(), _boosting())
    assert _kinds(pipeline) <= {"TreeEnsemble", "Squeeze"}


def test_function_outside_its_domain_is_not_folded() -> None:
    """The contract allows `c` below -1, for which log1p is not defined, so the graph computes the logarithm."""
    columns = ColumnTransformer(
        [("log", FunctionTransformer(np.log), ["b"]), ("root", FunctionTransformer(np.square), ["c"])]
    )
    assert "Mul" in _kinds(make_pipeline(columns, _boosting()))


def test_range_is_known_through_a_scaler() -> None:
    """The smallest scaled number of a column is in the logarithm's domain."""
    scaler = make_pipeline(MinMaxScaler((1, 2), clip=True), FunctionTransformer(np.log))
    columns = ColumnTransformer([("log", scaler, ["b", "c"])])
    assert _kinds(make_pipeline(columns, _boosting())) <= {"TreeEnsemble", "Squeeze"}


def _nearly_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logarithms that fall by three last bits at every fourth double: they rise but for their last bits."""
    with np.errstate(all="ignore"):
        logarithm = np.asarray(np.log(values), dtype=np.float64)
    turned = np.where((values + 0.0).view(np.int64) % 4 == 0, 3 * np.spacing(logarithm), 0.0)
    return logarithm - np.where(np.isfinite(logarithm), turned, 0.0)


def test_function_that_turns_back_is_counted_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no single double separates left from right, a lookup of all crossings gives each row the pipeline's branch."""
    monkeypatch.setitem(functions.FUNCTIONS, _nearly_log, functions.FUNCTIONS[np.log])
    monkeypatch.setitem(functions.RISING, _nearly_log, (0.0, np.inf))
    steps = (SimpleImputer(), FunctionTransformer(_nearly_log), StandardScaler())
    columns = ColumnTransformer([("log", make_pipeline(*steps), ["b", "a"])], remainder="passthrough")
    graph = assert_same_branches(make_pipeline(columns, _boosting(40)).fit(FRAME, TARGET), CONTRACT, ROWS)
    (boosting,) = [graph.producer(ensemble.output) for ensemble in graph.ensembles]
    assert boosting is not None
    read = graph.ancestors(boosting.input[0])
    # A logarithm of 0 raises an error in the scaler, which the graph looks for beside the trees.
    assert not any(node.op_type == "Log" and node.output[0] in read for node in graph.nodes)
