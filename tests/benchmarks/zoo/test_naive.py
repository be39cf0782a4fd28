"""The naive conversion, as in skl2onnx's documentation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from benchmarks.zoo.data import SERVICES, Table, contract_of
from benchmarks.zoo.naive import convert, feed, naive_answers
from benchmarks.zoo.preprocessing import PLACE
from benchmarks.zoo.timing import session
from tabento.bundle.contract import Contract, Output
from tabento.tables.frames import to_frame, to_rows


def _contract_and_frame(table: Table, names: list[str], output: Output) -> tuple[Contract, pd.DataFrame]:
    contract = contract_of(table.frame[names], output)
    return contract, to_frame(to_rows(table.frame[names], contract), contract)


def test_numbers_are_one_tensor(table: Table) -> None:
    """A pipeline over all columns has one float32 input, and approximate answers."""
    contract, frame = _contract_and_frame(table, list(PLACE), Output(name="cost"))
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(frame, table.targets["outputs"])
    naive_session = session(convert(pipeline, contract))
    values = feed(naive_session, frame)
    assert {name: values.dtype for name, values in values.items()} == {"X": np.float32}
    np.testing.assert_allclose(naive_answers(naive_session, values, contract), pipeline.predict(frame), rtol=1e-3)


def test_one_number_a_row_has_one_axis(table: Table) -> None:
    """One number a row gives a one-dimensional array, as from the exact graph."""
    contract, frame = _contract_and_frame(table, list(PLACE), Output(name="cost"))
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(frame, table.targets["regression"])
    naive_session = session(convert(pipeline, contract))
    assert naive_answers(naive_session, feed(naive_session, frame), contract).shape == (len(frame),)


def test_columns_of_a_column_transformer_are_separate_inputs(table: Table) -> None:
    """Each column is an input of its own: texts as strings, missing texts as None, numbers as float32."""
    names = ["latitude", "goods"]
    contract, frame = _contract_and_frame(table, names, Output(name="service", classes=SERVICES, probabilities=True))
    groups = [("texts", OneHotEncoder(handle_unknown="ignore"), ["goods"]), ("numbers", StandardScaler(), ["latitude"])]
    pipeline = make_pipeline(ColumnTransformer(groups), LogisticRegression())
    pipeline.fit(frame, table.targets["classes"])
    naive_session = session(convert(pipeline, contract))
    values = feed(naive_session, frame)
    assert list(values) == names
    assert values["latitude"].dtype == np.float32
    assert values["goods"].shape == (len(frame), 1)
    assert set(values["goods"].ravel()) == {None, *(contract.features[1].categories or ())}
    answers = naive_answers(naive_session, values, contract)
    np.testing.assert_allclose(answers[:, 1:], pipeline.predict_proba(frame), atol=1e-5)
    assert [SERVICES[int(index)] for index in answers[:, 0]] == pipeline.predict(frame).tolist()


@pytest.mark.filterwarnings("ignore:Attribute `prob:FutureWarning")  # skl2onnx reads a deprecated attribute
def test_labels_without_probabilities(table: Table) -> None:
    """A classifier without probabilities gives labels only; booleans are returned as 0 and 1."""
    contract, frame = _contract_and_frame(table, list(PLACE), Output(name="late", classes=(False, True)))
    pipeline = Pipeline([("model", SVC())]).fit(frame, table.targets["binary"])
    naive_session = session(convert(pipeline, contract))
    answers = naive_answers(naive_session, feed(naive_session, frame), contract)
    assert answers.shape == (len(frame), 1)
    assert (answers[:, 0] == pipeline.predict(frame)).mean() > 0.99


def test_an_unknown_class_raises(table: Table) -> None:
    """The error of skl2onnx is raised unchanged, for the table."""
    contract, frame = _contract_and_frame(table, list(PLACE), Output(name="cost"))
    pipeline = make_pipeline(Unknown(), Ridge()).fit(frame, table.targets["regression"])
    with pytest.raises(Exception, match="Unknown"):
        convert(pipeline, contract)


class Unknown(StandardScaler):  # type: ignore[misc] # scikit-learn has no types
    """A transformer that skl2onnx does not know."""
