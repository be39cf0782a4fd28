"""Pipelines and unions inside each other, and columns found by name after `set_output`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OrdinalEncoder, StandardScaler

from tests.tabento.export.converters.test_compose import CONTRACT, FRAME, ROWS, one_hot_encoder
from tests.tabento.export.tables import (
    assert_same,
)


def test_nested_transformers_and_unions() -> None:
    """Column transformers inside pipelines inside unions convert; strings pass unchanged until a step encodes them."""
    inner = ColumnTransformer([("s", StandardScaler(), ["b", "a"])], remainder="passthrough")
    numbers = make_pipeline(inner, SimpleImputer(add_indicator=True))
    union = FeatureUnion(
        [("one", numbers), ("two", "passthrough"), ("gone", "drop"), ("three", FunctionTransformer(np.square))],
        transformer_weights={"one": 2.0},
    )
    strings = make_pipeline(ColumnTransformer([("swap", "passthrough", ["sort", "kind"])]), one_hot_encoder())
    columns = ColumnTransformer([("u", union, ["a", "b", "flag"]), ("k", strings, ["kind", "sort"])])
    assert_same(columns.fit(FRAME), CONTRACT, ROWS)
    mixed = Pipeline(
        [
            ("order", ColumnTransformer([("p", "passthrough", ["kind", "b"])], remainder="drop")),
            ("nothing", "passthrough"),
            ("split", ColumnTransformer([("k", one_hot_encoder(), [0]), ("n", "passthrough", [1])])),
        ]
    )
    assert_same(mixed.fit(FRAME), CONTRACT, ROWS)


def test_output_as_frames() -> None:
    """After `set_output` later steps find columns by the names that earlier steps gave."""
    first = ColumnTransformer([("n", StandardScaler(), ["b", "flag"]), ("k", OrdinalEncoder(), ["sort"])])
    second = ColumnTransformer([("m", MinMaxScaler(), ["k__sort", "n__b"])], remainder="passthrough")
    pipeline = make_pipeline(first, second).set_output(transform="pandas").fit(FRAME)
    assert isinstance(pipeline.transform(FRAME), pd.DataFrame)
    assert_same(pipeline, CONTRACT, ROWS)
    short = ColumnTransformer([("n", StandardScaler(), ["b"])], verbose_feature_names_out=False)
    repeated = ColumnTransformer([("m", "passthrough", ["b"])])
    assert_same(make_pipeline(short, repeated).set_output(transform="pandas").fit(FRAME), CONTRACT, ROWS)
