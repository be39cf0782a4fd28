"""Functions of frames: pandas' way with missing values, columns by name, texts that pass by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from tabento.export.tracing.trust import full_name, trusted_functions
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, category, contract_of
from tests.tabento.export.tracing.functions import CONTRACT, assert_traced, rows


def _add_features(df: pd.DataFrame) -> pd.DataFrame:
    df = df.copy()
    df["ratio"] = df["a"] / df["c"]
    df["mean"] = df[["a", "b"]].mean(axis=1)
    df["known"] = df.b.fillna(0)
    df["large"] = (df["a"] > 3).astype(int)
    df["chosen"] = np.where(df.a > df.c, 1, df.b)
    return df.drop(columns=["b"])


FUNCTIONS = {
    "engineered": _add_features,
    "assign": lambda df: df.assign(d=lambda frame: frame.a % 5, e=df.c**2).rename(columns={"a": "first"}),
    "across": lambda df: df.assign(
        s=df.sum(axis=1), x=df.max(axis=1), n=df.min(axis=1), m=df.mean(axis=1, skipna=False)
    ),
    "numpy across": lambda df: np.column_stack([np.sum(df, axis=1), np.max(df, axis=1), np.abs(df["a"])]),
    "limits": lambda df: df.clip(lower=0, upper=4).round(1).add_prefix("x_"),
    "numpy limits": lambda df: np.round(np.clip(df, 0, 4), 1),
    "arrays": lambda df: np.c_[df["a"] / df["c"], df[["b", "c"]].values, df.to_numpy()[:, 0]],
    "places": lambda df: df.iloc[:, [2, 0]].assign(b=df.loc[:, "b"].where(df["a"] > 0, -1.0)),
    "tests": lambda df: (
        df.isna().astype(float).assign(a=df.a.between(-1, 5), c=df.b.isin([2.0, 2.1]), d=df.b.notnull())
    ),
    "methods": lambda df: df.div(df["c"], axis=0).add(1).assign(d=df.a.sub(df.c).abs().mul(2)),
    "apply": lambda df: df.apply(lambda column: column * 2).assign(a=df["a"].apply(lambda value: value / 3)),
    "mask": lambda df: df.mask(df > 5, 5.0).pipe(lambda frame: frame[["c", "b"]]),
    "kinds": lambda df: df if isinstance(df, pd.DataFrame) and not hasattr(df, "toarray") else df["nothing"],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_frames_have_the_same_bits(name: str) -> None:
    """Sums skip missing numbers, as pandas does and NumPy does not."""
    assert_traced(FUNCTIONS[name], frame=True)


def test_texts_pass_by_and_columns_keep_their_names() -> None:
    """A function adds a column to a frame with texts, and the next column transformer selects by name."""
    contract = contract_of(*CONTRACT.features, category("kind", "x", "y"))
    table = np.column_stack([rows(), np.arange(60) % 2])
    columns = ColumnTransformer(
        [("text", OneHotEncoder(sparse_output=False), ["kind"]), ("new", "passthrough", ["ratio"])]
    )
    pipeline = make_pipeline(FunctionTransformer(_add_features), columns).fit(to_frame(table, contract))
    with trusted_functions([full_name(_add_features)]):
        assert_same(pipeline, contract, table)


def test_frames_of_set_output_are_known() -> None:
    """A function after a step with pandas output selects columns by that step's names."""

    def ratio(df: Any) -> Any:
        return df[["n__a"]] / 2

    columns = ColumnTransformer([("n", "passthrough", ["a", "c"])]).set_output(transform="pandas")
    pipeline = make_pipeline(columns, FunctionTransformer(ratio)).fit(to_frame(rows(), CONTRACT))
    with trusted_functions([full_name(ratio)]):
        assert_same(pipeline, CONTRACT, rows())
