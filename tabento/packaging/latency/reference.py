"""The reference operation: fixed work that is timed next to a model, to tell a slow machine from a slow model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tabento.bundle.session import open_session

NAME = "a graph of 4 products with a 64 × 64 matrix"
"""What the operation is, for people."""
_WIDTH, _PRODUCTS = 64, 4


def open_reference() -> Callable[[], object]:
    """Return the reference operation, ready to be called: one run of a small graph in ONNX Runtime, on one thread.

    It takes the same path as a model (Python, ONNX Runtime, arithmetic in double precision), and the same work each time.
    """
    matrix = np.random.default_rng(0).standard_normal((_WIDTH, _WIDTH)) / _WIDTH
    nodes = [helper.make_node("MatMul", [f"v{step}", "matrix"], [f"v{step + 1}"]) for step in range(_PRODUCTS)]
    ends = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [1, _WIDTH]) for name in ("v0", f"v{_PRODUCTS}")]
    graph = helper.make_graph(nodes, "reference", ends[:1], ends[1:], [numpy_helper.from_array(matrix, "matrix")])
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = open_session(model.SerializeToString())
    names, inputs = [f"v{_PRODUCTS}"], {"v0": np.ones((1, _WIDTH))}
    return lambda: session.run(names, inputs)
