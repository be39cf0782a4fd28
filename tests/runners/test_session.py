"""The session loads graphs of the bundle's form and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from runners.errors import RunnerError
from runners.session import OnnxSession
from tabento.bundle.terms import Analysis
from tabento.bundle.texts import TEXTS_KEY, TextBlock, texts_metadata
from tests.bundles import classifier_contract, classifier_model, linear_model


def _save(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_rows_in_predictions_out(tmp_path: Path) -> None:
    """One float a row, in the order of the rows; read-only memory is taken as it is."""
    session = OnnxSession(_save(tmp_path, linear_model(2)), features=2)
    rows = np.frombuffer(np.array([[1.0, 2.0], [0.5, 0.25]]).tobytes()).reshape(2, 2)
    assert session.run(rows) == [5.0, 1.0]


def _with_metadata(model: onnx.ModelProto, content: str) -> onnx.ModelProto:
    model.metadata_props.append(onnx.StringStringEntryProto(key=TEXTS_KEY, value=content))
    return model


BLOCK = TextBlock(column=1, analysis=Analysis(token_pattern=r"\w+"), width=3)


def test_texts_widen_a_row(tmp_path: Path) -> None:
    """A graph whose metadata split a text takes its terms behind the features."""
    session = OnnxSession(_save(tmp_path, _with_metadata(linear_model(5), texts_metadata((BLOCK,)))), features=2)
    assert session.features == 5
    assert session.texts is not None
    assert session.texts.blocks == (BLOCK,)


def test_texts_that_cannot_be_split_are_refused(tmp_path: Path) -> None:
    """Malformed metadata, and those of a feature that does not exist, are errors at load."""
    with pytest.raises(RunnerError, match=r"model\.onnx: the texts of the graph are malformed"):
        OnnxSession(_save(tmp_path, _with_metadata(linear_model(5), "{}")), features=2)
    with pytest.raises(RunnerError, match="splits texts of a feature that does not exist"):
        OnnxSession(_save(tmp_path, _with_metadata(linear_model(4), texts_metadata((BLOCK,)))), features=1)


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    """The error names the file and what to do."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(RunnerError, match=r"cannot load model\.onnx: .* Train the model again"):
        OnnxSession(path, features=2)


def test_a_missing_library_is_not_the_fault_of_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If ONNX Runtime cannot be imported, another graph would not help: the error is passed on as it is."""

    def open_session(*_: object, **__: object) -> None:
        raise ImportError("cannot open shared object file")

    monkeypatch.setattr("runners.session.open_session", open_session)
    with pytest.raises(ImportError, match="shared object"):
        OnnxSession(tmp_path / "model.onnx", 2)


def test_a_graph_for_another_contract_is_refused(tmp_path: Path) -> None:
    """A graph that takes another number of columns is found at load, not at the first request."""
    with pytest.raises(RunnerError, match=r"expected the input rows as double \(N, 3\)"):
        OnnxSession(_save(tmp_path, linear_model(2)), features=3)


def test_an_answer_of_another_length_is_refused(tmp_path: Path) -> None:
    """Callers never get each other's answers: the shape is checked, both numbers are in the message."""
    session = OnnxSession(_save(tmp_path, linear_model(2, rank=2)), features=2)
    with pytest.raises(RunnerError, match=r"2 rows went into the model, but its answer has the shape \(2, 1\)"):
        session.run(np.zeros((2, 2)))


def test_several_numbers_a_row_stay_together(tmp_path: Path) -> None:
    """A graph that answers W numbers a row gives W floats for each, in the order of the rows."""
    session = OnnxSession(_save(tmp_path, classifier_model(classifier_contract())), features=7, width=4)
    rows = np.zeros((2, 7))
    rows[1, 1] = 2.0
    assert session.run(rows) == [[0.0, 1 / 3, 1 / 3, 1 / 3], [1.0, 0.2, 0.6, 0.2]]
    assert session.run_bytes(rows.tobytes(), 2) == session.run(rows)


@pytest.mark.parametrize("width", [None, 1, 3])
def test_an_answer_of_another_width_is_refused(tmp_path: Path, width: int | None) -> None:
    """A graph that answers more or fewer numbers a row than the contract says is not taken for its model."""
    session = OnnxSession(_save(tmp_path, classifier_model(classifier_contract())), features=7, width=width)
    expected = "(2,)" if width is None else f"(2, {width})"
    with pytest.raises(RunnerError, match=re.escape(f"its answer has the shape (2, 4); expected {expected}")):
        session.run(np.zeros((2, 7)))


def test_one_number_a_row_is_no_row_of_numbers(tmp_path: Path) -> None:
    """A graph of a regression does not answer for a classification."""
    session = OnnxSession(_save(tmp_path, linear_model(2)), features=2, width=1)
    with pytest.raises(RunnerError, match=r"shape \(2,\); expected \(2, 1\)"):
        session.run(np.zeros((2, 2)))


def test_rows_of_another_width_are_an_error_of_ours(tmp_path: Path) -> None:
    """What ONNX Runtime refuses comes out as a runner's error."""
    session = OnnxSession(_save(tmp_path, linear_model(2)), features=2)
    with pytest.raises(RunnerError, match="failed on 1 rows"):
        session.run(np.zeros((1, 5)))


def test_answers_do_not_depend_on_the_arena(tmp_path: Path) -> None:
    """A session without memory of its own gives the same bits, also for many rows."""
    contract = classifier_contract()
    path = _save(tmp_path, classifier_model(contract))
    rows = np.random.default_rng(5).normal(size=(700, len(contract.features)))
    answers = [OnnxSession(path, len(contract.features), width=4, arena=arena).run(rows) for arena in (True, False)]
    assert answers[0] == answers[1]


def test_the_graph_is_run_without_the_checks_of_its_names(tmp_path: Path) -> None:
    """An upgrade of ONNX Runtime that hides the inner session makes runs slower, and this test fails. A closed session runs nothing."""
    session = OnnxSession(_save(tmp_path, linear_model(2)), features=2)
    assert getattr(session._run_graph, "__self__", None) is session._session._sess
    session.close()
    with pytest.raises(RunnerError, match="failed on 1 rows"):
        session.run(np.zeros((1, 2)))
