"""MissingText before adopted pipelines: no node, and the next steps test for NaN."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from tabento.bundle.contract import Contract, Feature, Output
from tabento.export import export_pipeline, serialise
from tabento.tables.frames import to_frame
from tabento.transformers.missing_text import MissingText

CONTRACT = Contract(
    name="m",
    title="M",
    description="",
    task="regression",
    features=(
        Feature(name="c", type="category", categories=("a", "b", "z"), nullable=True, unknown="ignore"),
        Feature(name="x", type="number"),
    ),
    output=Output(name="y"),
)
FRAME = pd.DataFrame({"c": pd.Series(["a", np.nan, "b", "a", "b"], dtype=object), "x": [1.0, 2.0, 3.0, 4.0, 5.0]})
ROWS = np.array([[0.0, 1.0], [np.nan, 2.0], [1.0, 3.0], [-1.0, 4.0], [2.0, 0.5]])
"""A known value, missing, a known value, one that nobody listed, one that the encoder does not know."""


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
        make_pipeline(SimpleImputer(strategy="constant", fill_value="z"), OneHotEncoder(handle_unknown="ignore")),
    ],
)
def test_missing_is_what_the_pipeline_was_fitted_on(encoder: object) -> None:
    """Rows with a missing category get the pipeline's answer to NaN."""
    columns = make_column_transformer((encoder, ["c"]), remainder="passthrough")
    inner = make_pipeline(columns, Ridge()).fit(FRAME, [1.0, 9.0, 2.0, 4.0, 3.0])
    pipeline = make_pipeline(MissingText(["c"]).fit(FRAME), inner)
    model = serialise(export_pipeline(pipeline, CONTRACT))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    actual = session.run(["prediction"], {"rows": ROWS})[0]
    np.testing.assert_allclose(actual, pipeline.predict(to_frame(ROWS, CONTRACT)), rtol=1e-12)
    as_pandas = pd.DataFrame({"c": pd.Series(["a", np.nan, "b", "?", "z"], dtype=object), "x": ROWS[:, 1]})
    np.testing.assert_allclose(actual, inner.predict(as_pandas), rtol=1e-12)
