"""Grafts: estimators that skl2onnx converts correctly in double, taken over from it node by node.

skl2onnx is asked for one estimator at a time, with double inputs. Only classes that the tests of this file compare with
scikit-learn are listed; what skl2onnx converts in float32, or with an operator that knows float32 only, is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto, numpy_helper
from sklearn.decomposition import KernelPCA
from sklearn.random_projection import GaussianRandomProjection

from training.export.graph import ML_DOMAIN, OPSET, copied
from training.export.kernel_approximation import KERNEL_BITS
from training.export.linear import require_present
from training.export.links import mark_product
from training.export.pen import Pen
from training.export.projecting import PCA_INSTEAD
from training.export.registry import transformer
from training.export.sums import GROWTH_MAX
from training.export.values import Columns, numbers

SKL2ONNX_ML_OPSET = 3
"""The newest ``ai.onnx.ml`` opset that skl2onnx 1.20 writes; its operators mean the same in the model's own."""
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
"""Operators of ``ai.onnx.ml`` that answer float32 whatever they are given."""


@transformer(GaussianRandomProjection, KernelPCA)
def grafted_transformer(pen: Pen, model: Any, columns: Columns) -> Columns:
    """The estimator's only output.

    A component of a kernel is divided by the root of its eigenvalue, and so is its rounding.
    """
    values = np.asarray(getattr(model, "eigenvalues_", ()), dtype=np.float64)
    noise = (values > 0) & (values * GROWTH_MAX < values.max(initial=0.0))
    if noise.any():
        raise pen.refusal(
            f"{int(noise.sum())} of its components have no variance, and it enlarges their rounding",
            f"n_components={len(values) - int(noise.sum())}",
        )
    value, width = graft(pen, model, columns)[0], len(model.get_feature_names_out())
    if isinstance(model, KernelPCA):
        pen.unsettle(value, f"the components of KernelPCA, {KERNEL_BITS}", PCA_INSTEAD)
    else:
        mark_product(pen, value, (columns.width, width))
    return numbers(value, width)


def graft(pen: Pen, model: Any, columns: Columns) -> list[str]:
    """Write what skl2onnx writes for one fitted estimator.

    Args:
        columns: numbers; their values are the estimator's only input.

    Returns:
        The names of the estimator's outputs, in its order.

    Raises:
        ExportError: skl2onnx refuses it, or needs float32 for it.
    """
    # Imported where it is needed: it is slow to import, and few pipelines have a graft.
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType

    require_present(pen, model, columns)
    kind = type(model).__name__
    try:
        made = convert_sklearn(
            model,
            initial_types=[("graft", DoubleTensorType([None, columns.width]))],
            target_opset={"": OPSET, ML_DOMAIN: SKL2ONNX_ML_OPSET},
        ).graph
    except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise pen.refusal(
            f"skl2onnx does not convert this {kind}: {error}", "PCA or GaussianRandomProjection"
        ) from error
    names: dict[str, str] = {"": "", made.input[0].name: columns.name}
    shapes = {tensor.name: tuple(tensor.dims) for tensor in made.initializer}
    for tensor in made.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32:
            raise pen.refusal(f"skl2onnx keeps numbers of this {kind} as float32", "PCA or GaussianRandomProjection")
        names[tensor.name] = pen.graph.constant(array, "constant")
    for node in made.node:
        if _needs_float32(node):
            raise pen.refusal(
                f"skl2onnx needs float32 for this {kind} ({node.op_type})", "PCA or GaussianRandomProjection"
            )
        if node.op_type == "Transpose" and node.input[0] in shapes:
            # As a node, ONNX Runtime's GemmTransposeFusion takes it into a product, and then refuses the graph if
            # something else reads what the product reads.
            names[node.output[0]] = pen.graph.constant(
                _transposed(pen.graph.constants[names[node.input[0]]], node), "turned"
            )
            continue
        mine = copied(node)
        if node.op_type == "MatMul" and all(len(shapes.get(name, (0, 0))) == 2 for name in node.input):
            mine.op_type = "Gemm"  # see ``training.export.links.product``
        mine.ClearField("name")
        del mine.output[:]
        for name in node.output:
            names[name] = pen.graph.fresh(node.op_type.lower()) if name else ""
            mine.output.append(names[name])
        for position, name in enumerate(node.input):
            mine.input[position] = names[name]
        pen.graph.nodes.append(mine)
    return [names[output.name] for output in made.output]


def _transposed(array: NDArray[Any], node: Any) -> NDArray[Any]:
    order = next((list(given.ints) for given in node.attribute if given.name == "perm"), None)
    return np.transpose(array, order).copy()


def _needs_float32(node: Any) -> bool:
    """Say whether a node, or one inside it, computes in float32."""
    if node.domain not in ("", ML_DOMAIN) or (node.domain == ML_DOMAIN and node.op_type in FLOAT32_ONLY):
        return True
    for given in node.attribute:
        if node.op_type == "Cast" and given.name == "to" and given.i == TensorProto.FLOAT:
            return True
        if given.type == AttributeProto.GRAPH and any(_needs_float32(inner) for inner in given.g.node):
            return True
    return False
