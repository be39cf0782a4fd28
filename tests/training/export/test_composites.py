"""Steps made of steps: which columns go where, and in which order they come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from bundle.contract import Feature
from tests.training.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    number,
    packed,
    written,
)
from tests.training.orchards import answers
from training.export import ExportError, export_pipeline, serialise
from training.frames import to_frame

GENERATOR = np.random.default_rng(111)
CONTRACT = contract_of(
    number("a", nullable=True),
    category("kind", "x", "y", "z", nullable=True, unknown="ignore"),
    number("b"),
    Feature(name="flag", type="boolean"),
    category("sort", "p", "q"),
)
ROWS = np.column_stack(
    [
        np.where(GENERATOR.random(120) < 0.2, np.nan, GENERATOR.normal(size=120)),
        np.where(GENERATOR.random(120) < 0.2, np.nan, GENERATOR.integers(-1, 3, 120)),
        GENERATOR.lognormal(size=120),
        GENERATOR.integers(0, 2, 120),
        GENERATOR.integers(0, 2, 120),
    ]
)
TRAIN = np.where(ROWS == -1.0, [[-1.0, 0.0, -1.0, 0.0, 0.0]], ROWS)
FRAME = to_frame(TRAIN, CONTRACT)
TARGET = np.nan_to_num(ROWS[:, 0]) + ROWS[:, 2] * (ROWS[:, 4] + 1)


def _hot() -> OneHotEncoder:
    return OneHotEncoder(handle_unknown="ignore")


@pytest.mark.parametrize(
    "columns",
    [
        ColumnTransformer([("n", SimpleImputer(), ["b", "a"]), ("k", _hot(), ["sort", "kind"])]),
        ColumnTransformer([("k", _hot(), ["kind", "sort"])], remainder="passthrough"),
        ColumnTransformer([("k", _hot(), ["kind", "sort"]), ("a", "drop", ["a"])], remainder=StandardScaler()),
        ColumnTransformer([("n", "passthrough", [2, 0]), ("none", StandardScaler(), []), ("k", _hot(), [-1])]),
        ColumnTransformer(
            [("n", MinMaxScaler(), slice(2, 4)), ("m", "passthrough", [True, False, True, False, False])]
        ),
        ColumnTransformer([("n", StandardScaler(), make_column_selector(dtype_include="number"))], remainder=_hot()),
        ColumnTransformer(
            [("n", StandardScaler(), ["a", "b"]), ("m", MinMaxScaler(), ["b"]), ("k", _hot(), ["kind"])],
            transformer_weights={"n": 0.3, "m": -2.0, "k": 7},
        ),
        ColumnTransformer([("k", _hot(), ["kind"]), ("n", "passthrough", ["b"])], sparse_threshold=1.0),
    ],
    ids=lambda columns: "+".join(name for name, *_ in columns.transformers) + str(columns.remainder)[:8],
)
def test_columns_go_where_the_pipeline_sends_them(columns: ColumnTransformer) -> None:
    """Names, positions, slices, masks and selectors; dropped, passed through, left over, weighted."""
    assert_same(columns.fit(FRAME), CONTRACT, ROWS)


def test_frame_with_more_columns_in_another_order() -> None:
    """Fitted on a frame of its own order, the transformer finds its columns in the contract by name."""
    frame = FRAME.assign(extra=1.0)[["sort", "extra", "b", "a", "kind", "flag"]]
    columns = ColumnTransformer([("n", SimpleImputer(), ["a", "flag"]), ("k", _hot(), ["kind"])], remainder="drop")
    assert_same(columns.fit(frame), CONTRACT, ROWS)
    lost = ColumnTransformer([("n", SimpleImputer(), ["a", "extra"])]).fit(frame)
    with pytest.raises(ExportError, match=r"step 'n'.*\['extra'\], which the contract does not have"):
        written(lost, CONTRACT)
    plain = ColumnTransformer([("n", "passthrough", [0, 1])]).fit(np.ones((3, 2)))
    with pytest.raises(ExportError, match="fitted on 2 columns and gets 5"):
        written(plain, CONTRACT)


def test_nested_transformers_and_unions() -> None:
    """Column transformers inside pipelines inside unions; strings travel through until they are encoded."""
    inner = ColumnTransformer([("s", StandardScaler(), ["b", "a"])], remainder="passthrough")
    numbers = make_pipeline(inner, SimpleImputer(add_indicator=True))
    union = FeatureUnion(
        [("one", numbers), ("two", "passthrough"), ("gone", "drop"), ("three", FunctionTransformer(np.square))],
        transformer_weights={"one": 2.0},
    )
    strings = make_pipeline(ColumnTransformer([("swap", "passthrough", ["sort", "kind"])]), _hot())
    columns = ColumnTransformer([("u", union, ["a", "b", "flag"]), ("k", strings, ["kind", "sort"])])
    assert_same(columns.fit(FRAME), CONTRACT, ROWS)
    mixed = Pipeline(
        [
            ("order", ColumnTransformer([("p", "passthrough", ["kind", "b"])], remainder="drop")),
            ("nothing", "passthrough"),
            ("split", ColumnTransformer([("k", _hot(), [0]), ("n", "passthrough", [1])])),
        ]
    )
    assert_same(mixed.fit(FRAME), CONTRACT, ROWS)


def test_output_as_frames() -> None:
    """`set_output` lets later steps ask by the names that earlier ones gave."""
    first = ColumnTransformer([("n", StandardScaler(), ["b", "flag"]), ("k", OrdinalEncoder(), ["sort"])])
    second = ColumnTransformer([("m", MinMaxScaler(), ["k__sort", "n__b"])], remainder="passthrough")
    pipeline = make_pipeline(first, second).set_output(transform="pandas").fit(FRAME)
    assert isinstance(pipeline.transform(FRAME), pd.DataFrame)
    assert_same(pipeline, CONTRACT, ROWS)
    short = ColumnTransformer([("n", StandardScaler(), ["b"])], verbose_feature_names_out=False)
    again = ColumnTransformer([("m", "passthrough", ["b"])])
    assert_same(make_pipeline(short, again).set_output(transform="pandas").fit(FRAME), CONTRACT, ROWS)


def test_weights_are_looked_through() -> None:
    """A negative weight turns thresholds round."""
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["a", "b"]), ("m", "passthrough", ["flag"])], transformer_weights={"n": -0.7, "m": 3.0}
    )
    model = HistGradientBoostingRegressor(max_iter=10, max_bins=12, min_samples_leaf=5)
    graph = assert_same_branches(make_pipeline(columns, model).fit(FRAME, TARGET), CONTRACT, ROWS)
    assert [node.op_type for node in graph.nodes] == ["TreeEnsemble", "Squeeze"]


def test_refusals_name_the_path() -> None:
    """A step inside steps is named from the outside in."""
    inner = ColumnTransformer([("scale", StandardScaler(), ["kind"])])
    inner.fit(FRAME.assign(kind=1.0))
    outer = Pipeline([("columns", inner), ("line", LinearRegression())])
    with pytest.raises(ExportError, match=r"step 'columns/scale'.*strings of \['kind'\].*OneHotEncoder"):
        export_pipeline(Pipeline([*outer.steps[:1], ("line", LinearRegression().fit([[1.0]], [1.0]))]), CONTRACT)
    with pytest.raises(ExportError, match="gives no column"):
        written(ColumnTransformer([("none", "drop", ["a"])]).fit(FRAME), CONTRACT)


@pytest.mark.parametrize("wrapped", [False, True])
def test_target_without_a_scale(wrapped: bool) -> None:
    """A target that goes through nothing, and one inside a pipeline's last step."""
    line: Any = TransformedTargetRegressor(LinearRegression()) if wrapped else LinearRegression()
    columns = ColumnTransformer([("n", SimpleImputer(), ["a", "b"])])
    pipeline = make_pipeline(columns, line).fit(FRAME, TARGET)
    got = answers(serialise(export_pipeline(pipeline, CONTRACT)), ROWS)
    np.testing.assert_allclose(got, pipeline.predict(to_frame(ROWS, CONTRACT)), rtol=1e-12)


def test_columns_are_picked_once() -> None:
    """Groups of one column each cost no more nodes than one group of all of them."""
    groups = [(name, "passthrough", [name]) for name in ("b", "a", "flag")]
    assert [node.op_type for node in packed(ColumnTransformer(groups).fit(FRAME), CONTRACT).nodes] == ["Gather"]
