"""Nodes that skl2onnx writes for one estimator, copied into the graph.

skl2onnx converts one estimator at a time, with double inputs. Use it only for classes whose tests compare the result with
scikit-learn. A conversion in float32, or with an operator that is float32 only, is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto, numpy_helper

from tabento.export.converters.shared_checks import require_present
from tabento.export.graph.graph import ML_DOMAIN, OPSET, copy_message
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter

SKL2ONNX_ML_OPSET = 3
"""The newest ``ai.onnx.ml`` opset that skl2onnx 1.20 writes; its operators mean the same in the opset of the model."""
FLOAT32_ONLY = frozenset(
    [
        "Binarizer",
        "FeatureVectorizer",
        "Imputer",
        "LinearClassifier",
        "LinearRegressor",
        "Normalizer",
        "SVMClassifier",
        "SVMRegressor",
        "Scaler",
        "TreeEnsembleClassifier",
        "TreeEnsembleRegressor",
    ]
)
"""Operators of ``ai.onnx.ml`` whose output is always float32."""


def graft(writer: GraphWriter, model: Any, columns: Columns) -> list[str]:
    """Write the nodes that skl2onnx writes for a fitted estimator.

    Args:
        writer: the writer of the graph.
        model: the fitted estimator.
        columns: numbers; their values are the estimator's only input.

    Returns:
        The names of the estimator's outputs, in its order.

    Raises:
        ExportError: skl2onnx refuses it, or needs float32 for it.
    """
    # Imported here because the import is slow and few pipelines need it.
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType

    require_present(writer, model, columns)
    kind = type(model).__name__
    try:
        converted = convert_sklearn(
            model,
            initial_types=[("graft", DoubleTensorType([None, columns.width]))],
            target_opset={"": OPSET, ML_DOMAIN: SKL2ONNX_ML_OPSET},
        ).graph
    except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise writer.refusal(
            f"skl2onnx does not convert this {kind}: {error}", "PCA or GaussianRandomProjection"
        ) from error
    names: dict[str, str] = {"": "", converted.input[0].name: columns.name}
    shapes = {tensor.name: tuple(tensor.dims) for tensor in converted.initializer}
    for tensor in converted.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32:
            raise writer.refusal(f"skl2onnx keeps numbers of this {kind} as float32", "PCA or GaussianRandomProjection")
        names[tensor.name] = writer.graph.constant(array, "constant")
    for node in converted.node:
        if _needs_float32(node):
            raise writer.refusal(
                f"skl2onnx needs float32 for this {kind} ({node.op_type})", "PCA or GaussianRandomProjection"
            )
        if node.op_type == "Transpose" and node.input[0] in shapes:
            # ONNX Runtime's GemmTransposeFusion would merge such a node into a product, and then refuse the graph if
            # another node reads the input of the product.
            names[node.output[0]] = writer.graph.constant(
                _transpose_constant(writer.graph.constants[names[node.input[0]]], node), "turned"
            )
            continue
        copied_node = copy_message(node)
        if node.op_type == "MatMul" and all(len(shapes.get(name, (0, 0))) == 2 for name in node.input):
            copied_node.op_type = "Gemm"  # see ``tabento.export.formulas.links.product``
        copied_node.ClearField("name")
        del copied_node.output[:]
        for name in node.output:
            names[name] = writer.graph.fresh_name(node.op_type.lower()) if name else ""
            copied_node.output.append(names[name])
        for position, name in enumerate(node.input):
            copied_node.input[position] = names[name]
        writer.graph.nodes.append(copied_node)
    return [names[output.name] for output in converted.output]


def _transpose_constant(array: NDArray[Any], node: Any) -> NDArray[Any]:
    order = next((list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), None)
    return np.transpose(array, order).copy()


def _needs_float32(node: Any) -> bool:
    """Return whether a node, or one inside it, computes in float32."""
    if node.domain not in ("", ML_DOMAIN) or (node.domain == ML_DOMAIN and node.op_type in FLOAT32_ONLY):
        return True
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            return True
        if attribute.type == AttributeProto.GRAPH and any(_needs_float32(inner) for inner in attribute.g.node):
            return True
    return False
