"""The session loads graphs of the bundle's form and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from runners.errors import RunnerError
from runners.session import OnnxSession
from tests.bundles import linear_model


def _save(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_rows_in_predictions_out(tmp_path: Path) -> None:
    """One float a row, in the order of the rows; read-only memory is taken as it is."""
    session = OnnxSession(_save(tmp_path, linear_model(2)), features=2)
    rows = np.frombuffer(np.array([[1.0, 2.0], [0.5, 0.25]]).tobytes()).reshape(2, 2)
    assert session.run(rows) == [5.0, 1.0]


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    """The error names the file and what to do."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(RunnerError, match=r"cannot load model\.onnx: .* Train the model anew"):
        OnnxSession(path, features=2)


def test_a_graph_for_another_contract_is_refused(tmp_path: Path) -> None:
    """A graph that takes another number of columns is found at load, not at the first request."""
    with pytest.raises(RunnerError, match=r"expected the input rows as double \(N, 3\)"):
        OnnxSession(_save(tmp_path, linear_model(2)), features=3)


def test_an_answer_of_another_length_is_refused(tmp_path: Path) -> None:
    """Callers never get each other's answers: the shape is checked, both numbers are in the message."""
    session = OnnxSession(_save(tmp_path, linear_model(2, rank=2)), features=2)
    with pytest.raises(RunnerError, match=r"2 rows went into the model, but an answer of shape \(2, 1\)"):
        session.run(np.zeros((2, 2)))


def test_rows_of_another_width_are_an_error_of_ours(tmp_path: Path) -> None:
    """What ONNX Runtime refuses comes out as a runner's error."""
    session = OnnxSession(_save(tmp_path, linear_model(2)), features=2)
    with pytest.raises(RunnerError, match="failed on 1 rows"):
        session.run(np.zeros((1, 5)))
