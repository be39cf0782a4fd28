"""Ranges: between which numbers a value stays."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tabento.bundle.contract import Contract
from tabento.export.analysis.ranges import column_range
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import contract_of, number, write_transformer

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


def test_ranges_are_followed_through_functions() -> None:
    """A range starts at the contract, includes the imputed value, and passes through increasing functions."""
    graph, columns = write_transformer(_columns(), CONTRACT)
    ranges = [column_range(graph, columns.name, column, CONTRACT) for column in range(columns.width)]
    assert ranges[1:4] == [(-1.0, 4.0), (0.0, 9.0), (-1.0, 9.0)]
    scale = np.array([2.0, 4.0, 6.0]).std()
    assert ranges[4] is not None
    np.testing.assert_allclose(ranges[4], ((0 - 4) / scale, (8 - 4) / scale))
    assert column_range(graph, "nowhere", 0, CONTRACT) is None


def test_ranges_after_functions_with_turning_points() -> None:
    """A magnitude is between 0 and its larger end, a square is not negative, and a sine is between -1 and 1."""
    frame = to_frame(ROWS, CONTRACT)
    for function, expected in ((np.abs, (0.0, 4.0)), (np.square, (0.0, np.inf)), (np.sin, (-1.0, 1.0))):
        graph, columns = write_transformer(FunctionTransformer(function).fit(frame), CONTRACT)
        assert column_range(graph, columns.name, 0, CONTRACT) == expected
