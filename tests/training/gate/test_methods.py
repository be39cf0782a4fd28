"""A model that cannot be served is found before anybody asks how good it is."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tests.bundles import linear_model
from tests.training.gate.gates import orchard_gate_input, seedling_gate_input
from training.gate import GateInput
from training.gate.methods import check_methods


def failing(gate_input: GateInput) -> dict[str, str]:
    """Return what fails, with its story."""
    return {check.name: check.detail for check in check_methods(gate_input) if not check.passed}


def graph_of(
    nodes: list[onnx.NodeProto], width: int | str, output: list[int | str], *constants: onnx.TensorProto
) -> bytes:
    """Return a serialised graph with the bundle's input and output."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.DOUBLE, ["rows", width])],
        [helper.make_tensor_value_info(PREDICTION_NAME, TensorProto.DOUBLE, output)],
        list(constants),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def test_good_models_have_no_fault() -> None:
    """Both tasks pass every look, and the report names each."""
    for gate_input in (orchard_gate_input(), seedling_gate_input()):
        assert failing(gate_input) == {}
        assert len(check_methods(gate_input)) == 5


def test_missing_method_is_named() -> None:
    """A classification that answers probabilities needs ``predict_proba``."""
    gate_input = seedling_gate_input()

    class LabelsOnly:
        """Answers labels, and nothing else."""

        feature_names_in_ = gate_input.pipeline.feature_names_in_

        def predict(self, frame: object) -> np.ndarray:
            """Answer a label to each row."""
            return np.asarray(gate_input.pipeline.predict(frame))

    faults = failing(dataclasses.replace(gate_input, pipeline=LabelsOnly()))
    assert "no method 'predict_proba'" in faults["methods.required"]


def test_columns_in_another_order_are_named() -> None:
    """A pipeline that was fitted on other columns than the contract's does not fit it."""
    gate_input = orchard_gate_input()
    turned = gate_input.contract.model_copy(update={"features": gate_input.contract.features[::-1]})
    assert (
        "it was fitted on the columns" in failing(dataclasses.replace(gate_input, contract=turned))["methods.required"]
    )


def test_fixed_batch_is_no_input() -> None:
    """The graph must take any number of rows."""
    gate_input = orchard_gate_input()
    model = onnx.load_model_from_string(linear_model(7).SerializeToString())
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 64
    faults = failing(dataclasses.replace(gate_input, model=model.SerializeToString(), test=gate_input.test.head(64)))
    assert "expected any number of rows by 7" in faults["methods.input"]
    assert "Got: 1 Expected: 64" in faults["methods.alone"]


def test_wrong_shape_of_answers_is_named() -> None:
    """Two numbers a row are no answer of a regression."""
    gate_input = orchard_gate_input()
    model = linear_model(7, rank=2).SerializeToString()
    assert (
        "(64, 1) to 64 rows, expected (64,)" in failing(dataclasses.replace(gate_input, model=model))["methods.output"]
    )


def test_missing_value_must_be_answered() -> None:
    """A graph that hands NaN through cannot serve a field that may be null."""
    nodes = [
        helper.make_node("ReduceSum", [INPUT_NAME, "axes"], [PREDICTION_NAME], keepdims=0),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    gate_input = orchard_gate_input()
    complete = gate_input.test.dropna().reset_index(drop=True)
    model = graph_of(nodes, 7, ["rows"], axes)
    faults = failing(dataclasses.replace(gate_input, model=model, test=complete))
    assert faults["methods.missing"].count("the answer is not finite") == 2
    assert "without 'slope'" in faults["methods.missing"]
    assert "methods.output" not in faults


def test_row_must_not_depend_on_its_company() -> None:
    """A graph that answers the difference from the batch's mean answers zero alone."""
    nodes = [
        helper.make_node("IsNaN", [INPUT_NAME], ["missing"]),
        helper.make_node("Where", ["missing", "zero", INPUT_NAME], ["filled"]),
        helper.make_node("ReduceSum", ["filled", "axes"], ["sums"], keepdims=0),
        helper.make_node("ReduceMean", ["sums"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["sums", "mean"], [PREDICTION_NAME]),
    ]
    constants = (
        helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        helper.make_tensor("zero", TensorProto.DOUBLE, [], [0.0]),
    )
    model = graph_of(nodes, 7, ["rows"], *constants)
    faults = failing(dataclasses.replace(orchard_gate_input(), model=model))
    assert "64 of 64 rows get another answer as a single row" in faults["methods.alone"]


@pytest.mark.parametrize(
    ("answer", "story"),
    [
        ([0.0, 0.7, 0.7], "differ from a sum of 1 by 0.4"),
        ([0.0, 1.2, -0.2], "below 0 or above 1"),
        ([7.0, 0.5, 0.5], "is not a class of"),
        ([0.0, float("nan"), 0.5], "64 numbers of the answers are not finite"),
    ],
)
def test_impossible_probabilities_are_named(answer: list[float], story: str) -> None:
    """They add up to one, lie between zero and one, and belong to a class."""
    nodes = [
        helper.make_node("IsNaN", [INPUT_NAME], ["missing"]),
        helper.make_node("Where", ["missing", "zero", INPUT_NAME], ["filled"]),
        helper.make_node("MatMul", ["filled", "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "answer"], [PREDICTION_NAME]),
    ]
    constants = (
        helper.make_tensor("zero", TensorProto.DOUBLE, [], [0.0]),
        helper.make_tensor("nothing", TensorProto.DOUBLE, [5, 3], [0.0] * 15),
        helper.make_tensor("answer", TensorProto.DOUBLE, [3], answer),
    )
    model = graph_of(nodes, 5, ["rows", 3], *constants)
    assert story in failing(dataclasses.replace(seedling_gate_input(), model=model))["methods.output"]
