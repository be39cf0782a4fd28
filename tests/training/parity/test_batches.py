"""A row alone and in a batch: a graph whose answers depend on the company is found."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from bundle.format import INPUT_NAME, PREDICTION_NAME
from tests.training.parity.specimens import contract, fitted, prepared, table
from training.export import export_pipeline, serialise
from training.export.convert import plain_graph
from training.frames import to_frame, to_rows
from training.parity.batches import BATCH_SIZES, Batches, compare_batches
from training.parity.branches import BranchProbe
from training.parity.knife_edges import KnifeEdges
from training.parity.report import Limits
from training.parity.sessions import answers, open_session
from training.parity.steadiness import Steadiness
from training.parity.tried import Scale

PIPELINE = fitted(make_pipeline(prepared(), Ridge()))
MODEL = export_pipeline(PIPELINE, contract())
ROWS = to_rows(table(300, seed=4)[0], contract())
FRAME = to_frame(ROWS, contract())


def compared(model: bytes, got: NDArray[np.float64]) -> Batches:
    """Compare a graph with itself, alone and in batches."""
    plain = plain_graph(PIPELINE, contract())
    probe = BranchProbe(PIPELINE, MODEL, contract(), plain)
    steadiness = Steadiness(PIPELINE, contract(), probe, FRAME)
    edges = KnifeEdges(PIPELINE, contract(), plain.steps, FRAME, Limits())
    none = np.zeros(len(ROWS), dtype=bool)
    return compare_batches(open_session(model), ROWS, FRAME, got, none, steadiness, edges, Scale.of(got, 0, Limits()))


def test_every_size_is_tried() -> None:
    """A graph that answers each row on its own agrees with itself in every size."""
    model = serialise(MODEL)
    found = compared(model, answers(open_session(model), ROWS).reshape(-1, 1))
    assert found.alone == 300
    assert [batch.size for batch in found.batches] == list(BATCH_SIZES)
    assert found.worst_relative <= 1e-15
    assert (found.undecided, found.cancelled, len(found.knife_edges)) == (0, 0, 0)


def test_graph_that_mixes_rows_is_found() -> None:
    """A graph that takes the mean over the batch differs in every size."""
    nodes = [
        helper.make_node("ReduceMean", [INPUT_NAME], ["mean"], keepdims=1),
        helper.make_node("Sub", [INPUT_NAME, "mean"], ["centred"]),
        helper.make_node("ReduceMax", ["centred", "axis"], [PREDICTION_NAME], keepdims=0),
    ]
    rows = helper.make_tensor_value_info(INPUT_NAME, onnx.TensorProto.DOUBLE, ["N", 6])
    answer = helper.make_tensor_value_info(PREDICTION_NAME, onnx.TensorProto.DOUBLE, ["N"])
    axis = helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [1])
    body = helper.make_graph(nodes, "mixing", [rows], [answer], [axis])
    mixing = helper.make_model(body, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    clean = np.nan_to_num(ROWS)
    found = compared(mixing, answers(open_session(mixing), clean).reshape(-1, 1))
    assert found.worst_relative > 1e-3
    assert not any(batch.bit_equal for batch in found.batches)
