"""Rewrites of ONNX Runtime that would change a double: the pass in this module prevents them.

ONNX Runtime 1.31 rewrites a graph when it loads it. Some of its rewrites are made for float32:

- ``NoopElimination`` removes a product or quotient with one constant, and a sum or difference, if the constant *rounded to
  float32* is 1, or 0: a scale of 1 + 1e-8 is lost.
- ``DivMulFusion`` makes one quotient of (1 / x) · y, which is rounded once instead of twice.
- ``MatMulScaleFusion`` moves a constant factor next to a ``MatMul`` into it, as float32.

No rewrite has to be disabled when a model is loaded: the graph contains no pattern that these rewrites search for.
(Sources: noop_elimination.cc, div_mul_fusion.cc and matmul_scale_fusion.cc in onnxruntime/core/optimizer.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tabento.export.errors import ExportError
from tabento.export.graph.onnx_nodes import without_trees

NEUTRAL = {"Mul": 1.0, "Div": 1.0, "Add": 0.0, "Sub": 0.0}
"""By operator: the constant with which it changes nothing."""


@dataclass(frozen=True)
class _Constants:
    """The constants that a graph can read: its own and those of the outer graphs."""

    singles: Mapping[str, tuple[float, int]]
    """By name of a constant with one double: its value and its number of dimensions."""
    matrices: Set[str]
    """The names of the constants of doubles with two dimensions."""

    def of_inner_graph(self, graph: onnx.GraphProto) -> _Constants:
        """Return the constants that an inner graph can read."""
        doubles = [tensor for tensor in graph.initializer if tensor.data_type == TensorProto.DOUBLE]
        singles = {
            tensor.name: (float(numpy_helper.to_array(tensor).ravel()[0]), len(tensor.dims))
            for tensor in doubles
            if all(size == 1 for size in tensor.dims)
        }
        return _Constants(
            {**self.singles, **singles}, self.matrices | {tensor.name for tensor in doubles if len(tensor.dims) == 2}
        )


def keep_bits(model: onnx.ModelProto) -> None:
    """Change a finished model in place, so that ONNX Runtime keeps all bits of its numbers.

    Raises:
        ExportError: the number of dimensions of a value is needed, but cannot be inferred.
    """
    bodies = list(_bodies(model.graph, _Constants({}, frozenset())))
    if not any(_has_patterns(graph, constants) for graph, constants in bodies):
        return
    inferred = onnx.shape_inference.infer_shapes(without_trees(model), data_prop=True)
    ranks = _ranks(inferred.graph)
    for graph, constants in bodies:
        _rewrite(graph, constants, ranks)


def _bodies(graph: onnx.GraphProto, outer: _Constants) -> Iterator[tuple[onnx.GraphProto, _Constants]]:
    """Yield a graph and the bodies of its loops and branches, with the constants that each can read."""
    constants = outer.of_inner_graph(graph)
    yield graph, constants
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _bodies(attribute.g, constants)


def _ranks(graph: onnx.GraphProto) -> dict[str, int]:
    """Return the number of dimensions of each value, including values inside of loops and branches."""
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in [*graph.value_info, *graph.input, *graph.output]
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape")
    }
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                ranks |= _ranks(attribute.g)
    return ranks


def _inputs_of_products(graph: onnx.GraphProto) -> set[str]:
    return {name for node in graph.node if node.op_type == "Mul" for name in node.input}


def _has_patterns(graph: onnx.GraphProto, constants: _Constants) -> bool:
    multiplied = _inputs_of_products(graph)
    return any(
        _neutral_position(node, constants) is not None
        or _is_inverse(node, constants, multiplied)
        or _is_product(node, constants)
        for node in graph.node
    )


def _neutral_position(node: onnx.NodeProto, constants: _Constants) -> int | None:
    """Return the position of an input constant that is neutral only after rounding to float32, or None."""
    if node.op_type not in NEUTRAL or node.domain:
        return None
    for position, name in enumerate(node.input):
        value, _ = constants.singles.get(name, (np.nan, 0))
        with np.errstate(over="ignore"):
            if float(np.float32(value)) == NEUTRAL[node.op_type] != value:
                return position
    return None


def _is_inverse(node: onnx.NodeProto, constants: _Constants, multiplied: set[str]) -> bool:
    """Return whether a node is 1 / x and a Mul reads it."""
    return (
        node.op_type == "Div"
        and not node.domain
        and constants.singles.get(node.input[0], (np.nan, 0))[0] == 1.0
        and node.output[0] in multiplied
    )


def _is_product(node: onnx.NodeProto, constants: _Constants) -> bool:
    """Return whether a node multiplies by a constant matrix; ``Gemm`` can replace it."""
    return node.op_type == "MatMul" and not node.domain and node.input[1] in constants.matrices


def _rewrite(graph: onnx.GraphProto, constants: _Constants, ranks: Mapping[str, int]) -> None:
    multiplied = _inputs_of_products(graph)
    nodes: list[Any] = []
    for original in graph.node:
        node = onnx.NodeProto()
        node.CopyFrom(original)
        nodes.append(node)
        position = _neutral_position(node, constants)
        if position is not None:
            nodes.append(_widen(graph, node, position, constants, ranks))
        elif _is_inverse(node, constants, multiplied):
            if constants.singles[node.input[0]][1] <= _rank(node.input[1], constants, ranks):
                node.op_type = "Reciprocal"
                del node.input[0]
        elif _is_product(node, constants) and ranks.get(node.input[0]) == 2:
            node.op_type = "Gemm"
    del graph.node[:]
    graph.node.extend(nodes)


def _widen(
    graph: onnx.GraphProto, node: onnx.NodeProto, position: int, constants: _Constants, ranks: Mapping[str, int]
) -> onnx.NodeProto:
    """Give a node's constant one dimension more than the other input, and return a Squeeze that removes it from the result.

    ``NoopElimination`` does not apply to a constant with more dimensions than the other input.
    """
    value, rank = constants.singles[node.input[position]]
    rank = max(rank, _rank(node.input[1 - position], constants, ranks)) + 1
    constant, axis, wide = (f"{node.name}_{suffix}" for suffix in ("constant", "axis", "wide"))
    graph.initializer.append(numpy_helper.from_array(np.full((1,) * rank, value), constant))
    graph.initializer.append(numpy_helper.from_array(np.array([0], dtype=np.int64), axis))
    squeeze = helper.make_node("Squeeze", [wide, axis], [node.output[0]], name=f"{node.name}_Squeeze")
    node.input[position], node.output[0] = constant, wide
    return squeeze


def _rank(value: str, constants: _Constants, ranks: Mapping[str, int]) -> int:
    if value in constants.singles:
        return constants.singles[value][1]
    if value not in ranks:
        raise ExportError(
            "pipeline",
            f"ONNX Runtime would lose the last digits of a constant next to {value!r}, whose shape is not known",
            "the same pipeline with a scale of exactly 1, or another one",
        )
    return ranks[value]
