"""Small tables and what a transformer's graph answers to them, for the tests of preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy import sparse

from bundle.contract import Contract, Feature, Output, category_codes
from bundle.format import INPUT_NAME
from training.export import families as families
from training.export.convert import export_pipeline, serialise
from training.export.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph, settle
from training.export.packing import PASSES
from training.export.pen import Pen
from training.export.promises import promise_passes
from training.export.registry import transform
from training.export.values import Columns
from training.frames import to_frame

HALVINGS = 80
"""Halvings of a line between two rows until its ends are neighbours in double."""


def number(name: str, **more: Any) -> Feature:
    """Return a column of numbers."""
    return Feature(name=name, type="number", **more)


def category(name: str, *values: str, **more: Any) -> Feature:
    """Return a column of categories."""
    return Feature(name=name, type="category", categories=values, **more)


def contract_of(*features: Feature) -> Contract:
    """Return a contract over some columns."""
    return Contract(
        name="table", title="Table", description="", task="regression", features=features, output=Output(name="y")
    )


def written(transformer: Any, contract: Contract) -> tuple[Graph, Columns]:
    """Return a transformer's graph as its converter writes it."""
    rows = helper.make_tensor_value_info(INPUT_NAME, TensorProto.DOUBLE, ["N", len(contract.features)])
    graph = Graph(helper.make_model(helper.make_graph([], "table", [rows], [])))
    codes = tuple(dict(category_codes(feature)) if feature.categories else None for feature in contract.features)
    columns = transform(Pen(graph, contract), transformer, Columns(INPUT_NAME, codes, contract.feature_names))
    graph.outputs = [columns.name]
    return graph, columns


def packed(transformer: Any, contract: Contract) -> Graph:
    """Return a transformer's graph behind all passes but folding."""
    graph, _ = written(transformer, contract)
    settle(graph, (*PASSES, *promise_passes(contract)))
    return graph


def run(graph: Graph, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a graph's first output is for some rows."""
    nodes = [*graph.onnx_nodes(), helper.make_node("Identity", graph.outputs, ["given"])]
    body = helper.make_graph(
        nodes,
        "table",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.DOUBLE, ["N", rows.shape[1]])],
        [helper.make_tensor_value_info("given", TensorProto.DOUBLE, ["N", None])],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(body, ir_version=IR_VERSION, opset_imports=opsets)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {INPUT_NAME: np.ascontiguousarray(rows)})[0])


def wanted(transformer: Any, contract: Contract, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the fitted transformer itself gives for rows, float64."""
    given = transformer.transform(to_frame(rows, contract))
    return np.asarray(given.toarray() if sparse.issparse(given) else given, dtype=np.float64)


def assert_same(transformer: Any, contract: Contract, rows: NDArray[np.float64], *, relative: float = 0.0) -> None:
    """Compare a transformer's graph, plain and packed, alone and in a batch, with the transformer itself."""
    expected = wanted(transformer, contract, rows)
    plain, columns = written(transformer, contract)
    assert columns.width == expected.shape[1]
    assert plain.width(columns.name) == expected.shape[1]
    for graph in (plain, packed(transformer, contract)):
        _assert_close(run(graph, rows), expected, relative)
        _assert_close(run(graph, rows[:1]), expected[:1], relative)


def _assert_close(got: NDArray[np.float64], expected: NDArray[np.float64], relative: float) -> None:
    if relative:
        np.testing.assert_allclose(got, expected, rtol=relative, atol=relative)
    else:
        np.testing.assert_array_equal(got, expected)


def around_thresholds(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], thresholds: Sequence[tuple[int, float]]
) -> NDArray[np.float64]:
    """Return pairs of rows, next to each other in double, between which each feature crosses its threshold."""

    def features(given: NDArray[np.float64]) -> NDArray[np.float64]:
        made = pipeline[:-1].transform(to_frame(given, contract))
        return np.asarray(made.toarray() if sparse.issparse(made) else made, dtype=np.float64)

    generator = np.random.default_rng(3)
    seen = features(rows)
    ends = []
    for column, split in thresholds:
        left, right = np.flatnonzero(seen[:, column] <= split), np.flatnonzero(seen[:, column] > split)
        if len(left) and len(right):
            ends.append((column, split, generator.choice(left), generator.choice(right)))
    columns, splits = np.array([end[0] for end in ends]), np.array([end[1] for end in ends])
    low, high = rows[[end[2] for end in ends]], rows[[end[3] for end in ends]]
    whole = np.array([feature.type in ("category", "boolean") for feature in contract.features])
    high = np.where(whole | np.isnan(low) | np.isnan(high), low, high)
    each = np.arange(len(splits))
    for _ in range(HALVINGS):
        middle = np.where(np.isnan(low), low, low / 2 + high / 2)
        left = (features(middle)[each, columns] <= splits)[:, np.newaxis]
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return np.concatenate([low, high])


def assert_same_branches(pipeline: Any, contract: Contract, rows: NDArray[np.float64]) -> Graph:
    """Compare a pipeline that ends in trees with its graph on the rows that it was fitted on and around its thresholds.

    The trees' leaves differ, so answers are equal bit for bit where every branch is. Returns the folded graph.
    """
    from training.export.convert import write_graph

    tried = np.concatenate([rows, around_thresholds(pipeline, contract, rows, thresholds_of(pipeline[-1]))])
    model = onnxruntime.InferenceSession(
        serialise(export_pipeline(pipeline, contract)), _one_thread(), providers=["CPUExecutionProvider"]
    )
    got = model.run(None, {INPUT_NAME: np.ascontiguousarray(tried)})[0]
    np.testing.assert_array_equal(got, pipeline.predict(to_frame(tried, contract)))
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
