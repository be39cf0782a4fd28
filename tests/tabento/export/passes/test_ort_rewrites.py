"""ONNX Runtime's own rewrites of a graph change no double."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.export import export_pipeline, serialise
from tabento.export.passes.ort_rewrites import keep_bits
from tabento.parity import check_parity
from tabento.parity.sessions import answers
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import contract_of, number

ROWS = np.random.default_rng(4).uniform(0.1, 9.0, (400, 3))


def _model(nodes: list[Any], constants: dict[str, NDArray[np.float64]], width: int) -> onnx.ModelProto:
    rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", width])
    answer = helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, ["N", "W"])
    arrays = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    body = helper.make_graph(nodes, "graph", [rows], [answer], arrays)
    return helper.make_model(body, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def _answers(model: onnx.ModelProto, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    keep_bits(model)
    onnx.checker.check_model(model, full_check=True)
    return answers(open_session(serialise(model), log_severity=LOG_ERRORS), rows)


@pytest.mark.parametrize("value", [1.0 + 1e-8, 1.0 - 1e-9, 1e-46, -1e-300, 1.0, 0.0])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize(
    ("operator", "function"), [("Mul", np.multiply), ("Div", np.divide), ("Add", np.add), ("Sub", np.subtract)]
)
def test_constant_that_float32_would_round_away_counts(
    operator: str, function: Any, shape: tuple[int, ...], value: float
) -> None:
    """A scale close to 1 and a shift close to 0 are applied, to the last bit."""
    rows = np.concatenate([ROWS[:5], np.full((1, 3), 1e-300)])
    nodes = [
        helper.make_node("Abs", ["rows"], ["x"], name="a"),
        helper.make_node(operator, ["x", "c"], ["y"], name="b"),
        helper.make_node("Neg", ["y"], ["prediction"], name="c"),
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = -function(rows, value)
    np.testing.assert_array_equal(_answers(_model(nodes, {"c": np.full(shape, value)}, 3), rows), expected)


def test_product_with_an_inverse_is_rounded_twice() -> None:
    """(1 / x) · y does not become y / x."""
    nodes = [
        helper.make_node("Abs", ["rows"], ["x"], name="a"),
        helper.make_node("Sqrt", ["rows"], ["y"], name="b"),
        helper.make_node("Div", ["one", "x"], ["inverse"], name="c"),
        helper.make_node("Mul", ["inverse", "y"], ["prediction"], name="d"),
    ]
    answers = _answers(_model(nodes, {"one": np.ones((1, 1))}, 3), ROWS)
    np.testing.assert_array_equal(answers, 1.0 / ROWS * np.sqrt(ROWS))


def test_factor_before_a_product_of_matrices_stays_double() -> None:
    """A third before a MatMul keeps all its digits."""
    weights = np.random.default_rng(1).normal(size=(3, 2))
    nodes = [
        helper.make_node("Mul", ["rows", "third"], ["x"], name="a"),
        helper.make_node("MatMul", ["x", "weights"], ["prediction"], name="b"),
    ]
    answers = _answers(_model(nodes, {"third": np.array(1 / 3), "weights": weights}, 3), ROWS)
    np.testing.assert_allclose(answers, ROWS / 3 @ weights, rtol=1e-13)


def test_constant_inside_a_branch_counts() -> None:
    """The bodies of loops and branches are looked at, too."""
    value = helper.make_tensor_value_info("inner", TensorProto.DOUBLE, ["N", 3])
    scaled = helper.make_graph([helper.make_node("Mul", ["rows", "scale"], ["inner"], name="s")], "yes", [], [value])
    plain = helper.make_graph([helper.make_node("Neg", ["rows"], ["inner"], name="n")], "no", [], [value])
    nodes = [
        helper.make_node("ReduceSum", ["rows"], ["sum"], name="a", keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["some"], name="b"),
        helper.make_node("If", ["some"], ["prediction"], name="c", then_branch=scaled, else_branch=plain),
    ]
    model = _model(nodes, {"scale": np.array(1.0 + 1e-8), "zero": np.array(0.0)}, 3)
    np.testing.assert_array_equal(_answers(model, ROWS), ROWS * (1.0 + 1e-8))


@pytest.mark.parametrize("last", [Ridge(), DecisionTreeRegressor(max_depth=3)])
def test_scale_beside_one_is_proven(last: Any) -> None:
    """A StandardScaler whose scale is 1 + 1e-8 is exported with that scale."""
    contract = contract_of(number("a"))
    rows = np.random.default_rng(5).normal(size=(80, 1))
    frame = to_frame(rows, contract)
    pipeline = make_pipeline(FunctionTransformer(np.square), StandardScaler(with_mean=False), last)
    pipeline.fit(frame, rows[:, 0])
    pipeline[1].scale_ = np.array([1.0 + 1e-8])
    report = check_parity(pipeline, serialise(export_pipeline(pipeline, contract)), contract, frame, max_rows=300)
    assert report.worst_relative < 1e-12
