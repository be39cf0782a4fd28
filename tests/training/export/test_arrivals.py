"""Arrivals: where a step's columns come from, and what the contract lets through to them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from bundle.contract import Contract, Feature
from tests.training.export.tables import category, contract_of, number, written
from training.export import ExportError
from training.export.arrivals import arrival, refuse_surprises
from training.export.packing import Origin
from training.export.pen import Pen
from training.frames import to_frame

CONTRACT: Contract = contract_of(
    number("a", nullable=True, minimum=-1, maximum=4), number("b", minimum=0, maximum=8), number("c")
)
ROWS = np.array([[1.0, 2.0, 3.0], [np.nan, 4.0, 5.0], [3.0, 6.0, 8.0]])


def _columns() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("plain", "passthrough", ["c", "a"]),
            ("imputed", SimpleImputer(strategy="constant", fill_value=9), ["b", "a"]),
            ("scaled", make_pipeline(SimpleImputer(), StandardScaler()), ["b"]),
        ]
    ).fit(to_frame(ROWS, CONTRACT))


def test_columns_are_followed_to_the_rows() -> None:
    """Through picking, joining and imputing; not through arithmetic."""
    graph, columns = written(_columns(), CONTRACT)
    found = [arrival(graph, columns.name, at) for at in range(columns.width)]
    assert found == [Origin(2), Origin(0), Origin(1, 9.0), Origin(0, 9.0), None]


def test_surprises_are_named() -> None:
    """What raises is said in words: a value, a missing one, or what was imputed in its place."""
    contract = contract_of(
        Feature(name="n", type="integer", minimum=1, maximum=3, nullable=True),
        category("k", "x", "y", unknown="ignore"),
        Feature(name="f", type="boolean"),
    )
    graph, columns = written(FunctionTransformer(), contract)
    pen = Pen(graph, contract)
    for at, known, words in (
        (0, [1.0, 2.0, 3.0], "a missing value"),
        (0, [np.nan, 1.0, 3.0], "raises on 2"),
        (1, [0.0], "'y'"),
        (1, [0.0, 1.0], "an unknown value"),
        (2, [0.0], "true"),
    ):
        with pytest.raises(ExportError, match=words):
            refuse_surprises(pen, columns, at, known, "something else")
    refuse_surprises(pen, columns, 0, [np.nan, 1.0, 2.0, 3.0], "something else")
    refuse_surprises(pen, columns, 1, [0.0, 1.0, -1.0], "something else")
