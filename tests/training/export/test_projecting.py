"""Projections: sums of products, near to the last bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tests.training.export import sparse_columns
from tests.training.export.tables import assert_same, contract_of, number, written
from training.export import ExportError, export_pipeline
from training.frames import to_frame

GENERATOR = np.random.default_rng(101)
CONTRACT = contract_of(*(number(f"x{at}") for at in range(8)))
ROWS = GENERATOR.normal(size=(300, 8)) @ GENERATOR.normal(size=(8, 8)) + GENERATOR.normal(size=8)
FRAME = to_frame(ROWS, CONTRACT)


@pytest.mark.parametrize(
    "model",
    [
        PCA(),
        PCA(3),
        PCA(0.9, whiten=True),
        IncrementalPCA(4, whiten=True),
        TruncatedSVD(3),
        PCA(2, svd_solver="arpack"),
    ],
    ids=repr,
)
def test_projected(model: Any) -> None:
    """With and without whitening, raw and behind a scaler."""
    assert_same(model.fit(FRAME), CONTRACT, ROWS, relative=1e-13)
    assert_same(make_pipeline(StandardScaler(), model).fit(FRAME), CONTRACT, ROWS, relative=1e-13)


def test_missing_values_are_refused() -> None:
    """scikit-learn raises on them."""
    nullable = contract_of(*(number(f"x{at}", nullable=at == 3) for at in range(8)))
    for model in (PCA(2), TruncatedSVD(2)):
        with pytest.raises(ExportError, match=r"raises on a missing value.*\['x3'\]"):
            written(model.fit(FRAME), nullable)


def test_trees_behind_components_of_a_sparse_matrix() -> None:
    """SciPy adds in an order of its own, on which a branch may hang: refused."""
    pipeline, contract = sparse_columns.fitted(TruncatedSVD(2), DecisionTreeRegressor(max_depth=3))
    with pytest.raises(ExportError, match=r"split on components of a sparse matrix.*without TruncatedSVD"):
        export_pipeline(pipeline, contract)
