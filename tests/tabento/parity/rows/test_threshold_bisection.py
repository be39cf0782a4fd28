"""Bisection: the first step whose values differ is named, for every kind of error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.ensemble import RandomForestRegressor, VotingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tabento import export_pipeline as export_sample
from tabento import prove
from tabento.export import export_pipeline, serialise
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import CLASSIFIERS, TRANSFORMERS
from tabento.parity import ParityError, check_parity
from tabento.parity.rows.threshold_bisection import PIPELINE_STEP, first_divergence
from tabento.tables.frames import to_rows
from tests.tabento.parity.specimens import LABELS, change_splits, contract, fit_specimen, make_preprocessing, table

FRAME = table(60, seed=4)[0]
ROWS = to_rows(FRAME, contract())[:3]


class OwnScaler(MinMaxScaler):  # type: ignore[misc]
    """A transformer whose converter the tests write, wrongly."""


class OwnClassifier(LogisticRegression):  # type: ignore[misc]
    """A classifier whose converter the tests write, wrongly."""


@pytest.fixture
def wrong_converter() -> Iterator[None]:
    """Register a converter that is a little off in its second column only."""

    def off(writer: GraphWriter, model: OwnScaler, columns: Columns) -> Columns:
        result = TRANSFORMERS[MinMaxScaler](writer, model, columns)
        error = np.zeros((1, result.width))
        error[0, 1] = 1e-3
        value = writer.node("Add", [result.name, writer.constant(error, "error")], "off")
        return Columns(value, result.codes, result.names)

    TRANSFORMERS[OwnScaler] = off
    yield
    del TRANSFORMERS[OwnScaler]


@pytest.fixture
def wrong_labels() -> Iterator[None]:
    """Register a converter that always answers the first label, with the right probabilities."""

    def off(writer: GraphWriter, model: OwnClassifier, columns: Columns) -> Scores:
        scores = CLASSIFIERS[LogisticRegression](writer, model, columns)
        label = writer.node("Mul", [scores.label, writer.constant(np.zeros((1, 1)), "zero")], "first")
        return Scores(label, scores.probabilities, scores.decision)

    CLASSIFIERS[OwnClassifier] = off
    yield
    del CLASSIFIERS[OwnClassifier]


@pytest.mark.usefixtures("wrong_converter")
def test_wrong_converter_is_named_deep_inside() -> None:
    """The report names the path of the step whose converter is wrong, its column and both values."""
    member = make_pipeline(StandardScaler(), OwnScaler(), Ridge())
    pipeline = fit_specimen(
        make_pipeline(make_preprocessing(), VotingRegressor([("plain", Ridge()), ("scaled", member)]))
    )
    model = serialise(export_pipeline(pipeline, contract()))
    with pytest.raises(ParityError, match="They first differ at step") as error:
        check_parity(pipeline, model, contract(), FRAME, max_rows=600)
    worst = error.value.report.worst_rows[0]
    assert worst.step.startswith("votingregressor")
    assert worst.step.endswith("ownscaler")
    assert worst.cause.startswith("column 1 is ")


def test_last_bits_are_traced_to_where_they_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step beyond the limit is named, and the one since which the last bits differ."""

    def off(writer: GraphWriter, model: OwnScaler, columns: Columns) -> Columns:
        result = TRANSFORMERS[MinMaxScaler](writer, model, columns)
        return Columns(writer.node("Mul", [result.name, writer.constant(np.full((1, 1), 1.05))], "off"), result.codes)

    monkeypatch.setitem(TRANSFORMERS, OwnScaler, off)
    pipeline = fit_specimen(make_pipeline(make_preprocessing(OwnScaler()), RandomForestRegressor(3, random_state=0)))
    model = serialise(export_pipeline(pipeline, contract()))
    divergences = first_divergence(pipeline, model, contract(), to_rows(FRAME, contract()), limit=0.06)
    astray = [divergence for divergence in divergences if divergence.step == "randomforestregressor"]
    assert astray
    assert all("since step 'columntransformer/numbers/ownscaler'" in divergence.cause for divergence in astray)


@pytest.mark.usefixtures("wrong_labels")
def test_wrong_label_is_named() -> None:
    """A classifier's converter that is wrong about labels only is found by its labels."""
    target_contract = contract(classes=LABELS)
    pipeline = fit_specimen(make_pipeline(make_preprocessing(StandardScaler()), OwnClassifier()), labels=True)
    model = serialise(export_pipeline(pipeline, target_contract))
    with pytest.raises(ParityError, match="other labels") as error:
        check_parity(pipeline, model, target_contract, FRAME, max_rows=600)
    assert error.value.report.worst_rows[0].step == "ownclassifier"
    assert error.value.report.worst_probability is not None
    assert error.value.report.worst_probability <= 1e-15


def test_wrong_step_after_a_text_column_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong step is named also if an earlier step passes texts on, which have no numbers to compare."""

    def convert(writer: GraphWriter, model: OwnClassifier, columns: Columns) -> Scores:
        scores = CLASSIFIERS[LogisticRegression](writer, model, columns)
        label = writer.node("Mul", [scores.label, writer.constant(np.zeros((1, 1)), "zero")], "first")
        return Scores(label, scores.probabilities, scores.decision)

    monkeypatch.setitem(CLASSIFIERS, OwnClassifier, convert)
    texts = ["a good day", "bad weather", "good food", "a bad day"] * 5
    labels = [1, 0, 1, 0] * 5
    pipeline = make_pipeline(TfidfVectorizer(), OwnClassifier()).fit(texts, labels)
    frame = pd.DataFrame({"review": texts})
    exported = export_sample(pipeline, frame)
    with pytest.raises(ParityError, match="They first differ at step 'pipeline/ownclassifier'"):
        prove(pipeline, exported, frame)


def test_changed_threshold_is_named() -> None:
    """One threshold of a graph that was changed after the export points at the step of its trees."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), RandomForestRegressor(3, random_state=0)))
    model = export_pipeline(pipeline, contract())

    def move_leaf(splits: NDArray[np.float64]) -> NDArray[np.float64]:
        return splits + 1e6

    change_splits(model, move_leaf)
    for divergence in first_divergence(pipeline, serialise(model), contract(), ROWS, 1e-9):
        assert divergence.step == "randomforestregressor"
        assert "the graph was changed" in divergence.cause


def test_changed_constant_is_named() -> None:
    """One constant of a step in the middle that was changed points at that step."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(StandardScaler()), Ridge()))
    model = export_pipeline(pipeline, contract())
    mean = pipeline[0].named_transformers_["numbers"][-1].mean_
    changed = 0
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant).copy()
        if values.size == 4 and np.array_equal(np.sort(values.ravel()), np.sort(mean)):
            constant.CopyFrom(numpy_helper.from_array(values + 1.0, constant.name))
            changed += 1
    assert changed == 1
    for divergence in first_divergence(pipeline, serialise(model), contract(), ROWS, 1e-9):
        assert divergence.step == "columntransformer/numbers/standardscaler"


def test_graph_of_another_pipeline_is_told() -> None:
    """A graph with other operators is not searched: it is not the export of this pipeline."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(StandardScaler()), Ridge()))
    other = fit_specimen(make_pipeline(make_preprocessing(), RandomForestRegressor(3, random_state=0)))
    (divergence,) = first_divergence(
        pipeline, serialise(export_pipeline(other, contract())), contract(), ROWS[:1], 1e-9
    )
    assert divergence.step == PIPELINE_STEP
    assert "not the export of this pipeline" in divergence.cause
