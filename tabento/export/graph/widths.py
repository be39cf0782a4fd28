"""Widths: the number of columns of a value, computed from the nodes that the value depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabento.export.graph.onnx_nodes import attribute

if TYPE_CHECKING:
    from tabento.export.graph.graph import Graph


def infer_width(graph: Graph, value: str, known_widths: dict[str, int | None]) -> int | None:
    """Return the number of columns of a two-dimensional value, or None if it is not known.

    Args:
        graph: the graph that holds the value. Widths that were found are stored in ``graph.widths``.
        value: the value's name.
        known_widths: the results of this search so far, because many nodes can read one value.
    """
    if value in graph.widths:
        return graph.widths[value]
    if value not in known_widths:
        known_widths[value] = _width_by_node(graph, value, known_widths)
    width = known_widths[value]
    # No pass changes the width of a value. A width that is unknown now can become known later, so only numbers are stored.
    if width is not None and graph.producer(value) is not None:
        graph.widths[value] = width
    return width


def _width_by_node(graph: Graph, value: str, known_widths: dict[str, int | None]) -> int | None:
    for graph_input in graph.inputs:
        if graph_input.name == value:
            return int(graph_input.type.tensor_type.shape.dim[1].dim_value) or None
    node = graph.producer(value)
    if node is None:
        array = graph.constants.get(value)
        return None if array is None else int(array.shape[-1]) if array.ndim else 1
    if node.op_type == "Gather" and node.input[1] in graph.constants:
        indices = graph.constants[node.input[1]]
        return int(indices.shape[-1]) if indices.ndim else None
    if node.op_type == "Gather" and node.input[0] in graph.constants:
        return infer_width(graph, node.input[1], known_widths) if graph.constants[node.input[0]].ndim == 1 else None
    if node.op_type.startswith("Reduce"):
        return 1 if attribute(node, "keepdims", 1) else infer_width(graph, node.input[0], known_widths)
    if node.op_type == "ArgMin":
        return 1 if attribute(node, "axis", 0) == 1 and attribute(node, "keepdims", 1) else None
    if node.op_type in ("Cast", "Clip"):
        return infer_width(graph, node.input[0], known_widths)
    if node.op_type in _ELEMENTWISE:
        widths = [infer_width(graph, name, known_widths) for name in node.input]
        numbers = [width for width in widths if width is not None]
        return max(numbers) if numbers and len(numbers) == len(widths) else None
    if node.op_type == "TreeEnsemble":
        return int(attribute(node, "n_targets", 1))
    if node.op_type in ("Gemm", "MatMul"):
        return graph.constants[node.input[1]].shape[-1] if node.input[1] in graph.constants else None
    if node.op_type == "Concat":
        widths = [infer_width(graph, name, known_widths) for name in node.input]
        return None if None in widths else sum(width for width in widths if width is not None)
    return None


_ELEMENTWISE = frozenset(
    (
        "Abs",
        "Add",
        "And",
        "Ceil",
        "Cos",
        "Div",
        "Equal",
        "Erf",
        "Exp",
        "Floor",
        "Greater",
        "GreaterOrEqual",
        "Identity",
        "IsInf",
        "IsNaN",
        "Less",
        "LessOrEqual",
        "Log",
        "Max",
        "Min",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "Pow",
        "Reciprocal",
        "Relu",
        "Round",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sqrt",
        "Sub",
        "Tanh",
        "Where",
        "Xor",
    )
)
