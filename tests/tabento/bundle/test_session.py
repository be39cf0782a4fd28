"""The session that the service and the offline code share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tabento.bundle.session import LOG_FATAL_ERRORS, open_session


@pytest.fixture
def doubling() -> bytes:
    """Return a graph that doubles numbers."""
    kind = onnx.TensorProto.DOUBLE
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "two"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", kind, ["N"])],
        [helper.make_tensor_value_info("y", kind, ["N"])],
        [numpy_helper.from_array(np.array(2.0), "two")],
    )
    content: bytes = helper.make_model(
        graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)]
    ).SerializeToString()
    return content


def test_graph_is_opened_from_bytes_or_file(doubling: bytes, tmp_path: Path) -> None:
    """The bytes, the path and the path as text open the same graph."""
    path = tmp_path / "model.onnx"
    path.write_bytes(doubling)
    for model in (doubling, path, str(path)):
        assert open_session(model).run(["y"], {"x": np.array([1.5, 4.0])})[0].tolist() == [3.0, 8.0]


def test_session_uses_one_thread_unless_told_otherwise(doubling: bytes) -> None:
    """Operators run in sequence, on one thread or on the number of threads of the argument."""
    options = open_session(doubling).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert open_session(doubling, threads=2).get_session_options().intra_op_num_threads == 2


def test_severity_of_the_log_can_be_chosen(doubling: bytes) -> None:
    """Without an argument ONNX Runtime keeps its own severity."""
    assert open_session(doubling).get_session_options().log_severity_level == -1
    assert open_session(doubling, log_severity=LOG_FATAL_ERRORS).get_session_options().log_severity_level == 4


def test_unreadable_graph_is_an_error(doubling: bytes) -> None:
    """A graph that was cut off is refused when it is opened."""
    with pytest.raises(Exception, match=r"(?i)protobuf|model"):
        open_session(doubling[:-9], log_severity=LOG_FATAL_ERRORS)
