"""Parity: right graphs pass, and graphs that are nearly right do not."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from sklearn.pipeline import Pipeline

from bundle.format import INPUT_NAME
from tests.training.orchards import orchard_config, orchard_frame
from training.export import export_pipeline, serialise
from training.parity import BATCH_SIZES, ParityError, ParityReport, check_parity, differences
from training.pipeline import fit_pipeline

CONFIG = orchard_config()
CONTRACT = CONFIG.contract()
TEST = orchard_frame(150, seed=8)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """Return a fitted orchard."""
    return fit_pipeline(CONFIG, orchard_frame(500))


@pytest.fixture
def model(pipeline: Pipeline) -> onnx.ModelProto:
    """Return its graph, anew for each test: tests break it."""
    return export_pipeline(pipeline, CONTRACT)


def test_exact_graph_passes(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """The exported graph agrees on every part and in every batch size."""
    report = check_parity(pipeline, serialise(model), CONTRACT, TEST)
    assert report.worst_relative <= 1e-15
    assert report.beyond_share == 0.0
    assert {part.name: part.rows > 0 for part in report.parts} == {
        "test": True,
        "thresholds": True,
        "derived_thresholds": True,
        "edges": True,
    }
    assert [batch.size for batch in report.batches] == list(BATCH_SIZES)
    # ONNX Runtime's exp, which ends a logarithmic target, rounds by the place in the batch; see the next test.
    assert max(batch.worst_relative for batch in report.batches) <= 1e-15


def test_without_a_scale_all_is_equal_bit_for_bit() -> None:
    """On the identity and root scales every answer is the very same double, alone and in batches."""
    for scale in ("identity", "sqrt"):
        config = orchard_config(estimator={**CONFIG.estimator.model_dump(), "target": scale})
        pipeline = fit_pipeline(config, orchard_frame(500))
        report = check_parity(pipeline, serialise(export_pipeline(pipeline, CONTRACT)), CONTRACT, TEST)
        assert report.worst_absolute == 0.0
        assert all(batch.bit_equal for batch in report.batches)
        assert report.worst_rows == ()


def test_report_is_json(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """The report survives the way into `parity.json` and back."""
    report = check_parity(pipeline, serialise(model), CONTRACT, TEST)
    assert ParityReport.model_validate(json.loads(report.model_dump_json())) == report


def test_moved_threshold_is_caught(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """One threshold on a raw column that lies one double too high is found on the row placed there."""
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsemble")
    features = next(given.ints for given in trees.attribute if given.name == "nodes_featureids")
    raw = next(at for at, feature in enumerate(features) if feature < 3)

    def raise_one(splits: NDArray[np.float64]) -> NDArray[np.float64]:
        raised = splits.copy()
        raised[raw] = np.nextafter(raised[raw], np.inf)
        return raised

    _change_splits(model, raise_one)
    with pytest.raises(ParityError) as caught:
        check_parity(pipeline, serialise(model), CONTRACT, TEST)
    assert {part.name for part in caught.value.report.parts if part.beyond_share} >= {"thresholds"}


def test_float32_input_is_caught(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """A graph that rounds its rows to float32 fails on rows around the thresholds."""
    body = model.graph
    for node in body.node:
        node.input[:] = ["rounded" if name == INPUT_NAME else name for name in node.input]
    casts = [
        helper.make_node("Cast", [INPUT_NAME], ["narrow"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Cast", ["narrow"], ["rounded"], to=onnx.TensorProto.DOUBLE),
    ]
    for cast in reversed(casts):
        body.node.insert(0, cast)
    with pytest.raises(ParityError) as caught:
        check_parity(pipeline, serialise(model), CONTRACT, TEST)
    parts = {part.name: part for part in caught.value.report.parts}
    assert parts["thresholds"].beyond_share > 0
    assert parts["derived_thresholds"].beyond_share > 0


def test_wrong_unknown_category_is_caught(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """A graph that takes one category for another fails."""
    codes = next(
        tensor
        for tensor in model.graph.initializer
        if numpy_helper.to_array(tensor).tolist()[0:1] == [[0, 1, 2, 0, 1, 2, 3, -2]]
    )
    swapped = np.array([[1.0, 0, 2, 0, 1, 2, 3, -2]])
    codes.CopyFrom(numpy_helper.from_array(swapped, codes.name))
    with pytest.raises(ParityError, match="sort="):
        check_parity(pipeline, serialise(model), CONTRACT, TEST)


def test_error_shows_the_worst_rows(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """The message gives limit, share and a table of the worst rows, worst first, with both answers."""
    _change_splits(model, lambda splits: splits + 1.0)
    with pytest.raises(ParityError, match=r"within 1e-09 relative.*The bundle is not saved") as caught:
        check_parity(pipeline, serialise(model), CONTRACT, TEST)
    report = caught.value.report
    shown = [row.relative for row in report.worst_rows]
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == 5
    assert "crown width=" in str(caught.value)
    assert set(report.worst_rows[0].row) == set(CONTRACT.feature_names)


def test_limit_is_the_callers(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """A caller who allows more gets the figures instead of an error."""
    _change_splits(model, lambda splits: splits + 1.0)
    report = check_parity(pipeline, serialise(model), CONTRACT, TEST, limit=2.0)
    assert report.worst_relative > 1e-3


def test_no_rows_are_refused(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """Nothing can be proven on an empty frame."""
    with pytest.raises(ValueError, match="at least one row"):
        check_parity(pipeline, serialise(model), CONTRACT, TEST.iloc[:0])


def test_differences_of_odd_numbers() -> None:
    """Equal infinities and NaN beside NaN are equal; NaN or infinity beside a number is infinitely far."""
    expected = np.array([1.0, np.nan, np.inf, np.nan, 1.0, 0.0, 0.0])
    got = np.array([1.0, np.nan, np.inf, 1.0, np.inf, 0.0, 1e-300])
    absolute, relative = differences(expected, got)
    np.testing.assert_array_equal(absolute, [0, 0, 0, np.inf, np.inf, 0, 1e-300])
    np.testing.assert_array_equal(relative, [0, 0, 0, np.inf, np.inf, 0, 1])


def test_lost_rows_are_an_error() -> None:
    """Answers of another length are refused with both shapes."""
    with pytest.raises(ValueError, match=r"\(3,\), got \(2,\)"):
        differences(np.zeros(3), np.zeros(2))


def _change_splits(model: onnx.ModelProto, change: object) -> None:
    """Change the thresholds of a graph's trees in place."""
    assert callable(change)
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsemble")
    splits = next(given for given in trees.attribute if given.name == "nodes_splits")
    splits.t.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(splits.t)), "splits"))
