"""Asking graphs for answers and for values in between."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.export import export_pipeline, serialise
from tabento.export.convert import plain_graph
from tabento.parity.sessions import (
    answers,
    probe_of,
    single_precision_operators,
    values_of,
    with_outputs,
)
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import contract, fit_specimen, make_preprocessing, table

PIPELINE = fit_specimen(make_pipeline(make_preprocessing(StandardScaler()), Ridge()))
ROWS = to_rows(table(2500, seed=4)[0], contract())


def test_many_rows_are_asked_in_chunks() -> None:
    """More rows than the service lets into one call give the same answers as parts of them."""
    session = open_session(serialise(export_pipeline(PIPELINE, contract())), log_severity=LOG_ERRORS)
    np.testing.assert_array_equal(answers(session, ROWS)[2000:], answers(session, ROWS[2000:]))
    assert answers(session, ROWS).shape == (2500,)


def test_lost_rows_are_an_error() -> None:
    """A graph that does not answer each row is refused with both numbers."""
    node = helper.make_node("ReduceSum", [INPUT_NAME], [PREDICTION_NAME], keepdims=1)
    rows = helper.make_tensor_value_info(INPUT_NAME, onnx.TensorProto.DOUBLE, ["N", 6])
    answer = helper.make_tensor_value_info(PREDICTION_NAME, onnx.TensorProto.DOUBLE, [None, None])
    model = helper.make_model(
        helper.make_graph([node], "sum", [rows], [answer]), opset_imports=[helper.make_opsetid("", 21)], ir_version=10
    )
    with pytest.raises(ValueError, match="for each of 5 rows, got 1"):
        answers(open_session(model.SerializeToString(), log_severity=LOG_ERRORS), ROWS[:5])


def test_every_value_of_a_graph_can_be_an_output() -> None:
    """The types of inner values are not necessary to return them."""
    model = export_pipeline(PIPELINE, contract())
    names = [name for node in model.graph.node for name in node.output]
    values = values_of(open_session(with_outputs(model, names), log_severity=LOG_ERRORS), ROWS[:7], names)
    assert len(values) == len(names) > 3
    np.testing.assert_array_equal(
        values[names.index(PREDICTION_NAME)], answers(open_session(serialise(model), log_severity=LOG_ERRORS), ROWS[:7])
    )


def test_unfinished_graph_can_be_run() -> None:
    """The values of a step are computed with the plain graph, including the input itself."""
    graph = plain_graph(PIPELINE, contract())
    step = next(step for step in graph.steps if step.path == "columntransformer")
    session = open_session(probe_of(graph, [INPUT_NAME, step.result.name]), log_severity=LOG_ERRORS)  # type: ignore[union-attr]
    rows, columns = values_of(session, ROWS[:7], ["probe_0", "probe_1"])
    np.testing.assert_array_equal(rows, ROWS[:7])
    np.testing.assert_array_equal(columns, PIPELINE[0].transform(to_frame(ROWS[:7], contract())))


def test_operators_in_float32_are_found() -> None:
    """A cast to float32 and the operators after it are named once each; a graph in double has none."""
    model = export_pipeline(PIPELINE, contract())
    assert single_precision_operators(model) == ()
    for name, source in (("one", INPUT_NAME), ("two", INPUT_NAME)):
        model.graph.node.append(helper.make_node("Cast", [source], [name], to=onnx.TensorProto.FLOAT))
    model.graph.node.append(helper.make_node("Exp", ["one"], ["three"]))
    assert single_precision_operators(model) == ("Cast", "Exp")
