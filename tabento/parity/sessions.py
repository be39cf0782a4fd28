"""Runs of graphs: their answers, and the values between their operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.export.converters.feature_extraction import add_texts
from tabento.export.graph.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph
from tabento.export.graph.onnx_nodes import without_trees
from tabento.tables.wide_rows import wide_rows

CHUNK_ROWS = 1000
"""The largest number of rows in one call, as in the service."""


def answers(session: onnxruntime.InferenceSession, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the graph's answers to packed rows, float64 of shape (N,) or (N, W).

    Raises:
        ValueError: the graph does not give one answer a row.
    """
    (predictions,) = values_of(session, rows, [PREDICTION_NAME])
    return np.asarray(predictions, dtype=np.float64)


def values_of(
    session: onnxruntime.InferenceSession, rows: NDArray[np.float64], names: Sequence[str]
) -> list[NDArray[Any]]:
    """Return values of a graph on packed rows, computed in chunks of ``CHUNK_ROWS``.

    Raises:
        ValueError: a value does not have one entry a row.
    """
    chunks = []
    for start in range(0, len(rows), CHUNK_ROWS):
        part = wide_rows(session, rows[start : start + CHUNK_ROWS])
        values = session.run(list(names), {INPUT_NAME: part})
        for name, value in zip(names, values, strict=True):
            if len(value) != len(part):
                raise ValueError(
                    f"expected one entry of {name!r} for each of {len(part)} rows, got {len(value)}: the graph loses or"
                    " makes rows"
                )
        chunks.append(values)
    return [np.concatenate([chunk[index] for chunk in chunks]) for index in range(len(names))]


def with_outputs(model: onnx.ModelProto, names: Sequence[str], nodes: Sequence[Any] = ()) -> bytes:
    """Return a model with other outputs: values inside the model, or outputs of nodes that are added to it.

    Nodes that no output depends on are removed. ONNX Runtime infers the types, so an output needs only a name.
    """
    needed_values, needed_nodes = set(names), []
    for node in reversed([*model.graph.node, *nodes]):
        if needed_values & set(node.output):
            needed_nodes.append(node)
            needed_values |= set(node.input)
    probe = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    probe.graph.name = model.graph.name
    probe.graph.input.extend(model.graph.input)
    probe.graph.node.extend(needed_nodes[::-1])
    probe.graph.initializer.extend(array for array in model.graph.initializer if array.name in needed_values)
    probe.graph.output.extend([onnx.ValueInfoProto(name=name) for name in names])
    probe.metadata_props.extend(model.metadata_props)
    data: bytes = probe.SerializeToString()
    return data


def probe_of(graph: Graph, names: Sequence[str]) -> bytes:
    """Return a graph that is still being written as a model whose outputs, ``probe_0`` …, are some of its values."""
    nodes = graph.onnx_nodes()
    outputs = [f"probe_{number}" for number in range(len(names))]
    # A value can be the input, a constant or a repeated name: an Identity makes an output of each.
    nodes += [helper.make_node("Identity", [name], [output]) for name, output in zip(names, outputs, strict=True)]
    body = helper.make_graph(
        nodes,
        "probe",
        graph.inputs,
        [onnx.ValueInfoProto(name=output) for output in outputs],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    model = helper.make_model(
        body,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)],
    )
    add_texts(model, graph)
    data: bytes = model.SerializeToString()
    return data


def single_precision_operators(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the types of the operators with float32 outputs, each once, in the graph's order."""
    inferred = onnx.shape_inference.infer_shapes(without_trees(model))
    kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    operators = [
        node.op_type
        for node in model.graph.node
        if any(kinds.get(name) == onnx.TensorProto.FLOAT for name in node.output)
    ]
    return tuple(dict.fromkeys(operators))
