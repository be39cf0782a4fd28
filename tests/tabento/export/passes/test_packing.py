"""Packing: fewer nodes, the same values."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tabento.export.graph.facts import Monotone
from tabento.export.graph.graph import IR_VERSION, OPSET, Graph, run_passes
from tabento.export.graph.origins import Origin, origins
from tabento.export.passes.packing import PASSES

ROWS = np.array([[1.0, np.nan, 3.0, 4.0], [np.nan, 6.0, 7.0, np.nan]])


def _graph(nodes: list[tuple[str, list[str], str, dict[str, int]]], constants: dict[str, object]) -> Graph:
    """Return a graph from four columns `rows` to `out`."""
    body = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **attributes) for kind, inputs, output, attributes in nodes],
        "small",
        [helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", 4])],
        [helper.make_tensor_value_info("out", TensorProto.DOUBLE, ["N", None])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return Graph(helper.make_model(body, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]))


def _run(graph: Graph) -> NDArray[np.float64]:
    body = helper.make_graph(
        graph.nodes,
        "small",
        graph.inputs,
        [helper.make_tensor_value_info(graph.outputs[0], TensorProto.DOUBLE, ["N", None])],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    model = helper.make_model(body, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"rows": ROWS})[0])


def _imputed(name: str, columns: str, statistics: str) -> list[tuple[str, list[str], str, dict[str, int]]]:
    return [
        ("Gather", ["rows", columns], f"{name}_raw", {"axis": 1}),
        ("IsNaN", [f"{name}_raw"], f"{name}_nan", {}),
        ("Where", [f"{name}_nan", statistics, f"{name}_raw"], name, {}),
    ]


def test_imputations_of_groups_become_one() -> None:
    """Two groups that impute the same column alike share one imputation of all rows."""
    graph = _graph(
        [*_imputed("a", "ia", "sa"), *_imputed("b", "ib", "sb"), ("Concat", ["a", "b"], "out", {"axis": 1})],
        {"ia": [0, 1], "ib": [1, 3], "sa": [[10.0, 20.0]], "sb": [[20.0, 40.0]]},
    )
    before = _run(graph)
    run_passes(graph, PASSES)
    kinds = [node.op_type for node in graph.nodes]
    assert (kinds.count("IsNaN"), kinds.count("Where")) == (1, 1)
    np.testing.assert_array_equal(_run(graph), before)


def test_imputations_that_disagree_stay_apart() -> None:
    """A column that two groups impute with different values keeps both values."""
    graph = _graph(
        [*_imputed("a", "ia", "sa"), *_imputed("b", "ib", "sb"), ("Concat", ["a", "b"], "out", {"axis": 1})],
        {"ia": [0, 1], "ib": [1, 3], "sa": [[10.0, 20.0]], "sb": [[21.0, 40.0]]},
    )
    before = _run(graph)
    run_passes(graph, PASSES)
    np.testing.assert_array_equal(_run(graph), before)
    np.testing.assert_array_equal(before, [[1, 20, 21, 4], [10, 6, 6, 40]])


def test_selections_of_selections_become_one() -> None:
    """Several Gathers in sequence become one; a Gather of all columns in order disappears."""
    graph = _graph(
        [
            ("Gather", ["rows", "first"], "some", {"axis": 1}),
            ("Gather", ["some", "second"], "fewer", {"axis": 1}),
            ("Gather", ["fewer", "all"], "out", {"axis": 1}),
        ],
        {"first": [3, 1, 2], "second": [2, 0], "all": [0, 1]},
    )
    before = _run(graph)
    run_passes(graph, PASSES)
    assert [node.op_type for node in graph.nodes] == ["Gather"]
    np.testing.assert_array_equal(_run(graph), before)


def test_equal_nodes_become_one_and_unread_nodes_disappear() -> None:
    """Two nodes of one kind, inputs and attributes become one; unread nodes and their constants are removed."""
    graph = _graph(
        [
            ("Gather", ["rows", "i"], "a", {"axis": 1}),
            ("Gather", ["rows", "i"], "b", {"axis": 1}),
            ("Add", ["rows", "unused"], "nothing", {}),
            ("Mul", ["a", "b"], "out", {}),
        ],
        {"i": [0, 2], "unused": [[1.0]]},
    )
    run_passes(graph, PASSES)
    assert [node.op_type for node in graph.nodes] == ["Gather", "Mul"]
    assert list(graph.constants) == ["i"]


def test_columns_picked_side_by_side_are_picked_at_once() -> None:
    """Gathers of one value next to each other become one, through a Concat of a Concat; others keep their place."""
    graph = _graph(
        [
            ("Gather", ["rows", "first"], "a", {"axis": 1}),
            ("Gather", ["rows", "second"], "b", {"axis": 1}),
            ("Exp", ["a"], "c", {}),
            ("Concat", ["b", "rows"], "inner", {"axis": 1}),
            ("Concat", ["a", "inner", "c", "b"], "out", {"axis": 1}),
        ],
        {"first": [3, 1], "second": [2]},
    )
    before = _run(graph)
    run_passes(graph, PASSES)
    kinds = [node.op_type for node in graph.nodes]
    assert kinds.count("Concat") == 1
    assert len(graph.producer(graph.outputs[0]).input) == 3  # type: ignore[union-attr] # the Concat
    np.testing.assert_array_equal(_run(graph), before)


def test_equal_nodes_of_several_outputs_become_one() -> None:
    """Every output of the second is the same output of the first."""
    graph = _graph(
        [
            ("Gather", ["rows", "both"], "x", {"axis": 1}),
            ("Concat", ["x1", "y2"], "out", {"axis": 1}),
        ],
        {"both": [1, 2]},
    )
    for outputs in (["y1", "y2"], ["x1", "x2"]):
        split = helper.make_node("Split", ["x"], outputs, axis=1, num_outputs=2)
        graph.nodes.insert_before(split, graph.nodes[1])
    before = _run(graph)
    run_passes(graph, PASSES)
    assert [node.op_type for node in graph.nodes].count("Split") == 1
    np.testing.assert_array_equal(_run(graph), before)


def test_origin_of_columns() -> None:
    """The origin of a selected and imputed column is its place in the rows and its imputed value."""
    graph = _graph([*_imputed("a", "ia", "sa"), ("Exp", ["a"], "out", {})], {"ia": [2, 0], "sa": [[5.0, 6.0]]})
    assert origins(graph, "a") == [Origin(2, 5.0), Origin(0, 6.0)]
    assert origins(graph, "out") is None


def test_what_trees_may_be_led_to_is_kept() -> None:
    """A value that nothing reads stays as long as another one is known as a monotone function of it."""
    graph = _graph(
        [("Gather", ["rows", "i"], "source", {"axis": 1}), ("Exp", ["rows"], "out", {})],
        {"i": [2, 0]},
    )
    graph.monotone["out"] = Monotone("source", (np.exp,), True, (-np.inf, np.inf), False)
    run_passes(graph, PASSES)
    assert graph.producer("source") is not None
    graph.monotone.clear()
    run_passes(graph, PASSES)
    assert graph.producer("source") is None
    assert [node.op_type for node in graph.nodes] == ["Exp"]
