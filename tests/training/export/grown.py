"""Fitted trees against what is written for them: every answer, the leaf in every tree, and rows alone against batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import is_classifier

from bundle.contract import Contract, Feature, Output, category_codes
from training.export.folding import fold_into_trees
from training.export.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph, settle
from training.export.leaves import reached_leaves
from training.export.packing import PASSES
from training.export.pen import Pen
from training.export.promises import promise_passes
from training.export.registry import classify, regress
from training.export.trees import Trees, leaf_index_trees
from training.export.values import Columns

Answers = Mapping[str, NDArray[np.float64]]
BATCH_SIZES = (1, 2, 50, 51, 80, 81, 128, 129, 1000)
"""ONNX Runtime changes its way through the trees near 50, 80 and 128 rows."""
ASKED = 200
"""How many thresholds are hit."""


def contract_of(*features: Feature) -> Contract:
    """Return a contract over some columns; what is answered does not matter to the converters."""
    return Contract(
        name="grown", title="Grown", description="", task="regression", features=features, output=Output(name="y")
    )


def numbers(width: int, *, nullable: bool = True) -> Contract:
    """Return a contract over so many numbers, named x0, x1, …"""
    return contract_of(*(Feature(name=f"x{at}", type="number", nullable=nullable) for at in range(width)))


def table(rows: int = 1200, width: int = 5, seed: int = 0, missing: float = 0.0) -> NDArray[np.float64]:
    """Return columns of different places and spreads, the last one whole numbers, a share of all values missing."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((rows, width)) * np.logspace(-1, 1, width) + np.linspace(-2, 5, width)
    values[:, -1] = np.round(values[:, -1])
    values[generator.random((rows, width)) < missing] = np.nan
    return values


def target(rows: NDArray[np.float64], seed: int = 1) -> NDArray[np.float64]:
    """Return a noisy target of a table, shape (N,)."""
    known = np.nan_to_num(rows)
    noise = np.random.default_rng(seed).standard_normal(len(rows))
    return np.asarray(known[:, 0] * 4 + np.sin(known[:, 1]) + np.isnan(rows[:, 2]) + known[:, 3] / 5 + 0.3 * noise)


def labels(rows: NDArray[np.float64], *names: Any) -> NDArray[Any]:
    """Return one of some labels per row, by the size of the target."""
    values = target(rows)
    cuts = np.quantile(values, np.linspace(0, 1, len(names) + 1)[1:-1])
    return np.array(names)[np.searchsorted(cuts, values)]


class Written:
    """The graph of one fitted estimator, through all passes."""

    def __init__(self, model: Any, contract: Contract) -> None:
        rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", len(contract.features)])
        graph = Graph(helper.make_model(helper.make_graph([], "grown", [rows], [])))
        codes = tuple(category_codes(feature) if feature.categories else None for feature in contract.features)
        pen, columns = Pen(graph, contract), Columns("rows", codes, contract.feature_names)
        if is_classifier(model):
            scores = classify(pen, model, columns)
            found = {"label": scores.label, "probabilities": scores.probabilities, "decision": scores.decision}
        else:
            found = {"values": regress(pen, model, columns)}
        given = {name: value for name, value in found.items() if value is not None}
        graph.outputs = list(given.values())
        settle(graph, (*PASSES, *promise_passes(contract)))
        settle(graph, (fold_into_trees(contract), *PASSES))
        self.graph = graph
        self.estimators = [ensemble.estimator for ensemble in graph.ensembles]
        # Lookups of encoders are trees too, but stand for no estimator.
        nodes: list[Any] = [graph.producer(ensemble.output) for ensemble in graph.ensembles]
        self.trees = [graph.trees_of(node) for node in nodes]
        self._names = list(given)
        self._session = _session(graph, dict(zip(given, graph.outputs, strict=True)))
        for node, trees in zip(nodes, self.trees, strict=True):
            graph.add_trees(node.input[0], leaf_index_trees(trees), "leaves")
        asked = {f"leaves{at}": node.output[0] for at, node in enumerate(graph.nodes[-len(nodes) :])}
        self._leaves = _session(graph, asked)

    def answers(self, rows: NDArray[np.float64]) -> Answers:
        """Return all answers."""
        return dict(zip(self._names, self._session.run(self._names, {"rows": rows}), strict=True))

    def leaves(self, rows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return for each ensemble the leaf of each tree, shape (N, trees)."""
        return list(self._leaves.run(None, {"rows": rows}))

    def hostile(self, rows: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
        """Return rows on thresholds, one double beside them, and around the float32 numbers next to them."""
        generator = np.random.default_rng(seed)
        width = rows.shape[1]
        features = np.concatenate([trees.features for trees in self.trees])
        splits = np.concatenate([trees.splits for trees in self.trees])
        usable = np.flatnonzero(np.isfinite(splits) & (features < width))
        chosen = generator.choice(usable, min(ASKED, len(usable)), replace=False) if len(usable) else usable
        split = splits[chosen]
        near = split.astype(np.float32)
        with np.errstate(over="ignore"):  # a split may be the largest float32
            up, down = (np.nextafter(near, np.float32(end)).astype(np.float64) for end in (np.inf, -np.inf))
        near = near.astype(np.float64)
        values = [split, near, up, down, (near + up) / 2, (near + down) / 2]
        values += [np.nextafter(value, end) for value in values for end in (np.inf, -np.inf)]
        made = rows[generator.integers(0, len(rows), (len(values), len(chosen)))]
        for at, value in enumerate(values):
            made[at, np.arange(len(chosen)), features[chosen]] = value
        return np.asarray(made.reshape(-1, width))


def _session(graph: Graph, given: Mapping[str, str]) -> onnxruntime.InferenceSession:
    body = helper.make_graph(
        [*graph.onnx_nodes(), *(helper.make_node("Identity", [value], [name]) for name, value in given.items())],
        "grown",
        graph.inputs,
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", None]) for name in given],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(body, ir_version=IR_VERSION, opset_imports=opsets)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run_trees(trees: Trees, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what ONNX Runtime's trees answer, shape (N, targets)."""
    value = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", rows.shape[1]])
    graph = Graph(helper.make_model(helper.make_graph([], "trees", [value], [])))
    said = graph.add_trees("rows", trees, "said")
    return np.asarray(_session(graph, {"values": said}).run(None, {"rows": rows})[0])


def expected(model: Any, given: Any) -> Answers:
    """Return what the fitted estimator answers, by the names of the graph's outputs, shape (N, width) each."""
    if not is_classifier(model):
        return {"values": np.asarray(model.predict(given), dtype=np.float64).reshape(len(given), -1)}
    wanted = {
        "label": np.searchsorted(model.classes_, np.ravel(model.predict(given)))[:, np.newaxis].astype(np.float64)
    }
    for name, method in (("probabilities", "predict_proba"), ("decision", "decision_function")):
        if hasattr(model, method):
            wanted[name] = np.asarray(getattr(model, method)(given), dtype=np.float64).reshape(len(given), -1)
    return wanted


def check(
    model: Any,
    rows: NDArray[np.float64],
    contract: Contract | None = None,
    frame: Any = None,
    *,
    loose: Mapping[str, float] | None = None,
) -> Written:
    """Compare a fitted estimator with its graph.

    Labels and leaves must be the same on every row, other answers bit for bit, alone as in every batch.

    Args:
        model: a fitted classifier or regressor.
        rows: (N, F) packed rows. Where the model sees arrays of numbers, rows on its thresholds are added.
        contract: what the rows keep to; by default numbers that may be missing.
        frame: what the model sees of the rows, by default the rows themselves.
        loose: answers that may differ by so much, relative to the larger and to 1.

    Returns:
        What was written.
    """
    written = Written(model, contract or numbers(rows.shape[1]))
    if frame is None:
        hostile = written.hostile(rows)
        rows = np.concatenate([rows, hostile[~np.isnan(hostile).any(axis=1) | np.isnan(rows).any()]])
        frame = rows
    got, wanted = written.answers(rows), expected(model, frame)
    limits = dict(loose or {})
    for name, value in wanted.items():
        limit = limits.get(name, 0.0)
        np.testing.assert_allclose(got[name], value, rtol=limit, atol=limit, err_msg=name)
    for leaves, estimator in zip(written.leaves(rows), written.estimators, strict=True):
        np.testing.assert_array_equal(leaves, reached_leaves(estimator, frame))
    assert all(len(value) == 0 for value in written.answers(rows[:0]).values())
    for size in BATCH_SIZES:
        for start in (0, min(37, len(rows) - 1)) if size > 1 else range(0, len(rows), max(1, len(rows) // 20)):
            part = slice(start, start + size)
            for name, value in written.answers(np.ascontiguousarray(rows[part])).items():
                limit = limits.get(name, 0.0)
                np.testing.assert_allclose(value, got[name][part], rtol=limit, atol=limit, err_msg=f"{name} of {size}")
    return written
