"""Origins of a step's columns, and the values that the contract allows in them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tabento.bundle.contract import Contract, Feature
from tabento.export import ExportError
from tabento.export.analysis.column_origin import column_origin, refuse_unknown_values
from tabento.export.graph.origins import Origin
from tabento.export.graph.writer import GraphWriter
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import category, contract_of, number, write_transformer

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
    """A column is traced back through selection, joining and imputation, but not through arithmetic."""
    graph, columns = write_transformer(_columns(), CONTRACT)
    origins = [column_origin(graph, columns.name, column) for column in range(columns.width)]
    assert origins == [Origin(2), Origin(0), Origin(1, 9.0), Origin(0, 9.0), None]


def test_unknown_values_are_named() -> None:
    """The error names the value that raises: a value, a missing value, or the imputed value."""
    contract = contract_of(
        Feature(name="n", type="integer", minimum=1, maximum=3, nullable=True),
        category("k", "x", "y", unknown="ignore"),
        Feature(name="f", type="boolean"),
    )
    graph, columns = write_transformer(FunctionTransformer(), contract)
    writer = GraphWriter(graph, contract)
    for column, is_known, words in (
        (0, [1.0, 2.0, 3.0], "a missing value"),
        (0, [np.nan, 1.0, 3.0], "raises on 2"),
        (1, [0.0], "'y'"),
        (1, [0.0, 1.0], "an unknown value"),
        (2, [0.0], "true"),
    ):
        with pytest.raises(ExportError, match=words):
            refuse_unknown_values(writer, columns, column, is_known, "something else")
    refuse_unknown_values(writer, columns, 0, [np.nan, 1.0, 2.0, 3.0], "something else")
    refuse_unknown_values(writer, columns, 1, [0.0, 1.0, -1.0], "something else")
