"""Small helpers for ONNX's protobuf messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, helper, numpy_helper

_AT_ONCE = 100_000
"""So many integers are handed over at a time: as Python objects they take four times their room."""


def copied(node: Any) -> Any:
    """Return a copy of a protobuf message."""
    copy = type(node)()
    copy.CopyFrom(node)
    return copy


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """Return the value of a node's attribute."""
    for given in node.attribute:
        if given.name == name:
            return helper.get_attribute_value(given)
    return default


def integers(node: Any, name: str) -> NDArray[np.int64]:
    """Return an attribute that is a list of integers, int64 of shape (n,); empty if the node does not have it."""
    for given in node.attribute:
        if given.name == name:
            return np.fromiter(given.ints, dtype=np.int64, count=len(given.ints))
    return np.empty(0, dtype=np.int64)


def without_trees(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose tree ensembles are one leaf each: the same types and shapes in a fraction of the memory.

    Whoever asks for types would otherwise copy millions of tree nodes several times.
    """
    light = onnx.ModelProto()
    for given, value in model.ListFields():
        if given.name != "graph":
            _keep(light, given, value)
    for given, value in model.graph.ListFields():
        if given.name != "node":
            _keep(light.graph, given, value)
    for node in model.graph.node:
        light.graph.node.append(_one_leaf(node) if node.op_type == "TreeEnsemble" else node)
    return light


def _keep(message: Any, given: Any, value: Any) -> None:
    """Copy one field of a protobuf message."""
    if isinstance(value, str | int | float | bytes):
        setattr(message, given.name, value)
    elif hasattr(value, "extend"):
        getattr(message, given.name).extend(value)
    else:
        getattr(message, given.name).CopyFrom(value)


def _one_leaf(node: Any) -> Any:
    """Return an ensemble of one tree, which is a leaf, with the same targets."""
    kept = {"n_targets": attribute(node, "n_targets", 1), "aggregate_function": 1, "post_transform": 0}
    zero, one, number = [0], [1], numpy_helper.from_array(np.zeros(1))
    modes = numpy_helper.from_array(np.zeros(1, dtype=np.uint8))
    kept |= {"tree_roots": zero, "nodes_featureids": zero, "nodes_splits": number, "nodes_modes": modes}
    kept |= {"nodes_truenodeids": zero, "nodes_trueleafs": one, "nodes_falsenodeids": zero, "nodes_falseleafs": one}
    kept |= {"leaf_targetids": zero, "leaf_weights": number}
    return with_attributes(node, kept, node.domain)


def with_attributes(node: Any, attributes: Mapping[str, Any], domain: str) -> Any:
    """Return a node with the inputs and outputs of another one and other attributes.

    Args:
        node: gives operator, inputs, outputs and name.
        attributes: by name, as ``onnx.helper.make_node`` takes them; integers may be an array.
        domain: the operator's domain.
    """
    made = NodeProto()
    fill(made, node, attributes, domain)
    return made


def fill(made: Any, node: Any, attributes: Mapping[str, Any], domain: str) -> None:
    """Make an empty node what ``with_attributes`` returns: in its place, so that nothing large is copied."""
    made.op_type, made.domain = node.op_type, domain
    if node.name:
        made.name = node.name
    made.input.extend(node.input)
    made.output.extend(node.output)
    for name, value in sorted(attributes.items()):
        if isinstance(value, np.ndarray):
            given = made.attribute.add()
            given.name, given.type = name, AttributeProto.INTS
            for start in range(0, len(value), _AT_ONCE):
                given.ints.extend(value[start : start + _AT_ONCE].tolist())
        else:
            made.attribute.append(helper.make_attribute(name, value))
