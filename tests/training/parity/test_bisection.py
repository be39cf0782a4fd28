"""Bisection: the step that is to blame is named, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.ensemble import RandomForestRegressor, VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.training.parity.specimens import LABELS, change_splits, contract, fitted, prepared, table
from training.export import export_pipeline, serialise
from training.export.pen import Pen
from training.export.registry import CLASSIFIERS, TRANSFORMERS
from training.export.values import Columns, Scores
from training.frames import to_rows
from training.parity import ParityError, check_parity
from training.parity.bisection import WHOLE, part_ways

FRAME = table(60, seed=4)[0]
ROWS = to_rows(FRAME, contract())[:3]


class OwnScaler(MinMaxScaler):  # type: ignore[misc]
    """A transformer whose converter the tests write, wrongly."""


class OwnClassifier(LogisticRegression):  # type: ignore[misc]
    """A classifier whose converter the tests write, wrongly."""


@pytest.fixture
def wrong_converter() -> Iterator[None]:
    """Register a converter that is a little off in its second column only."""

    def off(pen: Pen, model: OwnScaler, columns: Columns) -> Columns:
        result = TRANSFORMERS[MinMaxScaler](pen, model, columns)
        error = np.zeros((1, result.width))
        error[0, 1] = 1e-3
        value = pen.node("Add", [result.name, pen.constant(error, "error")], "off")
        return Columns(value, result.codes, result.names)

    TRANSFORMERS[OwnScaler] = off
    yield
    del TRANSFORMERS[OwnScaler]


@pytest.fixture
def wrong_labels() -> Iterator[None]:
    """Register a converter that always answers the first label, with the right probabilities."""

    def off(pen: Pen, model: OwnClassifier, columns: Columns) -> Scores:
        scores = CLASSIFIERS[LogisticRegression](pen, model, columns)
        label = pen.node("Mul", [scores.label, pen.constant(np.zeros((1, 1)), "zero")], "first")
        return Scores(label, scores.probabilities, scores.decision)

    CLASSIFIERS[OwnClassifier] = off
    yield
    del CLASSIFIERS[OwnClassifier]


@pytest.mark.usefixtures("wrong_converter")
def test_wrong_converter_is_named_deep_inside() -> None:
    """The report names the path of the step whose converter is wrong, its column and both values."""
    member = make_pipeline(StandardScaler(), OwnScaler(), Ridge())
    pipeline = fitted(make_pipeline(prepared(), VotingRegressor([("plain", Ridge()), ("scaled", member)])))
    model = serialise(export_pipeline(pipeline, contract()))
    with pytest.raises(ParityError, match="They first part ways at step") as caught:
        check_parity(pipeline, model, contract(), FRAME)
    worst = caught.value.report.worst_rows[0]
    assert worst.step.startswith("votingregressor")
    assert worst.step.endswith("ownscaler")
    assert worst.cause.startswith("column 1 is ")


def test_last_bits_are_traced_to_where_they_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step beyond the limit is named, and the one since which the last bits differ."""

    def off(pen: Pen, model: OwnScaler, columns: Columns) -> Columns:
        result = TRANSFORMERS[MinMaxScaler](pen, model, columns)
        return Columns(pen.node("Mul", [result.name, pen.constant(np.full((1, 1), 1.05))], "off"), result.codes)

    monkeypatch.setitem(TRANSFORMERS, OwnScaler, off)
    pipeline = fitted(make_pipeline(prepared(OwnScaler()), RandomForestRegressor(3, random_state=0)))
    model = serialise(export_pipeline(pipeline, contract()))
    partings = part_ways(pipeline, model, contract(), to_rows(FRAME, contract()), limit=0.06)
    astray = [parting for parting in partings if parting.step == "randomforestregressor"]
    assert astray
    assert all("since step 'columntransformer/numbers/ownscaler'" in parting.cause for parting in astray)


@pytest.mark.usefixtures("wrong_labels")
def test_wrong_label_is_named() -> None:
    """A classifier's converter that is wrong about labels only is found by its labels."""
    promised = contract(classes=LABELS)
    pipeline = fitted(make_pipeline(prepared(StandardScaler()), OwnClassifier()), labels=True)
    model = serialise(export_pipeline(pipeline, promised))
    with pytest.raises(ParityError, match="other labels") as caught:
        check_parity(pipeline, model, promised, FRAME)
    assert caught.value.report.worst_rows[0].step == "ownclassifier"
    assert caught.value.report.worst_probability is not None
    assert caught.value.report.worst_probability <= 1e-15


def test_changed_threshold_is_named() -> None:
    """One threshold of a graph that was changed after the export points at the step of its trees."""
    pipeline = fitted(make_pipeline(prepared(), RandomForestRegressor(3, random_state=0)))
    model = export_pipeline(pipeline, contract())

    def far(splits: NDArray[np.float64]) -> NDArray[np.float64]:
        return splits + 1e6

    change_splits(model, far)
    for parting in part_ways(pipeline, serialise(model), contract(), ROWS, 1e-9):
        assert parting.step == "randomforestregressor"
        assert "the graph was changed" in parting.cause


def test_changed_constant_is_named() -> None:
    """One constant of a step in the middle that was changed points at that step."""
    pipeline = fitted(make_pipeline(prepared(StandardScaler()), Ridge()))
    model = export_pipeline(pipeline, contract())
    mean = pipeline[0].named_transformers_["numbers"][-1].mean_
    changed = 0
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant).copy()
        if values.size == 4 and np.array_equal(np.sort(values.ravel()), np.sort(mean)):
            constant.CopyFrom(numpy_helper.from_array(values + 1.0, constant.name))
            changed += 1
    assert changed == 1
    for parting in part_ways(pipeline, serialise(model), contract(), ROWS, 1e-9):
        assert parting.step == "columntransformer/numbers/standardscaler"


def test_graph_of_another_pipeline_is_told() -> None:
    """A graph with other operators is not searched: it is not the export of this pipeline."""
    pipeline = fitted(make_pipeline(prepared(StandardScaler()), Ridge()))
    other = fitted(make_pipeline(prepared(), RandomForestRegressor(3, random_state=0)))
    (parting,) = part_ways(pipeline, serialise(export_pipeline(other, contract())), contract(), ROWS[:1], 1e-9)
    assert parting.step == WHOLE
    assert "not the export of this pipeline" in parting.cause
