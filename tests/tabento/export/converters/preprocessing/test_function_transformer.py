"""Function transformers: no function, a listed function, a function of texts. `formulas/test_functions.py` has each function."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from tabento.export import ExportError
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, category, contract_of, number, write_transformer

CONTRACT = contract_of(number("a", nullable=True), number("b"))
ROWS = np.array([[1.0, 2.0], [np.nan, 0.5], [-3.0, 1e300]])
FRAME = to_frame(ROWS, CONTRACT)


def test_without_a_function_columns_stay() -> None:
    """A transformer without a function gives the columns as they are and adds no node."""
    transformer = FunctionTransformer().fit(FRAME)
    assert_same(transformer, CONTRACT, ROWS)
    assert not write_transformer(transformer, CONTRACT)[0].nodes


@pytest.mark.parametrize("function", [None, np.abs])
def test_validation_refuses_missing_values(function: np.ufunc | None) -> None:
    """With `validate=True` scikit-learn raises on a missing value, so the contract must exclude it."""
    transformer = FunctionTransformer(function, validate=True).fit(FRAME[["b"]].fillna(0.0).assign(a=0.0)[["a", "b"]])
    with pytest.raises(ExportError, match=r"validate=True raises on a missing value.*\['a'\]"):
        write_transformer(transformer, CONTRACT)


def test_function_of_texts_is_refused() -> None:
    """A function cannot be evaluated on texts in the graph: a column of categories is refused by name."""
    contract = contract_of(category("kind", "x", "y"))
    transformer = FunctionTransformer(np.abs).fit(np.ones((2, 1)))
    with pytest.raises(ExportError, match=r"strings of \['kind'\]"):
        write_transformer(transformer, contract)
