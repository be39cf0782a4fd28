"""Projections: sums of products, near to the last bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import FeatureAgglomeration
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.decomposition import (
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.random_projection import SparseRandomProjection
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


CLASSES = np.digitize(ROWS[:, 0] + ROWS[:, 3], [-2.0, 2.0])
TARGETS = np.column_stack([ROWS[:, 0] - ROWS[:, 5], ROWS[:, 2]]) + GENERATOR.normal(size=(300, 2))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "model",
    [
        LinearDiscriminantAnalysis(),
        LinearDiscriminantAnalysis(n_components=1),
        LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
        FactorAnalysis(3),
        FactorAnalysis(3, rotation="varimax", random_state=0),
        FastICA(3, random_state=0),
        FastICA(8, whiten="arbitrary-variance", random_state=0),
        FastICA(whiten=False, random_state=0, max_iter=5),
        SparseRandomProjection(5, random_state=0),
        SparsePCA(3, random_state=0, max_iter=20),
        SparsePCA(2, ridge_alpha=0.5, alpha=30, random_state=0, max_iter=20),
        MiniBatchSparsePCA(3, random_state=0, max_iter=5),
        NeighborhoodComponentsAnalysis(2, random_state=0, max_iter=3),
    ],
    ids=repr,
)
def test_other_projections(model: Any) -> None:
    """Directions between classes, factors, sources, and random ones."""
    assert_same(model.fit(FRAME, CLASSES), CONTRACT, ROWS, relative=1e-10)
    assert_same(make_pipeline(StandardScaler(), model).fit(FRAME, CLASSES), CONTRACT, ROWS, relative=1e-10)


@pytest.mark.parametrize("model", [PLSRegression(2), PLSCanonical(2), CCA(2, max_iter=2000), PLSSVD(2)], ids=repr)
def test_partial_least_squares_in_the_middle(model: Any) -> None:
    """The scores of a row, which the next step sees."""
    assert_same(model.fit(FRAME, TARGETS), CONTRACT, ROWS, relative=1e-12)


@pytest.mark.parametrize("pooling", [np.mean, np.max, np.min], ids=["mean", "max", "min"])
def test_groups_of_columns(pooling: Any) -> None:
    """Bit for bit: sums run from the first column of a group to its last."""
    model = FeatureAgglomeration(3, pooling_func=pooling)
    assert_same(model.fit(FRAME), CONTRACT, ROWS)
    assert_same(make_pipeline(StandardScaler(), model).fit(FRAME), CONTRACT, ROWS)


def test_what_cannot_be_transformed_is_refused() -> None:
    """A solver without a transform, another pooling, sparse columns."""
    for model, message in (
        (LinearDiscriminantAnalysis(solver="lsqr"), r"solver='lsqr' has no transform.*solver='svd'"),
        (SparsePCA(2, ridge_alpha=0.0, alpha=1e4, random_state=0), r"components hardly differ.*ridge_alpha"),
        (FeatureAgglomeration(3, pooling_func=np.median), r"pooling_func is not known.*np\.mean"),
    ):
        with pytest.raises(ExportError, match=message):
            written(model.fit(FRAME, CLASSES), CONTRACT)


def test_sparse_projection_of_sparse_columns() -> None:
    """Behind a one-hot encoder the result stays sparse, unless it is asked for dense."""
    few = np.asarray(np.clip(ROWS, -2, 2).round(), dtype=np.float64)
    for dense in (False, True):
        model = make_pipeline(
            OneHotEncoder(handle_unknown="ignore"), SparseRandomProjection(5, random_state=0, dense_output=dense)
        )
        model.fit(to_frame(few, CONTRACT))
        assert_same(model, CONTRACT, few, relative=1e-12)
        assert written(model, CONTRACT)[1].sparse is not dense


def test_trees_behind_components_of_a_sparse_matrix() -> None:
    """SciPy adds in an order of its own, on which a branch may hang: refused."""
    pipeline, contract = sparse_columns.fitted(TruncatedSVD(2), DecisionTreeRegressor(max_depth=3))
    with pytest.raises(ExportError, match=r"split on components of a sparse matrix.*without TruncatedSVD"):
        export_pipeline(pipeline, contract)
