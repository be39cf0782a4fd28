"""Graphs of single estimators on arrays of numbers, with every answer that the estimator has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import is_classifier, is_regressor

from tabento.bundle.contract import Contract, Feature, Output
from tabento.export.analysis.contract_passes import contract_passes
from tabento.export.graph.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph, run_passes
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.passes.folding import fold_into_trees
from tabento.export.passes.packing import PASSES
from tabento.export.registry import classify, regress, transform

Answers = Mapping[str, NDArray[np.float64]]


def number_contract(width: int, classes: tuple[Any, ...] | None = None, *, probabilities: bool = False) -> Contract:
    """Return a contract with a number of columns that are never missing, named x0, x1, …"""
    return Contract(
        name="numbers",
        title="Numbers",
        description="Some numbers.",
        task="regression" if classes is None else "classification",
        features=tuple(Feature(name=f"x{index}", type="number", minimum=-1e9, maximum=1e9) for index in range(width)),
        output=Output(name="answer", classes=classes, probabilities=probabilities),
    )


def table(rows: int = 2000, width: int = 6, seed: int = 0) -> NDArray[np.float64]:
    """Return columns of different places and spreads, float64 of shape (rows, width), the last one whole numbers."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((rows, width)) * np.logspace(-1, 1, width) + np.linspace(-2, 5, width)
    values[:, -1] = np.round(values[:, -1])
    return values


def target(rows: NDArray[np.float64], seed: int = 1) -> NDArray[np.float64]:
    """Return a noisy target of a table, float64 of shape (N,)."""
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    noise = np.random.default_rng(seed).standard_normal(len(rows))
    return np.asarray(scaled[:, 0] + np.sin(2 * scaled[:, 1]) + scaled[:, 2] * scaled[:, 3] + 0.2 * noise)


def labels(rows: NDArray[np.float64], names: ArrayLike) -> NDArray[Any]:
    """Return one of some labels per row, by the size of the target."""
    classes = np.asarray(names)
    values = target(rows)
    return classes[np.searchsorted(np.quantile(values, np.linspace(0, 1, len(classes) + 1)[1:-1]), values)]


def write(model: Any, width: int) -> bytes:
    """Return a graph with all outputs of a fitted estimator: ``values``, or ``label``, ``probabilities``, ``decision``.

    Transformers give ``values`` too. The graph has gone through all passes.
    """
    writer = _writer(width)
    columns = Columns("rows", (None,) * width, writer.contract.feature_names)
    if is_classifier(model):
        scores = classify(writer, model, columns)
        values_by_name = {"label": scores.label, "probabilities": scores.probabilities, "decision": scores.decision}
    elif is_regressor(model):
        values_by_name = {"values": regress(writer, model, columns)}
    else:
        values_by_name = {"values": transform(writer, model, columns).name}
    outputs = {name: value for name, value in values_by_name.items() if value is not None}
    writer.graph.outputs = list(outputs.values())
    run_passes(writer.graph, (*PASSES, *contract_passes(writer.contract)))
    run_passes(writer.graph, (fold_into_trees(writer.contract), *PASSES))
    return _checked_model(writer.graph, dict(zip(outputs, writer.graph.outputs, strict=True)))


def run_value(emit: Callable[[GraphWriter, str], str], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a written value for rows, of shape (N, width)."""
    writer = _writer(rows.shape[1])
    return answers(_checked_model(writer.graph, {"values": emit(writer, "rows")}), rows)["values"]


def _writer(width: int) -> GraphWriter:
    rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", width])
    return GraphWriter(Graph(helper.make_model(helper.make_graph([], "written", [rows], []))), number_contract(width))


def _checked_model(graph: Graph, outputs: Mapping[str, str]) -> bytes:
    """Return a checked model that answers some values under names of their own."""
    body = helper.make_graph(
        [*graph.onnx_nodes(), *(helper.make_node("Identity", [value], [name]) for name, value in outputs.items())],
        "written",
        graph.inputs,
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", None]) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    result = helper.make_model(body, ir_version=IR_VERSION, opset_imports=opsets)
    onnx.checker.check_model(result, full_check=True)
    return bytes(result.SerializeToString())


def open_graph(graph: bytes) -> Callable[[NDArray[np.float64]], Answers]:
    """Return a function that runs a written graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda rows: dict(zip(names, session.run(names, {"rows": rows}), strict=True))


def answers(graph: bytes, rows: NDArray[np.float64]) -> Answers:
    """Return the answers of a written graph to rows."""
    return open_graph(graph)(rows)


def check(
    model: Any, rows: NDArray[np.float64], *, rtol: float = 1e-9, atol: float = 1e-12, without: str = ""
) -> Answers:
    """Compare all answers of a fitted estimator with its graph's, and a few rows alone with the same rows in a batch.

    Labels must be equal on every row. ``atol`` counts in units of the typical magnitude of the answer; ``without`` names
    an answer that scikit-learn promises but cannot give.
    """
    run = open_graph(write(model, rows.shape[1]))
    actual = run(rows)
    for name, expected_values in _estimator_answers(model, rows, without).items():
        assert name in actual, f"the graph has no {name}"
        if name == "label":
            np.testing.assert_array_equal(np.asarray(model.classes_)[actual[name].ravel().astype(int)], expected_values)
        else:
            shaped = np.asarray(expected_values, dtype=np.float64).reshape(len(rows), -1)
            unit = float(np.abs(shaped[np.isfinite(shaped)]).mean())
            np.testing.assert_allclose(actual[name], shaped, rtol=rtol, atol=atol * unit)
    for index in (0, 1, len(rows) // 2, len(rows) - 1):
        for name, single_row in run(rows[index : index + 1]).items():
            np.testing.assert_allclose(single_row, actual[name][index : index + 1], rtol=1e-12, atol=1e-14)
    return actual


def _estimator_answers(model: Any, rows: NDArray[np.float64], without: str) -> dict[str, Any]:
    """Return the answers of scikit-learn by the names of the graph's outputs."""
    if not is_classifier(model):
        return {"values": model.predict(rows) if is_regressor(model) else model.transform(rows)}
    expected_values = {"label": model.predict(rows)}
    for name, method in (("probabilities", "predict_proba"), ("decision", "decision_function")):
        if name != without and hasattr(model, method):
            expected_values[name] = getattr(model, method)(rows)
    return expected_values
