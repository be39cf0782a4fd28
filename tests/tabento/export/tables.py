"""Small tables and the answers of a transformer's graph for them, for the tests of preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy import sparse

from tabento.bundle.contract import Contract, Feature, Output, category_codes
from tabento.bundle.format import INPUT_NAME
from tabento.export.analysis.contract_passes import contract_passes
from tabento.export.convert import export_pipeline, serialise
from tabento.export.graph.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph, run_passes
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.passes.packing import PASSES
from tabento.export.registry import transform
from tabento.tables.frames import to_frame

HALVINGS = 80
"""The largest number of halvings of the line between two rows; it ends early if its ends are adjacent doubles."""


def number(name: str, **options: Any) -> Feature:
    """Return a column of numbers."""
    return Feature(name=name, type="number", **options)


def category(name: str, *values: str, **options: Any) -> Feature:
    """Return a column of categories."""
    return Feature(name=name, type="category", categories=values, **options)


def contract_of(*features: Feature) -> Contract:
    """Return a contract over some columns."""
    return Contract(
        name="table", title="Table", description="", task="regression", features=features, output=Output(name="y")
    )


def write_transformer(transformer: Any, contract: Contract) -> tuple[Graph, Columns]:
    """Return a transformer's graph as its converter writes it."""
    rows = helper.make_tensor_value_info(INPUT_NAME, TensorProto.DOUBLE, ["N", len(contract.features)])
    graph = Graph(helper.make_model(helper.make_graph([], "table", [rows], [])))
    codes = tuple(dict(category_codes(feature)) if feature.categories else None for feature in contract.features)
    columns = transform(GraphWriter(graph, contract), transformer, Columns(INPUT_NAME, codes, contract.feature_names))
    graph.outputs = [columns.name]
    return graph, columns


def pack_transformer(transformer: Any, contract: Contract) -> Graph:
    """Return a transformer's graph after all passes except folding."""
    graph, _ = write_transformer(transformer, contract)
    run_passes(graph, (*PASSES, *contract_passes(contract)))
    return graph


def open_graph(graph: Graph, width: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return a function that computes a graph's first output for rows of a width, on one thread."""
    nodes = [*graph.onnx_nodes(), helper.make_node("Identity", graph.outputs, ["given"])]
    body = helper.make_graph(
        nodes,
        "table",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.DOUBLE, ["N", width])],
        [helper.make_tensor_value_info("given", TensorProto.DOUBLE, ["N", None])],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(body, ir_version=IR_VERSION, opset_imports=opsets)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda rows: np.asarray(session.run(None, {INPUT_NAME: np.ascontiguousarray(rows)})[0])


def run(graph: Graph, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a graph's first output for rows."""
    return open_graph(graph, rows.shape[1])(rows)


def expected_output(transformer: Any, contract: Contract, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the output of the fitted transformer for rows, float64."""
    output = transformer.transform(to_frame(rows, contract))
    return np.asarray(output.toarray() if sparse.issparse(output) else output, dtype=np.float64)


def assert_same(transformer: Any, contract: Contract, rows: NDArray[np.float64], *, relative: float = 0.0) -> None:
    """Compare a transformer's graph, plain and packed, alone and in a batch, with the transformer itself."""
    expected = expected_output(transformer, contract, rows)
    plain, columns = write_transformer(transformer, contract)
    assert columns.width == expected.shape[1]
    assert plain.width(columns.name) == expected.shape[1]
    for graph in (plain, pack_transformer(transformer, contract)):
        compute = open_graph(graph, rows.shape[1])
        _assert_close(compute(rows), expected, relative)
        _assert_close(compute(rows[:1]), expected[:1], relative)


def _assert_close(actual: NDArray[np.float64], expected: NDArray[np.float64], relative: float) -> None:
    if relative:
        np.testing.assert_allclose(actual, expected, rtol=relative, atol=relative)
    else:
        np.testing.assert_array_equal(actual, expected)


def around_thresholds(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], thresholds: Sequence[tuple[int, float]]
) -> NDArray[np.float64]:
    """Return pairs of rows, next to each other in double, between which each feature crosses its threshold."""

    def features(packed_rows: NDArray[np.float64]) -> NDArray[np.float64]:
        result = pipeline[:-1].transform(to_frame(packed_rows, contract))
        return np.asarray(result.toarray() if sparse.issparse(result) else result, dtype=np.float64)

    generator = np.random.default_rng(3)
    seen = features(rows)
    ends = []
    for column, split in thresholds:
        left, right = np.flatnonzero(seen[:, column] <= split), np.flatnonzero(seen[:, column] > split)
        if len(left) and len(right):
            ends.append((column, split, generator.choice(left), generator.choice(right)))
    columns, splits = np.array([end[0] for end in ends]), np.array([end[1] for end in ends])
    low, high = rows[[end[2] for end in ends]], rows[[end[3] for end in ends]]
    is_integer = np.array([feature.type in ("category", "boolean") for feature in contract.features])
    high = np.where(is_integer | np.isnan(low) | np.isnan(high), low, high)
    row_indices = np.arange(len(splits))
    for _ in range(HALVINGS):
        middle = np.where(np.isnan(low), low, low / 2 + high / 2)
        if (np.isnan(low) | (middle == low) | (middle == high)).all():
            break
        left = (features(middle)[row_indices, columns] <= splits)[:, np.newaxis]
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return np.concatenate([low, high])


def assert_same_branches(pipeline: Any, contract: Contract, rows: NDArray[np.float64]) -> Graph:
    """Compare a pipeline that ends in trees with its graph on its training rows and around its thresholds.

    The trees' leaves differ, so answers are equal bit for bit where every branch is. Returns the folded graph.
    """
    from tabento.export.convert import write_graph

    tested_rows = np.concatenate([rows, around_thresholds(pipeline, contract, rows, thresholds_of(pipeline[-1]))])
    model = onnxruntime.InferenceSession(
        serialise(export_pipeline(pipeline, contract)), _one_thread(), providers=["CPUExecutionProvider"]
    )
    actual = model.run(None, {INPUT_NAME: np.ascontiguousarray(tested_rows)})[0]
    np.testing.assert_array_equal(actual, pipeline.predict(to_frame(tested_rows, contract)))
    return write_graph(pipeline, contract)


def thresholds_of(model: Any) -> list[tuple[int, float]]:
    """Return column and threshold of each inner node of histogram boosting or a single tree."""
    if hasattr(model, "tree_"):
        inner = model.tree_.children_left >= 0
        return list(zip(model.tree_.feature[inner].tolist(), model.tree_.threshold[inner].tolist(), strict=True))
    nodes = np.concatenate([predictor.nodes for iteration in model._predictors for predictor in iteration])
    inner = nodes[nodes["is_leaf"] == 0]
    return sorted({(int(node["feature_idx"]), float(node["num_threshold"])) for node in inner})


def _one_thread() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return options
