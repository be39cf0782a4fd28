"""Writes SparseRandomProjection and GaussianRandomProjection of sklearn.random_projection.

Digits: products in the bits of a batch; those of the sparse projection have other last bits in SciPy, and the graph says so.
"""

from __future__ import annotations

import dataclasses

from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.converters.skl2onnx_grafts import graft
from tabento.export.formulas.links import mark_product, product
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer


@transformer(SparseRandomProjection)
def sparse_random_projection(writer: GraphWriter, model: SparseRandomProjection, columns: Columns) -> Columns:
    """Write x · components, most of which are 0."""
    require_present(writer, model, columns)
    components = doubles(writer, model.components_)
    projected = product(writer, columns.name, components.T.copy())
    writer.mark_machine_dependent(
        projected,
        "the columns of SparseRandomProjection, which SciPy adds up in another way than ONNX Runtime",
        "GaussianRandomProjection, or PCA with n_components=2 or more",
    )
    result = numbers(projected, len(components))
    return dataclasses.replace(result, sparse=columns.sparse and not model.dense_output)


@transformer(GaussianRandomProjection)
def gaussian_random_projection(writer: GraphWriter, model: GaussianRandomProjection, columns: Columns) -> Columns:
    """Write x · components as skl2onnx does."""
    value, width = graft(writer, model, columns)[0], len(model.get_feature_names_out())
    mark_product(writer, value, (columns.width, width))
    return numbers(value, width)
