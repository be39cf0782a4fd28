"""Column transformers and scaled targets: the columns of each step, and the order of the results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from tabento.bundle.contract import Feature
from tabento.export import ExportError, export_pipeline, serialise
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    number,
    pack_transformer,
    write_transformer,
)
from tests.training.orchards import answers

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


def one_hot_encoder() -> OneHotEncoder:
    """Return an encoder that accepts unknown categories."""
    return OneHotEncoder(handle_unknown="ignore")


@pytest.mark.parametrize(
    "columns",
    [
        ColumnTransformer([("n", SimpleImputer(), ["b", "a"]), ("k", one_hot_encoder(), ["sort", "kind"])]),
        ColumnTransformer([("k", one_hot_encoder(), ["kind", "sort"])], remainder="passthrough"),
        ColumnTransformer(
            [("k", one_hot_encoder(), ["kind", "sort"]), ("a", "drop", ["a"])], remainder=StandardScaler()
        ),
        ColumnTransformer(
            [("n", "passthrough", [2, 0]), ("none", StandardScaler(), []), ("k", one_hot_encoder(), [-1])]
        ),
        ColumnTransformer(
            [("n", MinMaxScaler(), slice(2, 4)), ("m", "passthrough", [True, False, True, False, False])]
        ),
        ColumnTransformer(
            [("n", StandardScaler(), make_column_selector(dtype_include="number"))], remainder=one_hot_encoder()
        ),
        ColumnTransformer(
            [("n", StandardScaler(), ["a", "b"]), ("m", MinMaxScaler(), ["b"]), ("k", one_hot_encoder(), ["kind"])],
            transformer_weights={"n": 0.3, "m": -2.0, "k": 7},
        ),
        ColumnTransformer([("k", one_hot_encoder(), ["kind"]), ("n", "passthrough", ["b"])], sparse_threshold=1.0),
    ],
    ids=lambda columns: "+".join(name for name, *_ in columns.transformers) + str(columns.remainder)[:8],
)
def test_columns_go_where_the_pipeline_sends_them(columns: ColumnTransformer) -> None:
    """Names, positions, slices, masks and selectors find columns; dropped, passed, remaining and weighted parts agree."""
    assert_same(columns.fit(FRAME), CONTRACT, ROWS)


def test_frame_with_more_columns_in_another_order() -> None:
    """A transformer that was fitted on another order finds its columns in the contract by name."""
    frame = FRAME.assign(extra=1.0)[["sort", "extra", "b", "a", "kind", "flag"]]
    columns = ColumnTransformer(
        [("n", SimpleImputer(), ["a", "flag"]), ("k", one_hot_encoder(), ["kind"])], remainder="drop"
    )
    assert_same(columns.fit(frame), CONTRACT, ROWS)
    lost = ColumnTransformer([("n", SimpleImputer(), ["a", "extra"])]).fit(frame)
    with pytest.raises(ExportError, match=r"step 'n'.*\['extra'\], which the contract does not have"):
        write_transformer(lost, CONTRACT)
    plain = ColumnTransformer([("n", "passthrough", [0, 1])]).fit(np.ones((3, 2)))
    with pytest.raises(ExportError, match="fitted on 2 columns and gets 5"):
        write_transformer(plain, CONTRACT)


def test_weights_are_looked_through() -> None:
    """A negative weight reverses thresholds."""
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["a", "b"]), ("m", "passthrough", ["flag"])], transformer_weights={"n": -0.7, "m": 3.0}
    )
    model = HistGradientBoostingRegressor(max_iter=10, max_bins=12, min_samples_leaf=5)
    graph = assert_same_branches(make_pipeline(columns, model).fit(FRAME, TARGET), CONTRACT, ROWS)
    assert [node.op_type for node in graph.nodes] == ["TreeEnsemble", "Squeeze"]


def test_refusals_name_the_path() -> None:
    """The error names a nested step by its path."""
    inner = ColumnTransformer([("scale", StandardScaler(), ["kind"])])
    inner.fit(FRAME.assign(kind=1.0))
    outer = Pipeline([("columns", inner), ("line", LinearRegression())])
    with pytest.raises(ExportError, match=r"step 'columns/scale'.*strings of \['kind'\].*OneHotEncoder"):
        export_pipeline(Pipeline([*outer.steps[:1], ("line", LinearRegression().fit([[1.0]], [1.0]))]), CONTRACT)
    with pytest.raises(ExportError, match="gives no column"):
        write_transformer(ColumnTransformer([("none", "drop", ["a"])]).fit(FRAME), CONTRACT)


@pytest.mark.parametrize("wrapped", [False, True])
def test_target_without_a_scale(wrapped: bool) -> None:
    """A target without a scale converts, also inside the last step of a pipeline."""
    line: Any = TransformedTargetRegressor(LinearRegression()) if wrapped else LinearRegression()
    columns = ColumnTransformer([("n", SimpleImputer(), ["a", "b"])])
    pipeline = make_pipeline(columns, line).fit(FRAME, TARGET)
    actual = answers(serialise(export_pipeline(pipeline, CONTRACT)), ROWS)
    np.testing.assert_allclose(actual, pipeline.predict(to_frame(ROWS, CONTRACT)), rtol=1e-12)


def test_columns_are_picked_once() -> None:
    """Groups of one column each need no more nodes than one group of all columns."""
    groups = [(name, "passthrough", [name]) for name in ("b", "a", "flag")]
    assert [node.op_type for node in pack_transformer(ColumnTransformer(groups).fit(FRAME), CONTRACT).nodes] == [
        "Gather"
    ]
