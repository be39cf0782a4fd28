"""Single rows and batches: a graph whose answers depend on the batch is found."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.export import export_pipeline, serialise
from tabento.export.convert import plain_graph
from tabento.parity.comparison.batch_sensitivity import BatchSensitivity
from tabento.parity.comparison.batches import BATCH_SIZES, Batches, compare_batches
from tabento.parity.comparison.branches import BranchProbe
from tabento.parity.comparison.compared_rows import Scale
from tabento.parity.comparison.knife_edges import KnifeEdges
from tabento.parity.report import Limits
from tabento.parity.sessions import answers
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import contract, fit_specimen, make_preprocessing, table

PIPELINE = fit_specimen(make_pipeline(make_preprocessing(), Ridge()))
MODEL = export_pipeline(PIPELINE, contract())
ROWS = to_rows(table(300, seed=4)[0], contract())
FRAME = to_frame(ROWS, contract())


def compare(model: bytes, rows: NDArray[np.float64], graph_answers: NDArray[np.float64]) -> Batches:
    """Compare the answers of a graph for single rows and for batches."""
    frame = FRAME.iloc[: len(rows)]
    plain = plain_graph(PIPELINE, contract())
    probe = BranchProbe(PIPELINE, MODEL, contract(), plain)
    sensitivity = BatchSensitivity(PIPELINE, contract(), probe, frame)
    edges = KnifeEdges(PIPELINE, contract(), plain.steps, frame, Limits())
    excluded = np.zeros(len(rows), dtype=bool)
    return compare_batches(
        open_session(model, log_severity=LOG_ERRORS),
        rows,
        frame,
        graph_answers,
        excluded,
        sensitivity,
        edges,
        Scale.from_answers(graph_answers, 0, Limits()),
    )


def test_every_size_is_compared() -> None:
    """A graph that computes each row separately has equal answers in every batch size."""
    model = serialise(MODEL)
    batches = compare(model, ROWS, answers(open_session(model, log_severity=LOG_ERRORS), ROWS).reshape(-1, 1))
    assert batches.alone == 300
    assert [batch.size for batch in batches.batches] == list(BATCH_SIZES)
    assert batches.worst_relative <= 1e-15
    assert (batches.undecided, batches.cancelled, len(batches.knife_edges)) == (0, 0, 0)


@pytest.mark.slow
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
    rows_in_one_batch = np.nan_to_num(ROWS[:40])
    session = open_session(mixing, log_severity=LOG_ERRORS)
    batches = compare(mixing, rows_in_one_batch, answers(session, rows_in_one_batch).reshape(-1, 1))
    assert batches.worst_relative > 1e-3
    assert not any(batch.bit_equal for batch in batches.batches)
