"""Helpers for ONNX's protobuf messages: copies, attributes, and models without their trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, helper, numpy_helper

_CHUNK = 100_000
"""The number of integers that are copied in one call. As Python objects they need four times the memory."""


def copy_message(node: Any) -> Any:
    """Return a copy of a protobuf message."""
    copy = type(node)()
    copy.CopyFrom(node)
    return copy


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """Return the value of a node's attribute."""
    for candidate in node.attribute:
        if candidate.name == name:
            return helper.get_attribute_value(candidate)
    return default


def integers(node: Any, name: str) -> NDArray[np.int64]:
    """Return an attribute that is a list of integers as int64 of shape (n,); empty if the node does not have it."""
    for candidate in node.attribute:
        if candidate.name == name:
            return np.fromiter(candidate.ints, dtype=np.int64, count=len(candidate.ints))
    return np.empty(0, dtype=np.int64)


def without_trees(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model in which each tree ensemble is replaced with one leaf: the same types and shapes in less memory.

    Type inference would otherwise copy millions of tree nodes several times.
    """
    light = onnx.ModelProto()
    for field, value in model.ListFields():
        if field.name != "graph":
            _copy_field(light, field, value)
    for field, value in model.graph.ListFields():
        if field.name != "node":
            _copy_field(light.graph, field, value)
    for node in model.graph.node:
        light.graph.node.append(_single_leaf_node(node) if node.op_type == "TreeEnsemble" else node)
    return light


def _copy_field(message: Any, field: Any, value: Any) -> None:
    """Copy one field of a protobuf message."""
    if isinstance(value, str | int | float | bytes):
        setattr(message, field.name, value)
    elif hasattr(value, "extend"):
        getattr(message, field.name).extend(value)
    else:
        getattr(message, field.name).CopyFrom(value)


def _single_leaf_node(node: Any) -> Any:
    """Return an ensemble with the same targets whose only tree is a leaf."""
    attributes = {"n_targets": attribute(node, "n_targets", 1), "aggregate_function": 1, "post_transform": 0}
    zeros, ones, number = [0], [1], numpy_helper.from_array(np.zeros(1))
    modes = numpy_helper.from_array(np.zeros(1, dtype=np.uint8))
    attributes |= {"tree_roots": zeros, "nodes_featureids": zeros, "nodes_splits": number, "nodes_modes": modes}
    attributes |= {
        "nodes_truenodeids": zeros,
        "nodes_trueleafs": ones,
        "nodes_falsenodeids": zeros,
        "nodes_falseleafs": ones,
    }
    attributes |= {"leaf_targetids": zeros, "leaf_weights": number}
    return with_attributes(node, attributes, node.domain)


def with_attributes(node: Any, attributes: Mapping[str, Any], domain: str) -> Any:
    """Return a node with the inputs and outputs of another one and other attributes.

    Args:
        node: the node whose operator, inputs, outputs and name are copied.
        attributes: values by name, as for ``onnx.helper.make_node``; a list of integers can be an array.
        domain: the operator's domain.
    """
    result = NodeProto()
    fill_node(result, node, attributes, domain)
    return result


def fill_node(target: Any, node: Any, attributes: Mapping[str, Any], domain: str) -> None:
    """Fill an empty node with the content that ``with_attributes`` describes. Large attributes are not copied again."""
    target.op_type, target.domain = node.op_type, domain
    if node.name:
        target.name = node.name
    target.input.extend(node.input)
    target.output.extend(node.output)
    for name, value in sorted(attributes.items()):
        if isinstance(value, np.ndarray):
            integer_list = target.attribute.add()
            integer_list.name, integer_list.type = name, AttributeProto.INTS
            for start in range(0, len(value), _CHUNK):
                integer_list.ints.extend(value[start : start + _CHUNK].tolist())
        else:
            target.attribute.append(helper.make_attribute(name, value))
