"""Boosted trees as the arrays of one TreeEnsemble."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.ensemble import HistGradientBoostingRegressor

from training.export.errors import ExportError
from training.export.graph import IR_VERSION, ML_DOMAIN, ML_OPSET
from training.export.trees import Trees, boosted_trees

GENERATOR = np.random.default_rng(4)
X = np.where(GENERATOR.random((400, 3)) < 0.1, np.nan, GENERATOR.normal(size=(400, 3)))
Y = np.nan_to_num(X[:, 0]) ** 2 + np.isnan(X[:, 1]) + GENERATOR.normal(size=400)


def _node(trees: Trees) -> object:
    return helper.make_node("TreeEnsemble", ["x"], ["y"], domain=ML_DOMAIN, **trees.attributes())


def _answers(trees: Trees, given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what ONNX Runtime's trees answer."""
    body = helper.make_graph(
        [_node(trees)],
        "trees",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["N", given.shape[1]])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["N", 1])],
    )
    model = helper.make_model(body, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid(ML_DOMAIN, ML_OPSET)])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": given})[0])[:, 0]


@pytest.mark.parametrize("leaves", [2, 31])
def test_trees_answer_bit_for_bit(leaves: int) -> None:
    """Missing values take the learned side, thresholds of infinity among them, and the sums are the same doubles."""
    model = HistGradientBoostingRegressor(max_iter=40, max_leaf_nodes=leaves, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(_answers(boosted_trees(model, "model"), X), model.predict(X))


def test_trees_of_one_leaf() -> None:
    """A model that learned nothing but the mean is a tree without a question."""
    model = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=400).fit(X, Y)
    np.testing.assert_array_equal(_answers(boosted_trees(model, "model"), X), model.predict(X))


def test_arrays_survive_the_node() -> None:
    """Written into a node and read back, the arrays are the same, with and without flags for missing values."""
    for given in (X, np.nan_to_num(X)):
        model = HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(given, Y)
        trees = boosted_trees(model, "model")
        if given is not X:
            trees.missing[:] = 0
        read = Trees.of_node(_node(trees))
        for name, array in vars(trees).items():
            np.testing.assert_array_equal(getattr(read, name), array)


def test_several_outputs_are_refused() -> None:
    """A model of several sums is refused by its step's name."""
    model = HistGradientBoostingRegressor(max_iter=2).fit(X, Y)
    model.n_trees_per_iteration_ = 3
    with pytest.raises(ExportError, match=r"step 'price'.*3 outputs"):
        boosted_trees(model, "price")
