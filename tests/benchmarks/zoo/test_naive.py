"""The naive conversion: done as skl2onnx's documentation does it, asked as it asks."""

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
from benchmarks.zoo.naive import ask, convert, feed
from benchmarks.zoo.preprocessing import PLACE
from benchmarks.zoo.timing import session
from bundle.contract import Contract, Output
from training.frames import to_frame, to_rows


def _prepared(table: Table, names: list[str], output: Output) -> tuple[Contract, pd.DataFrame]:
    contract = contract_of(table.frame[names], output)
    return contract, to_frame(to_rows(table.frame[names], contract), contract)


def test_numbers_travel_as_one_tensor(table: Table) -> None:
    """A pipeline over all columns has one float32 input; its answers are near, not equal."""
    contract, frame = _prepared(table, list(PLACE), Output(name="cost"))
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(frame, table.targets["outputs"])
    opened = session(convert(pipeline, contract))
    given = feed(opened, frame)
    assert {name: values.dtype for name, values in given.items()} == {"X": np.float32}
    np.testing.assert_allclose(ask(opened, given, contract), pipeline.predict(frame), rtol=1e-3)


def test_one_number_a_row_has_one_axis(table: Table) -> None:
    """As the exact graph answers it."""
    contract, frame = _prepared(table, list(PLACE), Output(name="cost"))
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(frame, table.targets["regression"])
    opened = session(convert(pipeline, contract))
    assert ask(opened, feed(opened, frame), contract).shape == (len(frame),)


def test_columns_of_a_column_transformer_travel_apart(table: Table) -> None:
    """Texts as strings, missing ones as None, numbers as float32; one input for each."""
    names = ["latitude", "goods"]
    contract, frame = _prepared(table, names, Output(name="service", classes=SERVICES, probabilities=True))
    groups = [("texts", OneHotEncoder(handle_unknown="ignore"), ["goods"]), ("numbers", StandardScaler(), ["latitude"])]
    pipeline = make_pipeline(ColumnTransformer(groups), LogisticRegression())
    pipeline.fit(frame, table.targets["classes"])
    opened = session(convert(pipeline, contract))
    given = feed(opened, frame)
    assert list(given) == names
    assert given["latitude"].dtype == np.float32
    assert given["goods"].shape == (len(frame), 1)
    assert set(given["goods"].ravel()) == {None, *(contract.features[1].categories or ())}
    answers = ask(opened, given, contract)
    np.testing.assert_allclose(answers[:, 1:], pipeline.predict_proba(frame), atol=1e-5)
    assert [SERVICES[int(at)] for at in answers[:, 0]] == pipeline.predict(frame).tolist()


@pytest.mark.filterwarnings("ignore:Attribute `prob:FutureWarning")  # skl2onnx asks scikit-learn for what will go
def test_labels_without_probabilities(table: Table) -> None:
    """A classifier without probabilities is asked for labels; booleans come back as 0 and 1."""
    contract, frame = _prepared(table, list(PLACE), Output(name="late", classes=(False, True)))
    pipeline = Pipeline([("model", SVC())]).fit(frame, table.targets["binary"])
    opened = session(convert(pipeline, contract))
    answers = ask(opened, feed(opened, frame), contract)
    assert answers.shape == (len(frame), 1)
    assert (answers[:, 0] == pipeline.predict(frame)).mean() > 0.99


def test_what_skl2onnx_cannot_convert_raises(table: Table) -> None:
    """Its own error comes through: the table shows it."""
    contract, frame = _prepared(table, list(PLACE), Output(name="cost"))
    pipeline = make_pipeline(Unknown(), Ridge()).fit(frame, table.targets["regression"])
    with pytest.raises(Exception, match="Unknown"):
        convert(pipeline, contract)


class Unknown(StandardScaler):  # type: ignore[misc] # scikit-learn has no types
    """A transformer of which skl2onnx knows nothing."""
