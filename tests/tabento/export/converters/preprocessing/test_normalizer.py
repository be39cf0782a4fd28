"""The normalizer: rows divided by their norm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Normalizer,
)
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline
from tabento.tables.frames import to_frame
from tests.tabento.export import sparse_columns
from tests.tabento.export.converters.preprocessing.test_scalers import CONTRACT, FRAME
from tests.tabento.export.tables import (
    assert_same,
    assert_same_branches,
    contract_of,
    number,
    write_transformer,
)

GENERATOR = np.random.default_rng(32)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_rows_over_their_norm(norm: str) -> None:
    """Rows agree up to the last bits of a sum; a row of zeros stays zero; the largest magnitude is exact."""
    contract = contract_of(number("a"), number("b"), number("c"))
    rows = np.concatenate([GENERATOR.normal(size=(50, 3)), np.zeros((1, 3)), np.full((1, 3), 1e-17)])
    normalizer = Normalizer(norm).fit(to_frame(rows, contract))
    assert_same(normalizer, contract, rows, relative=0.0 if norm == "max" else 1e-15)


def test_normalizer_refuses_what_may_be_missing() -> None:
    """A contract with a missing column is refused, because scikit-learn raises on it."""
    normalizer = Normalizer().fit(FRAME.fillna(0.0))
    with pytest.raises(ExportError, match=r"Normalizer raises on a missing value.*\['a'\].*imputer"):
        write_transformer(normalizer, CONTRACT)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_normalizer_of_a_sparse_matrix(norm: Any) -> None:
    """In a sparse matrix norms below 2e-15 are used too, except 0, and trees after it take the same branches."""
    sparse_columns.prove_pipeline(Normalizer(norm), Ridge(1e-9), low=-1e-15, high=1e-15)
    report = sparse_columns.prove_pipeline(Normalizer(norm), DecisionTreeRegressor(max_depth=5))
    assert report.trees == 1
    assert not report.undecided


def test_trees_behind_a_normalizer() -> None:
    """Trees after sums of few magnitudes are accepted; after squares they are refused with the remedy."""
    contract = contract_of(number("a"), number("b"))
    rows = np.random.default_rng(5).normal(size=(200, 2))
    frame = to_frame(rows, contract)
    for norm in ("l1", "max"):
        pipeline = make_pipeline(Normalizer(norm), HistGradientBoostingRegressor(max_iter=5)).fit(frame, rows[:, 0])
        assert_same_branches(pipeline, contract, rows)
    pipeline = make_pipeline(Normalizer("l2"), HistGradientBoostingRegressor(max_iter=5)).fit(frame, rows[:, 0])
    with pytest.raises(ExportError, match=r"l2 norms.*Normalizer\(norm='max'\)"):
        export_pipeline(pipeline, contract)
