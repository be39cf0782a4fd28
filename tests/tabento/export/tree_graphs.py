"""Graphs of fitted trees: every answer, the leaf in every tree, and single rows against batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import is_classifier

from tabento.bundle.contract import Contract, Feature, Output, category_codes
from tabento.export.analysis.contract_passes import contract_passes
from tabento.export.graph.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph, run_passes
from tabento.export.graph.leaf_indices import leaf_index_trees
from tabento.export.graph.trees import Trees
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.leaves import reached_leaves
from tabento.export.passes.folding import fold_into_trees
from tabento.export.passes.packing import PASSES
from tabento.export.registry import classify, regress

Answers = Mapping[str, NDArray[np.float64]]
BATCH_SIZES = (1, 2, 50, 51, 80, 81, 128, 129, 1000)
"""ONNX Runtime changes its way through the trees near 50, 80 and 128 rows."""
THRESHOLDS = 100
"""The number of sampled thresholds: each gives 18 rows on it, next to it, and next to its float32 neighbours."""


def contract_of(*features: Feature) -> Contract:
    """Return a contract over some columns. The converters do not read its output."""
    return Contract(
        name="grown", title="Grown", description="", task="regression", features=features, output=Output(name="y")
    )


def numbers(width: int, *, nullable: bool = True) -> Contract:
    """Return a contract over a number of columns, named x0, x1, …"""
    return contract_of(*(Feature(name=f"x{index}", type="number", nullable=nullable) for index in range(width)))


def table(rows: int = 1200, width: int = 5, seed: int = 0, missing: float = 0.0) -> NDArray[np.float64]:
    """Return columns of different places and spreads, the last one whole numbers, a share of all values missing."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((rows, width)) * np.logspace(-1, 1, width) + np.linspace(-2, 5, width)
    values[:, -1] = np.round(values[:, -1])
    values[generator.random((rows, width)) < missing] = np.nan
    return values


def target(rows: NDArray[np.float64], seed: int = 1) -> NDArray[np.float64]:
    """Return a noisy target of a table, shape (N,)."""
    present_values = np.nan_to_num(rows)
    noise = np.random.default_rng(seed).standard_normal(len(rows))
    return np.asarray(
        present_values[:, 0] * 4
        + np.sin(present_values[:, 1])
        + np.isnan(rows[:, 2])
        + present_values[:, 3] / 5
        + 0.3 * noise
    )


def labels(rows: NDArray[np.float64], *names: Any) -> NDArray[Any]:
    """Return one of some labels per row, by the size of the target."""
    values = target(rows)
    cuts = np.quantile(values, np.linspace(0, 1, len(names) + 1)[1:-1])
    return np.array(names)[np.searchsorted(cuts, values)]


class EstimatorGraph:
    """The graph of one fitted estimator, through all passes."""

    def __init__(self, model: Any, contract: Contract) -> None:
        rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", len(contract.features)])
        graph = Graph(helper.make_model(helper.make_graph([], "grown", [rows], [])))
        codes = tuple(category_codes(feature) if feature.categories else None for feature in contract.features)
        writer, columns = GraphWriter(graph, contract), Columns("rows", codes, contract.feature_names)
        if is_classifier(model):
            scores = classify(writer, model, columns)
            values_by_name = {"label": scores.label, "probabilities": scores.probabilities, "decision": scores.decision}
        else:
            values_by_name = {"values": regress(writer, model, columns)}
        outputs = {name: value for name, value in values_by_name.items() if value is not None}
        graph.outputs = list(outputs.values())
        run_passes(graph, (*PASSES, *contract_passes(contract)))
        run_passes(graph, (fold_into_trees(contract), *PASSES))
        self.graph = graph
        self.estimators = [ensemble.estimator for ensemble in graph.ensembles]
        # Lookups of encoders are trees too, but stand for no estimator.
        nodes: list[Any] = [graph.producer(ensemble.output) for ensemble in graph.ensembles]
        self.trees = [graph.trees_of(node) for node in nodes]
        self._names = list(outputs)
        self._session = _session(graph, dict(zip(outputs, graph.outputs, strict=True)))
        for node, trees in zip(nodes, self.trees, strict=True):
            graph.add_trees(node.input[0], leaf_index_trees(trees), "leaves")
        queried_rows = {f"leaves{index}": node.output[0] for index, node in enumerate(graph.nodes[-len(nodes) :])}
        self._leaves = _session(graph, queried_rows)

    def answers(self, rows: NDArray[np.float64]) -> Answers:
        """Return all answers."""
        return dict(zip(self._names, self._session.run(self._names, {"rows": rows}), strict=True))

    def leaves(self, rows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return for each ensemble the leaf of each tree, shape (N, trees)."""
        return list(self._leaves.run(None, {"rows": rows}))

    def hostile(self, rows: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
        """Return rows on thresholds, on the doubles next to them, and around the neighbouring float32 numbers."""
        generator = np.random.default_rng(seed)
        width = rows.shape[1]
        features = np.concatenate([trees.features for trees in self.trees])
        splits = np.concatenate([trees.splits for trees in self.trees])
        usable = np.flatnonzero(np.isfinite(splits) & (features < width))
        selected = generator.choice(usable, min(THRESHOLDS, len(usable)), replace=False) if len(usable) else usable
        split = splits[selected]
        float32_split = split.astype(np.float32)
        with np.errstate(over="ignore"):  # a split may be the largest float32
            up, down = (np.nextafter(float32_split, np.float32(end)).astype(np.float64) for end in (np.inf, -np.inf))
        float32_split = float32_split.astype(np.float64)
        values = [split, float32_split, up, down, (float32_split + up) / 2, (float32_split + down) / 2]
        values += [np.nextafter(value, end) for value in values for end in (np.inf, -np.inf)]
        result = rows[generator.integers(0, len(rows), (len(values), len(selected)))]
        for index, value in enumerate(values):
            result[index, np.arange(len(selected)), features[selected]] = value
        return np.asarray(result.reshape(-1, width))


def _session(graph: Graph, outputs: Mapping[str, str]) -> onnxruntime.InferenceSession:
    body = helper.make_graph(
        [*graph.onnx_nodes(), *(helper.make_node("Identity", [value], [name]) for name, value in outputs.items())],
        "grown",
        graph.inputs,
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", None]) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(body, ir_version=IR_VERSION, opset_imports=opsets)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run_trees(trees: Trees, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the output of ONNX Runtime's trees, shape (N, targets)."""
    value = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", rows.shape[1]])
    graph = Graph(helper.make_model(helper.make_graph([], "trees", [value], [])))
    answer = graph.add_trees("rows", trees, "said")
    return np.asarray(_session(graph, {"values": answer}).run(None, {"rows": rows})[0])


def expected_answers(model: Any, inputs: Any) -> Answers:
    """Return the answers of the fitted estimator by the names of the graph's outputs, shape (N, width) each."""
    if not is_classifier(model):
        return {"values": np.asarray(model.predict(inputs), dtype=np.float64).reshape(len(inputs), -1)}
    expected_values = {
        "label": np.searchsorted(model.classes_, np.ravel(model.predict(inputs)))[:, np.newaxis].astype(np.float64)
    }
    for name, method in (("probabilities", "predict_proba"), ("decision", "decision_function")):
        if hasattr(model, method):
            expected_values[name] = np.asarray(getattr(model, method)(inputs), dtype=np.float64).reshape(
                len(inputs), -1
            )
    return expected_values


def check(
    model: Any,
    rows: NDArray[np.float64],
    contract: Contract | None = None,
    frame: Any = None,
    *,
    loose: Mapping[str, float] | None = None,
) -> EstimatorGraph:
    """Compare a fitted estimator with its graph.

    Labels and leaves must be the same on every row, other answers bit for bit, alone as in every batch.

    Args:
        model: a fitted classifier or regressor.
        rows: (N, F) packed rows. Where the model sees arrays of numbers, rows on its thresholds are added.
        contract: what the rows keep to; by default numbers that may be missing.
        frame: what the model sees of the rows, by default the rows themselves.
        loose: answers that may differ by so much, relative to the larger and to 1.

    Returns:
        The graph of the estimator.
    """
    graph = EstimatorGraph(model, contract or numbers(rows.shape[1]))
    if frame is None:
        hostile = graph.hostile(rows)
        rows = np.concatenate([rows, hostile[~np.isnan(hostile).any(axis=1) | np.isnan(rows).any()]])
        frame = rows
    actual, expected = graph.answers(rows), expected_answers(model, frame)
    limits = dict(loose or {})
    for name, value in expected.items():
        limit = limits.get(name, 0.0)
        np.testing.assert_allclose(actual[name], value, rtol=limit, atol=limit, err_msg=name)
    for leaves, estimator in zip(graph.leaves(rows), graph.estimators, strict=True):
        np.testing.assert_array_equal(leaves, reached_leaves(estimator, frame))
    assert all(len(value) == 0 for value in graph.answers(rows[:0]).values())
    for size in BATCH_SIZES:
        for start in (0, min(37, len(rows) - 1)) if size > 1 else range(0, len(rows), max(1, len(rows) // 20)):
            part = slice(start, start + size)
            for name, value in graph.answers(np.ascontiguousarray(rows[part])).items():
                limit = limits.get(name, 0.0)
                np.testing.assert_allclose(
                    value, actual[name][part], rtol=limit, atol=limit, err_msg=f"{name} of {size}"
                )
    return graph
