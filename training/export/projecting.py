"""Projections onto principal components: sums of products.

A sum has no defined last bit: scikit-learn's own changes with the number of rows, because BLAS adds in another order
for a matrix than for a vector. In front of trees a row that lies within that bit of a threshold is undecided in
scikit-learn itself; the proof of parity counts such rows apart.
"""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD

from training.export.arrivals import refuse_missing
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Columns, numbers


@transformer(PCA, IncrementalPCA)
def pca(pen: Pen, model: PCA | IncrementalPCA, columns: Columns) -> Columns:
    """x · components - mean · components, over the standard deviations where whitening is asked for.

    The mean is taken off behind the product, as scikit-learn does, so that both lose the same digits.
    """
    pen.require_numbers(columns)
    refuse_missing(pen, columns, type(model).__name__)
    components = np.ascontiguousarray(np.asarray(model.components_, dtype=np.float64).T)
    product = pen.node("Gemm", [columns.name, pen.constant(components, "components")], "projected")
    centre = np.asarray(model.mean_, dtype=np.float64).reshape(1, -1) @ components
    value = pen.node("Sub", [product, pen.constant(centre, "centre")], "projected")
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
    product = pen.node("Gemm", [columns.name, pen.constant(components, "components")], "projected")
    if columns.sparse:
        # SciPy adds them up in the same way in any company, so a row is decided where ONNX Runtime is a bit off.
        pen.unsettle(
            product,
            "components of a sparse matrix, whose last bits hang on the order in which they are added up",
            "the trees without TruncatedSVD in front of them",
        )
    return numbers(product, components.shape[1])
