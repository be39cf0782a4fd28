"""Scalers: scikit-learn's doubles, and no node before trees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline, serialise
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    expected_output,
    number,
    write_transformer,
)
from tests.training.orchards import answers

GENERATOR = np.random.default_rng(12)
CONTRACT = contract_of(number("a", nullable=True), number("b"), number("c"), number("d"))
ROWS = np.column_stack(
    [
        np.where(GENERATOR.random(400) < 0.1, np.nan, GENERATOR.normal(3.1, 0.7, 400)),
        GENERATOR.lognormal(3, 4, 400),
        GENERATOR.integers(-5, 6, 400).astype(np.float64),
        np.full(400, 0.1),
    ]
)
FRAME = to_frame(ROWS, CONTRACT)
TARGET = np.nan_to_num(ROWS[:, 0]) + np.log(ROWS[:, 1]) + ROWS[:, 2] * GENERATOR.random(400)
HOSTILE = np.concatenate(
    [ROWS, np.full((1, 4), 0.0), np.full((1, 4), -0.0), np.full((1, 4), 9e15), np.full((1, 4), 5e-324)]
)
SCALERS: list[Any] = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-3, 0.7), clip=True),
    RobustScaler(),
    RobustScaler(with_centering=False, quantile_range=(10, 80)),
    RobustScaler(with_scaling=False),
    RobustScaler(unit_variance=True),
    MaxAbsScaler(),
    MaxAbsScaler(clip=True),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=repr)
def test_scaled_bit_for_bit(scaler: Any) -> None:
    """Missing values, constant columns, signed zeros, and the smallest and large numbers are equal."""
    scaler.fit(FRAME.iloc[:200])
    assert_same(scaler, CONTRACT, HOSTILE)


@pytest.mark.parametrize("scaler", SCALERS, ids=repr)
@pytest.mark.parametrize(
    "model", [HistGradientBoostingRegressor(max_iter=5, max_bins=9), DecisionTreeRegressor(max_depth=6)]
)
def test_trees_look_through_scalers(scaler: Any, model: Any) -> None:
    """Rows on thresholds and one double next to them take the pipeline's branch, without arithmetic in the graph."""
    pipeline = make_pipeline(scaler, model).fit(FRAME, TARGET)
    graph = assert_same_branches(pipeline, CONTRACT, ROWS)
    assert {node.op_type for node in graph.nodes} <= {"TreeEnsemble", "Squeeze", "Div", "Gather", "ReduceSum"}
    assert next(node for node in graph.nodes if node.op_type == "TreeEnsemble").input[0] == "rows"


def test_trees_look_through_chains() -> None:
    """Trees read the raw rows through an imputer and several scalers."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler(), MinMaxScaler((-1, 1)))
    columns = ColumnTransformer([("x", numbers, ["c", "a"]), ("y", RobustScaler(), ["b"])], remainder="passthrough")
    model = HistGradientBoostingRegressor(max_iter=20, max_bins=12)
    pipeline = make_pipeline(columns, MaxAbsScaler(), model).fit(FRAME, TARGET)
    graph = assert_same_branches(pipeline, CONTRACT, ROWS)
    assert not {node.op_type for node in graph.nodes} & {"Sub", "Mul", "Add", "Div"}


def test_sparse_columns_are_multiplied_with_the_reciprocal() -> None:
    """After a sparse encoder scikit-learn multiplies by the reciprocal instead of dividing, and so does the graph."""
    contract = contract_of(number("a"), *(category(f"k{index}", *"abcdefgh") for index in range(3)))
    rows = np.column_stack([GENERATOR.normal(size=300), GENERATOR.integers(0, 8, (300, 3))])
    columns = ColumnTransformer([("n", "passthrough", ["a"]), ("k", OneHotEncoder(), ["k0", "k1", "k2"])])
    frame = to_frame(rows, contract)
    assert columns.fit(frame).sparse_output_
    for scaler in (StandardScaler(with_mean=False), MaxAbsScaler(), RobustScaler(with_centering=False)):
        pipeline = make_pipeline(columns, scaler).fit(frame)
        assert_same(pipeline, contract, rows)
        dense = write_transformer(pipeline, contract)[0]
        assert "Mul" in [node.op_type for node in dense.nodes]


def test_strings_are_refused_by_name() -> None:
    """A scaler of categories is refused by name."""
    contract = contract_of(number("a"), category("kind", "x", "y"))
    scaler = ColumnTransformer([("all", StandardScaler(), ["a", "kind"])])
    scaler.fit(to_frame(np.ones((3, 2)), contract).assign(kind=[1.0, 2.0, 3.0]))
    with pytest.raises(ExportError, match=r"step 'all'.*strings of \['kind'\]"):
        write_transformer(scaler, contract)


@pytest.mark.parametrize("scale", [StandardScaler(), MinMaxScaler((1, 2)), RobustScaler(), MaxAbsScaler()], ids=repr)
def test_target_comes_back_from_its_scale(scale: Any) -> None:
    """The inverse has the same products and sums, so answers are the same doubles."""
    model = TransformedTargetRegressor(HistGradientBoostingRegressor(max_iter=10), transformer=scale).fit(FRAME, TARGET)
    actual = answers(serialise(export_pipeline(model, CONTRACT)), ROWS)
    np.testing.assert_array_equal(actual, model.predict(FRAME))


def test_float32_in_front_of_a_scaler_is_refused() -> None:
    """If every column is float32, scikit-learn scales in float32: refused; next to a float64 column it is accepted."""
    contract = contract_of(category("kind", "x", "y"), number("a"))
    rows = np.array([[0.0, 1.0], [1.0, 2.0], [1.0, 5.0]])
    frame = to_frame(rows, contract)
    encoder = OneHotEncoder(dtype=np.float32, sparse_output=False)
    single_row = make_pipeline(ColumnTransformer([("k", encoder, ["kind"])]), StandardScaler()).fit(frame)
    with pytest.raises(ExportError, match=r"standardscaler.*float32.*dtype=float64"):
        write_transformer(single_row, contract)
    adjacent = ColumnTransformer([("k", encoder, ["kind"])], remainder="passthrough")
    assert_same(make_pipeline(adjacent, StandardScaler()).fit(frame), contract, rows)


def test_scaler_after_output_as_a_frame() -> None:
    """`set_output(transform="pandas")` does not change the result."""
    columns = ColumnTransformer([("n", StandardScaler(), ["b", "a"]), ("p", "passthrough", ["c"])])
    inner = ColumnTransformer([("m", MinMaxScaler(), ["n__a", "p__c"])], remainder="drop")
    pipeline = make_pipeline(columns, inner).set_output(transform="pandas").fit(FRAME)
    assert expected_output(pipeline, CONTRACT, ROWS).shape == (400, 2)
    assert_same(pipeline, CONTRACT, ROWS)
