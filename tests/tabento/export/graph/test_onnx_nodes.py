"""Helpers for protobuf messages."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import RandomForestClassifier

from tabento.export.convert import export_pipeline
from tabento.export.graph.onnx_nodes import attribute, integers, with_attributes, without_trees
from tests.tabento.export.estimator_graphs import number_contract


def test_integers_may_be_an_array() -> None:
    """A node made with an array of integers is byte for byte the one made with a list."""
    numbers = np.arange(250_000)
    plain = helper.make_node("Pad", ["x"], ["y"], name="n", domain="d", size=3, many=numbers.tolist(), text="t")
    node = with_attributes(plain, {"size": 3, "many": numbers, "text": "t"}, "d")
    assert node.SerializeToString(deterministic=True) == plain.SerializeToString(deterministic=True)
    np.testing.assert_array_equal(integers(node, "many"), numbers)
    assert integers(node, "none").shape == (0,)
    assert attribute(node, "none", 5) == 5


def test_a_model_without_trees_has_the_same_types_and_shapes() -> None:
    """The types and shapes that are inferred for the light model are equal to those of the full model."""
    rows = np.random.default_rng(1).normal(size=(60, 3))
    forest = RandomForestClassifier(5, random_state=0).fit(rows, np.arange(60) % 3)
    model = export_pipeline(forest, number_contract(3, classes=(0, 1, 2)))
    light = without_trees(model)
    onnx.checker.check_model(light, full_check=True)
    assert light.ByteSize() < model.ByteSize()
    inferred = [
        {value.name: value.type for value in onnx.shape_inference.infer_shapes(message).graph.value_info}
        for message in (model, light)
    ]
    assert inferred[0] == inferred[1]
    assert light.opset_import == model.opset_import
    assert [node.op_type for node in light.graph.node] == [node.op_type for node in model.graph.node]


def test_other_nodes_stay_as_they_are() -> None:
    """A model that has no trees is the same without them."""
    value = helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["N", 2])
    body = helper.make_graph(
        [helper.make_node("Add", ["x", "c"], ["y"])],
        "g",
        [value],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["N", 2])],
        [numpy_helper.from_array(np.ones((1, 2)), "c")],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 21)])
    assert without_trees(model) == model
