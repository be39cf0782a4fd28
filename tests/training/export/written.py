"""Runs what the converters write for one estimator: every answer that it has, on plain arrays of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import is_classifier, is_regressor

from bundle.contract import Contract, Feature, Output
from training.export.folding import fold_into_trees
from training.export.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph, settle
from training.export.packing import PASSES
from training.export.pen import Pen
from training.export.promises import promise_passes
from training.export.registry import classify, regress, transform
from training.export.values import Columns

Answers = Mapping[str, NDArray[np.float64]]


def number_contract(width: int, classes: tuple[Any, ...] | None = None, *, probabilities: bool = False) -> Contract:
    """Return a contract over so many numbers that are always there, named x0, x1, …"""
    return Contract(
        name="numbers",
        title="Numbers",
        description="Some numbers.",
        task="regression" if classes is None else "classification",
        features=tuple(Feature(name=f"x{at}", type="number", minimum=-1e9, maximum=1e9) for at in range(width)),
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
    """Return a graph with all that a fitted estimator answers: ``values``, or ``label``, ``probabilities``, ``decision``.

    Transformers give ``values`` too. The graph has gone through all passes.
    """
    pen = _pen(width)
    columns = Columns("rows", (None,) * width, pen.contract.feature_names)
    if is_classifier(model):
        scores = classify(pen, model, columns)
        found = {"label": scores.label, "probabilities": scores.probabilities, "decision": scores.decision}
    elif is_regressor(model):
        found = {"values": regress(pen, model, columns)}
    else:
        found = {"values": transform(pen, model, columns).name}
    given = {name: value for name, value in found.items() if value is not None}
    pen.graph.outputs = list(given.values())
    settle(pen.graph, (*PASSES, *promise_passes(pen.contract)))
    settle(pen.graph, (fold_into_trees(pen.contract), *PASSES))
    return _made(pen.graph, dict(zip(given, pen.graph.outputs, strict=True)))


def run_value(emit: Callable[[Pen, str], str], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is written for a value of shape (N, width)."""
    pen = _pen(rows.shape[1])
    return answers(_made(pen.graph, {"values": emit(pen, "rows")}), rows)["values"]


def _pen(width: int) -> Pen:
    rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", width])
    return Pen(Graph(helper.make_model(helper.make_graph([], "written", [rows], []))), number_contract(width))


def _made(graph: Graph, given: Mapping[str, str]) -> bytes:
    """Return a checked model that answers some values under names of their own."""
    body = helper.make_graph(
        [*graph.onnx_nodes(), *(helper.make_node("Identity", [value], [name]) for name, value in given.items())],
        "written",
        graph.inputs,
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", None]) for name in given],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    made = helper.make_model(body, ir_version=IR_VERSION, opset_imports=opsets)
    onnx.checker.check_model(made, full_check=True)
    return bytes(made.SerializeToString())


def answers(written: bytes, rows: NDArray[np.float64]) -> Answers:
    """Run a written graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"rows": rows}), strict=True))


def check(
    model: Any, rows: NDArray[np.float64], *, rtol: float = 1e-9, atol: float = 1e-12, without: str = ""
) -> Answers:
    """Compare all answers of a fitted estimator with its graph's, and a few rows alone with the same rows in a batch.

    Labels must be equal on every row. ``atol`` counts in units of the typical magnitude of the answer; ``without`` names
    an answer that scikit-learn promises but cannot give.
    """
    written = write(model, rows.shape[1])
    got = answers(written, rows)
    for name, wanted in _expected(model, rows, without).items():
        assert name in got, f"the graph has no {name}"
        if name == "label":
            np.testing.assert_array_equal(np.asarray(model.classes_)[got[name].ravel().astype(int)], wanted)
        else:
            shaped = np.asarray(wanted, dtype=np.float64).reshape(len(rows), -1)
            unit = float(np.abs(shaped[np.isfinite(shaped)]).mean())
            np.testing.assert_allclose(got[name], shaped, rtol=rtol, atol=atol * unit)
    for at in (0, 1, len(rows) // 2, len(rows) - 1):
        for name, alone in answers(written, rows[at : at + 1]).items():
            np.testing.assert_allclose(alone, got[name][at : at + 1], rtol=1e-12, atol=1e-14)
    return got


def _expected(model: Any, rows: NDArray[np.float64], without: str) -> dict[str, Any]:
    """Return what scikit-learn answers, by the names of the graph's outputs."""
    if not is_classifier(model):
        return {"values": model.predict(rows) if is_regressor(model) else model.transform(rows)}
    wanted = {"label": model.predict(rows)}
    for name, method in (("probabilities", "predict_proba"), ("decision", "decision_function")):
        if name != without and hasattr(model, method):
            wanted[name] = getattr(model, method)(rows)
    return wanted
