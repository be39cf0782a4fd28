"""Projections: sums of products, near to the last bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import (
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    KernelPCA,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline
from tabento.tables.frames import to_frame
from tests.tabento.export import sparse_columns
from tests.tabento.export.estimator_graphs import check, table, target
from tests.tabento.export.tables import assert_same, contract_of, number, write_transformer

GENERATOR = np.random.default_rng(101)
CONTRACT = contract_of(*(number(f"x{index}") for index in range(8)))
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
    """Projections with and without whitening agree, raw and after a scaler."""
    assert_same(model.fit(FRAME), CONTRACT, ROWS, relative=1e-13)
    assert_same(make_pipeline(StandardScaler(), model).fit(FRAME), CONTRACT, ROWS, relative=1e-13)


def test_missing_values_are_refused() -> None:
    """A contract with missing values is refused, because scikit-learn raises on them."""
    nullable = contract_of(*(number(f"x{index}", nullable=index == 3) for index in range(8)))
    for model in (PCA(2), TruncatedSVD(2)):
        with pytest.raises(ExportError, match=r"raises on a missing value.*\['x3'\]"):
            write_transformer(model.fit(FRAME), nullable)


CLASSES = np.digitize(ROWS[:, 0] + ROWS[:, 3], [-2.0, 2.0])
TARGETS = np.column_stack([ROWS[:, 0] - ROWS[:, 5], ROWS[:, 2]]) + GENERATOR.normal(size=(300, 2))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "model",
    [
        FactorAnalysis(3),
        FactorAnalysis(3, rotation="varimax", random_state=0),
        FastICA(3, random_state=0),
        FastICA(8, whiten="arbitrary-variance", random_state=0),
        FastICA(whiten=False, random_state=0, max_iter=5),
        SparsePCA(3, random_state=0, max_iter=20),
        SparsePCA(2, ridge_alpha=0.5, alpha=30, random_state=0, max_iter=20),
        MiniBatchSparsePCA(3, random_state=0, max_iter=5),
    ],
    ids=repr,
)
def test_other_projections(model: Any) -> None:
    """Factors, sources and sparse components agree to rounding."""
    assert_same(model.fit(FRAME, CLASSES), CONTRACT, ROWS, relative=1e-10)
    assert_same(make_pipeline(StandardScaler(), model).fit(FRAME, CLASSES), CONTRACT, ROWS, relative=1e-10)


def test_what_cannot_be_transformed_is_refused() -> None:
    """Components that hardly differ are refused."""
    for model, message in (
        (SparsePCA(2, ridge_alpha=0.0, alpha=1e4, random_state=0), r"components hardly differ.*ridge_alpha"),
    ):
        with pytest.raises(ExportError, match=message):
            write_transformer(model.fit(FRAME, CLASSES), CONTRACT)


def test_trees_behind_components_of_a_sparse_matrix() -> None:
    """Trees after components of a sparse matrix are refused, because SciPy adds in another order."""
    pipeline, contract = sparse_columns.fit_pipeline(TruncatedSVD(2), DecisionTreeRegressor(max_depth=3))
    with pytest.raises(ExportError, match=r"split on components of a sparse matrix.*without TruncatedSVD"):
        export_pipeline(pipeline, contract)


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid", "cosine"])
def test_kernel_components(kernel: str) -> None:
    """The projections on components of a kernel agree with the graph, and so do the predictions of a model after them."""
    raw = table()
    rows, numbers = (raw - raw.mean(axis=0)) / raw.std(axis=0), target(raw)
    model = KernelPCA(3, kernel=kernel, gamma=0.2)
    check(model.fit(rows[:100]), rows)
    check(make_pipeline(model, Ridge()).fit(rows[:300], numbers[:300]), rows)
