"""Projections onto components, factors, sources or directions between classes: sums of products.

A sum has no defined last bit: scikit-learn's own changes with the number of rows, because BLAS adds in another order
for a matrix than for a vector. With two components or more the graph has the bits of a batch, see
``training.export.links``; with one it has not, and trees are refused behind it.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
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
from sklearn.random_projection import SparseRandomProjection

from training.export.arrivals import refuse_missing
from training.export.linear import doubles, require_present
from training.export.links import product
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.sums import mark_components
from training.export.values import Columns, numbers

PCA_INSTEAD = "PCA with n_components=2 or more in its place, or the columns themselves"
CONDITION = 1e6
"""Up to this condition of an equation its solution keeps ten digits of the sixteen that a double has."""


@transformer(PCA, IncrementalPCA)
def pca(pen: Pen, model: PCA | IncrementalPCA, columns: Columns) -> Columns:
    """x · components - mean · components, over the standard deviations where whitening is asked for.

    The mean is taken off behind the product, as scikit-learn does, so that both lose the same digits.
    """
    pen.require_numbers(columns)
    refuse_missing(pen, columns, type(model).__name__)
    components = np.ascontiguousarray(np.asarray(model.components_, dtype=np.float64).T)
    # In the layout that scikit-learn has: BLAS adds a row of a transposed matrix up in another order.
    centre = np.asarray(model.mean_, dtype=np.float64).reshape(1, -1) @ np.asarray(model.components_, np.float64).T
    projected = product(pen, columns.name, components)
    value = pen.node("Sub", [projected, pen.constant(centre, "centre")], "projected")
    mark_components(pen, model, value)
    if model.whiten:
        scale = np.sqrt(np.asarray(model.explained_variance_, dtype=np.float64))
        scale = np.maximum(scale, np.finfo(np.float64).eps)
        value = pen.node("Div", [value, pen.constant(scale[np.newaxis], "deviations")], "whitened")
    return numbers(value, components.shape[1])


@transformer(TruncatedSVD)
def truncated_svd(pen: Pen, model: TruncatedSVD, columns: Columns) -> Columns:
    """x · components."""
    pen.require_numbers(columns)
    refuse_missing(pen, columns, "TruncatedSVD")
    components = np.ascontiguousarray(np.asarray(model.components_, dtype=np.float64).T)
    projected = product(pen, columns.name, components)
    if columns.sparse:
        # SciPy adds them up in the same way in any company, so a row is decided where ONNX Runtime is a bit off.
        pen.unsettle(
            projected,
            "components of a sparse matrix, whose last bits hang on the order in which they are added up",
            "the trees without TruncatedSVD in front of them",
        )
    return numbers(projected, components.shape[1])


def _without(pen: Pen, columns: Columns, mean: NDArray[np.float64]) -> str:
    """Return columns without their means, shape (N, columns)."""
    return pen.node("Sub", [columns.name, pen.constant(mean.reshape(1, -1).copy(), "mean")], "centred")


@transformer(LinearDiscriminantAnalysis)
def discriminant_projection(pen: Pen, model: LinearDiscriminantAnalysis, columns: Columns) -> Columns:
    """The directions that tell the classes apart; only the solver ``svd`` takes the mean off."""
    require_present(pen, model, columns)
    if model.solver not in ("svd", "eigen"):
        raise pen.refusal(f"solver={model.solver!r} has no transform", "solver='svd'")
    # scikit-learn multiplies by all directions and keeps the first.
    scalings, kept = doubles(pen, model.scalings_), int(model._max_components)
    value = _without(pen, columns, doubles(pen, model.xbar_)) if model.solver == "svd" else columns.name
    projected = numbers(product(pen, value, scalings.copy()), scalings.shape[1])
    return pen.pick(projected, list(range(min(kept, projected.width))))


@transformer(FactorAnalysis)
def factor_analysis(pen: Pen, model: FactorAnalysis, columns: Columns) -> Columns:
    """The expected factors behind a row (Barber: Bayesian Reasoning and Machine Learning, 21.2.33)."""
    require_present(pen, model, columns)
    components, noise = doubles(pen, model.components_), doubles(pen, model.noise_variance_)
    weights = components / noise
    covariance = np.linalg.inv(np.eye(len(components)) + np.dot(weights, components.T))
    weighted = product(pen, _without(pen, columns, doubles(pen, model.mean_)), weights.T.copy())
    return numbers(product(pen, weighted, covariance), len(components))


@transformer(FastICA)
def independent_components(pen: Pen, model: FastICA, columns: Columns) -> Columns:
    """The rows of the unmixing matrix, times the centred columns where whitening was asked for."""
    require_present(pen, model, columns)
    components = doubles(pen, model.components_)
    value = _without(pen, columns, doubles(pen, model.mean_)) if model.whiten else columns.name
    return numbers(product(pen, value, components.T.copy()), len(components))


@transformer(SparsePCA, MiniBatchSparsePCA)
def sparse_pca(pen: Pen, model: SparsePCA | MiniBatchSparsePCA, columns: Columns) -> Columns:
    """The ridge regression of a centred row on the components, which has a closed form."""
    require_present(pen, model, columns)
    components = doubles(pen, model.components_)
    square = components @ components.T + float(model.ridge_alpha) * np.eye(len(components))
    if np.linalg.cond(square) > CONDITION:
        raise pen.refusal(
            "its components hardly differ, so that rounding decides", "fewer n_components or a larger ridge_alpha"
        )
    matrix = np.asarray(np.linalg.solve(square, components).T, dtype=np.float64)
    solved = product(pen, _without(pen, columns, doubles(pen, model.mean_)), matrix.copy())
    pen.unsettle(solved, f"the components of {type(model).__name__}, which it solves for row by row", PCA_INSTEAD)
    return numbers(solved, len(components))


@transformer(NeighborhoodComponentsAnalysis)
def neighbourhood_components(pen: Pen, model: NeighborhoodComponentsAnalysis, columns: Columns) -> Columns:
    """x · components, nothing taken off."""
    require_present(pen, model, columns)
    components = doubles(pen, model.components_)
    return numbers(product(pen, columns.name, components.T.copy()), len(components))


@transformer(SparseRandomProjection)
def sparse_random_projection(pen: Pen, model: SparseRandomProjection, columns: Columns) -> Columns:
    """x · components, most of which are 0."""
    require_present(pen, model, columns)
    components = doubles(pen, model.components_)
    projected = product(pen, columns.name, components.T.copy())
    pen.unsettle(
        projected,
        "the columns of SparseRandomProjection, which SciPy adds up in another way than ONNX Runtime",
        "GaussianRandomProjection, or PCA with n_components=2 or more",
    )
    made = numbers(projected, len(components))
    return dataclasses.replace(made, sparse=columns.sparse and not model.dense_output)


@transformer(PLSRegression, PLSCanonical, CCA, PLSSVD)
def partial_least_squares_scores(
    pen: Pen, model: PLSRegression | PLSCanonical | CCA | PLSSVD, columns: Columns
) -> Columns:
    """The scores of a row: standardised columns times rotations."""
    require_present(pen, model, columns)
    rotations = doubles(pen, model.x_weights_ if isinstance(model, PLSSVD) else model.x_rotations_)
    deviations = pen.constant(doubles(pen, model._x_std).reshape(1, -1).copy(), "deviations")
    scaled = pen.node("Div", [_without(pen, columns, doubles(pen, model._x_mean)), deviations], "scaled")
    return numbers(product(pen, scaled, rotations.copy()), rotations.shape[1])


@transformer(FeatureAgglomeration)
def feature_agglomeration(pen: Pen, model: FeatureAgglomeration, columns: Columns) -> Columns:
    """The mean of each group of columns, added column by column, or its largest or smallest."""
    require_present(pen, model, columns)
    if columns.sparse:
        raise pen.refusal("FeatureAgglomeration raises on a sparse matrix", "sparse_output=False in front of it")
    labels = np.asarray(model.labels_)
    parts = []
    for label in np.unique(labels):
        group = np.flatnonzero(labels == label).tolist()
        chosen = pen.pick(columns, group).name
        if model.pooling_func is np.mean:
            parts.append(_mean_in_order(pen, chosen, len(group)))
        elif model.pooling_func in (np.max, np.min):
            axis = pen.constant(np.array([1], dtype=np.int64), "axis")
            operator = "ReduceMax" if model.pooling_func is np.max else "ReduceMin"
            parts.append(pen.node(operator, [chosen, axis], "pooled", keepdims=1))
        else:
            raise pen.refusal("its pooling_func is not known", "pooling_func=np.mean")
    value = pen.side_by_side(parts)
    pen.graph.widths[value] = len(parts)
    return numbers(value, len(parts))


def _mean_in_order(pen: Pen, value: str, width: int) -> str:
    """Return the mean of each row, added from the first column to the last, shape (N, 1)."""
    if width == 1:
        return value
    places = [pen.constant(np.array([at], dtype=np.int64), "column") for at in range(width)]
    total = pen.node("Sum", [pen.node("Gather", [value, place], "column", axis=1) for place in places], "total")
    return pen.node("Div", [total, pen.constant(np.full((1, 1), float(width)), "width")], "mean")
