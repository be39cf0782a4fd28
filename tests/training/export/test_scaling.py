"""Scalers: the same doubles as scikit-learn's, and nothing left of them in front of trees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from tests.training.export import sparse_columns
from tests.training.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    number,
    wanted,
    written,
)
from tests.training.orchards import answers
from training.export import ExportError, export_pipeline, serialise
from training.frames import to_frame

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
    """Missing values, constant columns, signed zeros, the smallest and large numbers included."""
    scaler.fit(FRAME.iloc[:200])
    assert_same(scaler, CONTRACT, HOSTILE)


@pytest.mark.parametrize("scaler", SCALERS, ids=repr)
@pytest.mark.parametrize(
    "model", [HistGradientBoostingRegressor(max_iter=5, max_bins=9), DecisionTreeRegressor(max_depth=6)]
)
def test_trees_look_through_scalers(scaler: Any, model: Any) -> None:
    """Rows on thresholds and one double beside them take the pipeline's branch, and no arithmetic is left."""
    pipeline = make_pipeline(scaler, model).fit(FRAME, TARGET)
    graph = assert_same_branches(pipeline, CONTRACT, ROWS)
    assert {node.op_type for node in graph.nodes} <= {"TreeEnsemble", "Squeeze", "Div", "Gather", "ReduceSum"}
    assert next(node for node in graph.nodes if node.op_type == "TreeEnsemble").input[0] == "rows"


def test_trees_look_through_chains() -> None:
    """Imputed, scaled, scaled again beside another group, and scaled together once more: the trees read rows."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler(), MinMaxScaler((-1, 1)))
    columns = ColumnTransformer([("x", numbers, ["c", "a"]), ("y", RobustScaler(), ["b"])], remainder="passthrough")
    model = HistGradientBoostingRegressor(max_iter=20, max_bins=12)
    pipeline = make_pipeline(columns, MaxAbsScaler(), model).fit(FRAME, TARGET)
    graph = assert_same_branches(pipeline, CONTRACT, ROWS)
    assert not {node.op_type for node in graph.nodes} & {"Sub", "Mul", "Add", "Div"}


def test_sparse_columns_are_multiplied_with_the_reciprocal() -> None:
    """Behind a sparse encoder scikit-learn multiplies where it else divides, which gives other last bits."""
    contract = contract_of(number("a"), *(category(f"k{at}", *"abcdefgh") for at in range(3)))
    rows = np.column_stack([GENERATOR.normal(size=300), GENERATOR.integers(0, 8, (300, 3))])
    columns = ColumnTransformer([("n", "passthrough", ["a"]), ("k", OneHotEncoder(), ["k0", "k1", "k2"])])
    frame = to_frame(rows, contract)
    assert columns.fit(frame).sparse_output_
    for scaler in (StandardScaler(with_mean=False), MaxAbsScaler(), RobustScaler(with_centering=False)):
        pipeline = make_pipeline(columns, scaler).fit(frame)
        assert_same(pipeline, contract, rows)
        dense = written(pipeline, contract)[0]
        assert "Mul" in [node.op_type for node in dense.nodes]


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_rows_over_their_norm(norm: str) -> None:
    """Up to the last bits of a sum; a row of zeros stays zero; the largest magnitude has no sum and is exact."""
    contract = contract_of(number("a"), number("b"), number("c"))
    rows = np.concatenate([GENERATOR.normal(size=(50, 3)), np.zeros((1, 3)), np.full((1, 3), 1e-17)])
    normalizer = Normalizer(norm).fit(to_frame(rows, contract))
    assert_same(normalizer, contract, rows, relative=0.0 if norm == "max" else 1e-15)


def test_normalizer_refuses_what_may_be_missing() -> None:
    """scikit-learn raises on a missing value here, so the contract may not let one through."""
    normalizer = Normalizer().fit(FRAME.fillna(0.0))
    with pytest.raises(ExportError, match=r"Normalizer raises on a missing value.*\['a'\].*imputer"):
        written(normalizer, CONTRACT)


def test_strings_are_refused_by_name() -> None:
    """A scaler cannot see categories."""
    contract = contract_of(number("a"), category("kind", "x", "y"))
    scaler = ColumnTransformer([("all", StandardScaler(), ["a", "kind"])])
    scaler.fit(to_frame(np.ones((3, 2)), contract).assign(kind=[1.0, 2.0, 3.0]))
    with pytest.raises(ExportError, match=r"step 'all'.*strings of \['kind'\]"):
        written(scaler, contract)


@pytest.mark.parametrize("scale", [StandardScaler(), MinMaxScaler((1, 2)), RobustScaler(), MaxAbsScaler()], ids=repr)
def test_target_comes_back_from_its_scale(scale: Any) -> None:
    """The inverse is the same products and sums, so answers are the same doubles."""
    model = TransformedTargetRegressor(HistGradientBoostingRegressor(max_iter=10), transformer=scale).fit(FRAME, TARGET)
    got = answers(serialise(export_pipeline(model, CONTRACT)), ROWS)
    np.testing.assert_array_equal(got, model.predict(FRAME))


def test_float32_in_front_of_a_scaler_is_refused() -> None:
    """Where every column is float32 scikit-learn scales in float32; beside a float64 column it does not."""
    contract = contract_of(category("kind", "x", "y"), number("a"))
    rows = np.array([[0.0, 1.0], [1.0, 2.0], [1.0, 5.0]])
    frame = to_frame(rows, contract)
    encoder = OneHotEncoder(dtype=np.float32, sparse_output=False)
    alone = make_pipeline(ColumnTransformer([("k", encoder, ["kind"])]), StandardScaler()).fit(frame)
    with pytest.raises(ExportError, match=r"standardscaler.*float32.*dtype=float64"):
        written(alone, contract)
    beside = ColumnTransformer([("k", encoder, ["kind"])], remainder="passthrough")
    assert_same(make_pipeline(beside, StandardScaler()).fit(frame), contract, rows)


def test_scaler_after_output_as_a_frame() -> None:
    """`set_output(transform="pandas")` changes what flows in scikit-learn, not what comes out."""
    columns = ColumnTransformer([("n", StandardScaler(), ["b", "a"]), ("p", "passthrough", ["c"])])
    inner = ColumnTransformer([("m", MinMaxScaler(), ["n__a", "p__c"])], remainder="drop")
    pipeline = make_pipeline(columns, inner).set_output(transform="pandas").fit(FRAME)
    assert wanted(pipeline, CONTRACT, ROWS).shape == (400, 2)
    assert_same(pipeline, CONTRACT, ROWS)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_normalizer_of_a_sparse_matrix(norm: Any) -> None:
    """Norms below 2e-15 count there too, all but 0, and trees behind it take the same branches."""
    sparse_columns.proven(Normalizer(norm), Ridge(1e-9), low=-1e-15, high=1e-15)
    report = sparse_columns.proven(Normalizer(norm), DecisionTreeRegressor(max_depth=5))
    assert report.trees == 1
    assert not report.undecided


def test_trees_behind_a_normalizer() -> None:
    """Few magnitudes are added in order; squares are not, so trees behind them are refused with the way out."""
    contract = contract_of(number("a"), number("b"))
    rows = np.random.default_rng(5).normal(size=(200, 2))
    frame = to_frame(rows, contract)
    for norm in ("l1", "max"):
        pipeline = make_pipeline(Normalizer(norm), HistGradientBoostingRegressor(max_iter=5)).fit(frame, rows[:, 0])
        assert_same_branches(pipeline, contract, rows)
    pipeline = make_pipeline(Normalizer("l2"), HistGradientBoostingRegressor(max_iter=5)).fit(frame, rows[:, 0])
    with pytest.raises(ExportError, match=r"l2 norms.*Normalizer\(norm='max'\)"):
        export_pipeline(pipeline, contract)
