"""Writes PCA, IncrementalPCA, TruncatedSVD, FactorAnalysis, FastICA, SparsePCA, MiniBatchSparsePCA and KernelPCA of
sklearn.decomposition as transformers.

Digits: a sum has no defined last bit. scikit-learn's own sum changes with the number of rows, because BLAS adds in another
order for a matrix than for a vector. With two components or more the graph has the bits of a batch, see
``tabento.export.formulas.links``. With one component it has not, and trees after it are refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
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

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.analysis.inexact_sums import GROWTH_MAX, mark_components
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.converters.skl2onnx_grafts import graft
from tabento.export.formulas.links import product
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer

PCA_INSTEAD = "PCA with n_components=2 or more in its place, or the columns themselves"
KERNEL_BITS = "sums of a kernel whose last bits differ between NumPy and ONNX Runtime"
CONDITION = 1e6
"""Up to this condition number of an equation, its solution keeps ten of a double's sixteen digits."""


@transformer(PCA, IncrementalPCA)
def pca(writer: GraphWriter, model: PCA | IncrementalPCA, columns: Columns) -> Columns:
    """Write x · components - mean · components, divided by the standard deviations if the model whitens.

    The mean is subtracted after the product, as in scikit-learn, so that both lose the same digits.
    """
    writer.require_numbers(columns)
    refuse_missing(writer, columns, type(model).__name__)
    components = np.ascontiguousarray(np.asarray(model.components_, dtype=np.float64).T)
    # In scikit-learn's memory layout: BLAS adds a row of a transposed matrix in another order.
    centre = np.asarray(model.mean_, dtype=np.float64).reshape(1, -1) @ np.asarray(model.components_, np.float64).T
    projected = product(writer, columns.name, components)
    value = writer.node("Sub", [projected, writer.constant(centre, "centre")], "projected")
    mark_components(writer, model, value)
    if model.whiten:
        scale = np.sqrt(np.asarray(model.explained_variance_, dtype=np.float64))
        scale = np.maximum(scale, np.finfo(np.float64).eps)
        value = writer.node("Div", [value, writer.constant(scale[np.newaxis], "deviations")], "whitened")
    return numbers(value, components.shape[1])


@transformer(TruncatedSVD)
def truncated_svd(writer: GraphWriter, model: TruncatedSVD, columns: Columns) -> Columns:
    """Write x · components."""
    writer.require_numbers(columns)
    refuse_missing(writer, columns, "TruncatedSVD")
    components = np.ascontiguousarray(np.asarray(model.components_, dtype=np.float64).T)
    projected = product(writer, columns.name, components)
    if columns.sparse:
        # SciPy adds them in the same order in any batch, so a row has one answer if ONNX Runtime differs by a bit.
        writer.mark_machine_dependent(
            projected,
            "components of a sparse matrix, whose last bits depend on the order in which they are added up",
            "the trees without TruncatedSVD in front of them",
        )
    return numbers(projected, components.shape[1])


def without_mean(writer: GraphWriter, columns: Columns, mean: NDArray[np.float64]) -> str:
    """Return columns without their means, shape (N, columns)."""
    return writer.node("Sub", [columns.name, writer.constant(mean.reshape(1, -1).copy(), "mean")], "centred")


@transformer(FactorAnalysis)
def factor_analysis(writer: GraphWriter, model: FactorAnalysis, columns: Columns) -> Columns:
    """Write the expected factors of a row (Barber: Bayesian Reasoning and Machine Learning, 21.2.33)."""
    require_present(writer, model, columns)
    components, noise = doubles(writer, model.components_), doubles(writer, model.noise_variance_)
    weights = components / noise
    covariance = np.linalg.inv(np.eye(len(components)) + np.dot(weights, components.T))
    weighted = product(writer, without_mean(writer, columns, doubles(writer, model.mean_)), weights.T.copy())
    return numbers(product(writer, weighted, covariance), len(components))


@transformer(FastICA)
def independent_components(writer: GraphWriter, model: FastICA, columns: Columns) -> Columns:
    """Write the product with the unmixing matrix; the columns are centred first if the model whitens."""
    require_present(writer, model, columns)
    components = doubles(writer, model.components_)
    value = without_mean(writer, columns, doubles(writer, model.mean_)) if model.whiten else columns.name
    return numbers(product(writer, value, components.T.copy()), len(components))


@transformer(SparsePCA, MiniBatchSparsePCA)
def sparse_pca(writer: GraphWriter, model: SparsePCA | MiniBatchSparsePCA, columns: Columns) -> Columns:
    """Write the ridge regression of a centred row on the components, which has a closed form."""
    require_present(writer, model, columns)
    components = doubles(writer, model.components_)
    square = components @ components.T + float(model.ridge_alpha) * np.eye(len(components))
    if np.linalg.cond(square) > CONDITION:
        raise writer.refusal(
            "its components hardly differ, so that rounding decides", "fewer n_components or a larger ridge_alpha"
        )
    matrix = np.asarray(np.linalg.solve(square, components).T, dtype=np.float64)
    solved = product(writer, without_mean(writer, columns, doubles(writer, model.mean_)), matrix.copy())
    writer.mark_machine_dependent(
        solved, f"the components of {type(model).__name__}, which it solves for row by row", PCA_INSTEAD
    )
    return numbers(solved, len(components))


@transformer(KernelPCA)
def kernel_pca(writer: GraphWriter, model: KernelPCA, columns: Columns) -> Columns:
    """Write the projections as skl2onnx does.

    A component of a kernel is divided by the root of its eigenvalue, and so is its rounding error.
    """
    values = np.asarray(model.eigenvalues_, dtype=np.float64)
    noise = (values > 0) & (values * GROWTH_MAX < values.max(initial=0.0))
    if noise.any():
        raise writer.refusal(
            f"{int(noise.sum())} of its components have no variance, and it enlarges their rounding",
            f"n_components={len(values) - int(noise.sum())}",
        )
    value, width = graft(writer, model, columns)[0], len(model.get_feature_names_out())
    writer.mark_machine_dependent(value, f"the components of KernelPCA, {KERNEL_BITS}", PCA_INSTEAD)
    return numbers(value, width)
