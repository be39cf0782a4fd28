"""Rewrites of ONNX Runtime that would change a double, kept from finding anything.

When ONNX Runtime 1.31 opens a graph it rewrites it. Some of its rewrites are made for float32:

- ``NoopElimination`` removes a product or quotient with one constant, and a sum or difference, if the constant *rounded to
  float32* is 1, or 0: a scale of 1 + 1e-8 is lost.
- ``DivMulFusion`` makes one quotient of (1 / x) · y, which is rounded once instead of twice.
- ``MatMulScaleFusion`` takes a constant factor beside a ``MatMul`` into it, as float32.

Nothing has to be switched off where a model is opened: the graph is written so that none of these finds its pattern.
(Sources: noop_elimination.cc, div_mul_fusion.cc and matmul_scale_fusion.cc in onnxruntime/core/optimizer.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.export.errors import ExportError
from training.export.onnx_nodes import without_trees

NEUTRAL = {"Mul": 1.0, "Div": 1.0, "Add": 0.0, "Sub": 0.0}
"""With which constant each operator changes nothing."""


@dataclass(frozen=True)
class _Constants:
    """What is known of the constants of a graph, and of the graph around it."""

    singles: Mapping[str, tuple[float, int]]
    """By name of a double: its value and how many dimensions it has."""
    matrices: Set[str]
    """The names of the doubles with two dimensions."""

    def within(self, graph: onnx.GraphProto) -> _Constants:
        """Return what is known inside of a graph."""
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
    """Change a finished model in place, so that ONNX Runtime leaves its numbers alone.

    Raises:
        ExportError: it cannot be told how many dimensions a value has where that is needed.
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
    constants = outer.within(graph)
    yield graph, constants
    for node in graph.node:
        for given in node.attribute:
            if given.type == onnx.AttributeProto.GRAPH:
                yield from _bodies(given.g, constants)


def _ranks(graph: onnx.GraphProto) -> dict[str, int]:
    """Return how many dimensions each value has, also those inside of loops and branches."""
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in [*graph.value_info, *graph.input, *graph.output]
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape")
    }
    for node in graph.node:
        for given in node.attribute:
            if given.type == onnx.AttributeProto.GRAPH:
                ranks |= _ranks(given.g)
    return ranks


def _multiplied(graph: onnx.GraphProto) -> set[str]:
    return {name for node in graph.node if node.op_type == "Mul" for name in node.input}


def _has_patterns(graph: onnx.GraphProto, constants: _Constants) -> bool:
    multiplied = _multiplied(graph)
    return any(
        _neutral_place(node, constants) is not None
        or _is_inverse(node, constants, multiplied)
        or _is_product(node, constants)
        for node in graph.node
    )


def _neutral_place(node: onnx.NodeProto, constants: _Constants) -> int | None:
    """Return which input is a constant that float32 would make neutral, though it is not; None if there is none."""
    if node.op_type not in NEUTRAL or node.domain:
        return None
    for place, name in enumerate(node.input):
        value, _ = constants.singles.get(name, (np.nan, 0))
        with np.errstate(over="ignore"):
            if float(np.float32(value)) == NEUTRAL[node.op_type] != value:
                return place
    return None


def _is_inverse(node: onnx.NodeProto, constants: _Constants, multiplied: set[str]) -> bool:
    """Say whether a node is 1 / x and something multiplies it."""
    return (
        node.op_type == "Div"
        and not node.domain
        and constants.singles.get(node.input[0], (np.nan, 0))[0] == 1.0
        and node.output[0] in multiplied
    )


def _is_product(node: onnx.NodeProto, constants: _Constants) -> bool:
    """Say whether a node multiplies by a constant matrix, which ``Gemm`` does as well."""
    return node.op_type == "MatMul" and not node.domain and node.input[1] in constants.matrices


def _rewrite(graph: onnx.GraphProto, constants: _Constants, ranks: Mapping[str, int]) -> None:
    multiplied = _multiplied(graph)
    nodes: list[Any] = []
    for given in graph.node:
        node = onnx.NodeProto()
        node.CopyFrom(given)
        nodes.append(node)
        place = _neutral_place(node, constants)
        if place is not None:
            nodes.append(_widen(graph, node, place, constants, ranks))
        elif _is_inverse(node, constants, multiplied):
            if constants.singles[node.input[0]][1] <= _rank(node.input[1], constants, ranks):
                node.op_type = "Reciprocal"
                del node.input[0]
        elif _is_product(node, constants) and ranks.get(node.input[0]) == 2:
            node.op_type = "Gemm"
    del graph.node[:]
    graph.node.extend(nodes)


def _widen(
    graph: onnx.GraphProto, node: onnx.NodeProto, place: int, constants: _Constants, ranks: Mapping[str, int]
) -> onnx.NodeProto:
    """Give a node's constant one dimension more than its other input has, and return the node that takes it away again.

    ``NoopElimination`` leaves a constant alone that has more dimensions than the other input.
    """
    value, rank = constants.singles[node.input[place]]
    rank = max(rank, _rank(node.input[1 - place], constants, ranks)) + 1
    constant, axis, wide = (f"{node.name}_{what}" for what in ("constant", "axis", "wide"))
    graph.initializer.append(numpy_helper.from_array(np.full((1,) * rank, value), constant))
    graph.initializer.append(numpy_helper.from_array(np.array([0], dtype=np.int64), axis))
    squeeze = helper.make_node("Squeeze", [wide, axis], [node.output[0]], name=f"{node.name}_Squeeze")
    node.input[place], node.output[0] = constant, wide
    return squeeze


def _rank(value: str, constants: _Constants, ranks: Mapping[str, int]) -> int:
    if value in constants.singles:
        return constants.singles[value][1]
    if value not in ranks:
        raise ExportError(
            "pipeline",
            f"ONNX Runtime would lose the last digits of a constant beside {value!r}, whose shape is not known",
            "the same pipeline with a scale of exactly 1, or another one",
        )
    return ranks[value]
