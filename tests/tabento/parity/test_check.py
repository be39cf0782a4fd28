"""Parity: right graphs pass, and graphs that are nearly right do not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.export import export_pipeline, serialise
from tabento.export.registry import TRANSFORMERS
from tabento.parity import BATCH_SIZES, Limits, ParityError, ParityReport, check_parity
from tests.tabento.parity.specimens import LABELS, change_splits, contract, fit_specimen, make_preprocessing, table
from tests.training.orchards import orchard_config, orchard_frame
from training.model.pipeline import fit_pipeline

CONFIG = orchard_config()
CONTRACT = CONFIG.contract()
TEST = orchard_frame(150, seed=8)
MAX_ROWS = 800
"""The number of rows of proofs that do not need all thresholds."""


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """Return a fitted orchard."""
    return fit_pipeline(CONFIG, orchard_frame(500))


@pytest.fixture
def model(pipeline: Pipeline) -> onnx.ModelProto:
    """Return the pipeline's graph, exported for each test because tests change it."""
    return export_pipeline(pipeline, CONTRACT)


@pytest.fixture(scope="module")
def report(pipeline: Pipeline) -> ParityReport:
    """Return the report of the pipeline's own graph."""
    return check_parity(pipeline, serialise(export_pipeline(pipeline, CONTRACT)), CONTRACT, TEST)


@pytest.fixture(scope="module")
def shifted_error(pipeline: Pipeline) -> ParityError:
    """Return the error of a proof whose graph has all thresholds shifted by 1."""
    model = export_pipeline(pipeline, CONTRACT)
    change_splits(model, lambda splits: splits + 1.0)
    with pytest.raises(ParityError) as error:
        check_parity(pipeline, serialise(model), CONTRACT, TEST, max_rows=MAX_ROWS)
    return error.value


def test_exact_graph_passes(report: ParityReport) -> None:
    """The exported graph agrees on every part and in every batch size."""
    assert report.worst_relative <= 1e-15
    assert report.beyond_share == 0.0
    assert {part.name: part.rows > 0 for part in report.parts} == {
        "test": True,
        "thresholds": True,
        "derived_thresholds": True,
        "edges": True,
        "mixed": True,
        "boundary": True,
        "unknown_categories": True,
    }
    assert (report.other_branches, report.undecided, report.unread_ensembles) == (0, 0, ())
    assert (report.ensembles, report.trees) == (1, 30)
    assert [batch.size for batch in report.batches] == list(BATCH_SIZES)
    # ONNX Runtime's exp, which ends a logarithmic target, rounds by the place in the batch; see the next test.
    assert max(batch.worst_relative for batch in report.batches) <= 1e-15


def test_without_a_scale_all_is_equal_bit_for_bit() -> None:
    """On the identity and root scales every answer is the very same double, alone and in batches."""
    for scale in ("identity", "sqrt"):
        config = orchard_config(estimator={**CONFIG.estimator.model_dump(), "target": scale})
        pipeline = fit_pipeline(config, orchard_frame(500))
        graph = serialise(export_pipeline(pipeline, CONTRACT))
        report = check_parity(pipeline, graph, CONTRACT, TEST, max_rows=MAX_ROWS)
        assert report.worst_absolute == 0.0
        assert all(batch.bit_equal for batch in report.batches)
        assert report.worst_rows == ()


def test_report_is_json(report: ParityReport) -> None:
    """The report that is read from `parity.json` is equal to the written one."""
    assert ParityReport.model_validate(json.loads(report.model_dump_json())) == report


def test_changed_threshold_is_found(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """A threshold on a raw column that is one double too high is found on the row at that threshold."""
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsemble")
    features = next(attribute.ints for attribute in trees.attribute if attribute.name == "nodes_featureids")
    raw = next(index for index, feature in enumerate(features) if feature < 3)

    def raise_one(splits: NDArray[np.float64]) -> NDArray[np.float64]:
        raised = splits.copy()
        raised[raw] = np.nextafter(raised[raw], np.inf)
        return raised

    change_splits(model, raise_one)
    with pytest.raises(ParityError) as error:
        check_parity(pipeline, serialise(model), CONTRACT, TEST)
    assert {part.name for part in error.value.report.parts if part.beyond_share} >= {"thresholds"}


@pytest.mark.slow
def test_float32_input_is_refused(pipeline: Pipeline, model: onnx.ModelProto) -> None:
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
    with pytest.raises(ParityError) as error:
        check_parity(pipeline, serialise(model), CONTRACT, TEST, max_rows=MAX_ROWS)
    parts = {part.name: part for part in error.value.report.parts}
    assert parts["thresholds"].beyond_share > 0
    assert parts["derived_thresholds"].beyond_share > 0


@pytest.mark.slow
def test_wrong_unknown_category_is_found(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """A graph that takes one category for another fails."""
    codes = next(
        tensor
        for tensor in model.graph.initializer
        if numpy_helper.to_array(tensor).tolist()[0:1] == [[0, 1, 2, 0, 1, 2, 3, -2]]
    )
    swapped = np.array([[1.0, 0, 2, 0, 1, 2, 3, -2]])
    codes.CopyFrom(numpy_helper.from_array(swapped, codes.name))
    with pytest.raises(ParityError, match="sort="):
        check_parity(pipeline, serialise(model), CONTRACT, TEST, max_rows=MAX_ROWS)


def test_error_shows_the_worst_rows(shifted_error: ParityError) -> None:
    """The message contains the limit, the share and a table of the worst rows, worst first, with both answers."""
    assert re.search(r"within 1e-09 relative[\s\S]*The graph is not exact: do not serve it", str(shifted_error))
    report = shifted_error.report
    differences = [row.relative for row in report.worst_rows]
    assert differences == sorted(differences, reverse=True)
    assert len(differences) == 5
    assert "crown width=" in str(shifted_error)
    assert set(report.worst_rows[0].row) == set(CONTRACT.feature_names)


@pytest.mark.slow
def test_wider_limits_give_a_report(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """A caller with wider limits gets the report instead of an error."""
    change_splits(model, lambda splits: splits + 1.0)
    limits = Limits(relative=2.0, other_branches=None)
    report = check_parity(pipeline, serialise(model), CONTRACT, TEST, limits=limits, max_rows=MAX_ROWS)
    assert report.worst_relative > 1e-3
    assert report.other_branch_share > 0.1


def test_no_rows_are_refused(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """Nothing can be proven on an empty frame."""
    with pytest.raises(ValueError, match="at least one row"):
        check_parity(pipeline, serialise(model), CONTRACT, TEST.iloc[:0])


def test_the_first_step_that_differs_is_named(shifted_error: ParityError) -> None:
    """Each of the worst rows names the first step at which pipeline and graph differ, and the message names it first."""
    assert "They first differ at step 'model/regressor'" in str(shifted_error)
    assert all("the graph was changed" in row.cause for row in shifted_error.report.worst_rows)


def test_another_branch_with_equal_answers_is_found() -> None:
    """A threshold that is wrong by one double fails the proof although both leaves have the same value."""
    forest = fit_specimen(make_pipeline(make_preprocessing(), DecisionTreeRegressor(max_depth=2, random_state=0)))
    forest[-1].tree_.value[:] = 7.0
    model = export_pipeline(forest, contract())
    change_splits(model, lambda splits: np.nextafter(splits, np.inf))
    with pytest.raises(ParityError, match="rows on another branch") as error:
        check_parity(forest, serialise(model), contract(), table(100)[0])
    report = error.value.report
    assert report.worst_relative == 0.0
    assert report.worst_rows[0].answer == "branch"
    assert report.worst_rows[0].step == "decisiontreeregressor"


@pytest.mark.parametrize("scaled", [False, True])
def test_float32_forest_is_exact(scaled: bool) -> None:
    """A forest, which compares in float32, passes on raw columns and after a scaler."""
    steps = [StandardScaler()] if scaled else []
    forest = fit_specimen(make_pipeline(make_preprocessing(*steps), RandomForestRegressor(4, random_state=0)))
    report = check_parity(forest, serialise(export_pipeline(forest, contract())), contract(), table(200)[0])
    n_rows = {part.name: part.rows for part in report.parts}
    assert n_rows["derived_thresholds" if scaled else "thresholds"] > 1000
    assert (report.other_branches, report.trees, report.worst_relative) == (0, 4, 0.0)


def test_labels_and_probabilities_are_compared() -> None:
    """A classifier of strings passes with its probabilities, and the report contains their difference."""
    forest = fit_specimen(make_pipeline(make_preprocessing(), RandomForestClassifier(5, random_state=0)), labels=True)
    target_contract = contract(classes=LABELS)
    report = check_parity(forest, serialise(export_pipeline(forest, target_contract)), target_contract, table(200)[0])
    assert report.classification
    assert (report.label_flips, report.other_branches) == (0, 0)
    assert report.worst_probability is not None
    assert report.worst_probability <= 1e-15
    assert len(report.typical) == 3


def test_labels_alone_are_compared() -> None:
    """Without probabilities the labels are the proof."""
    linear = fit_specimen(make_pipeline(make_preprocessing(StandardScaler()), LogisticRegression()), labels=True)
    target_contract = contract(classes=LABELS, probabilities=False)
    report = check_parity(linear, serialise(export_pipeline(linear, target_contract)), target_contract, table(200)[0])
    assert (report.label_flips, report.worst_probability, report.trees) == (0, None, 0)


@pytest.mark.slow
def test_other_labels_are_found() -> None:
    """A graph with exchanged classes fails, and the worst rows contain both labels."""
    linear = fit_specimen(make_pipeline(make_preprocessing(StandardScaler()), LogisticRegression()), labels=True)
    target_contract = contract(classes=LABELS)
    model = export_pipeline(linear, target_contract)
    weights = next(constant for constant in model.graph.initializer if constant.dims and constant.dims[-1] == 3)
    swapped = np.ascontiguousarray(numpy_helper.to_array(weights)[..., ::-1])
    weights.CopyFrom(numpy_helper.from_array(swapped, weights.name))
    with pytest.raises(ParityError, match="at most 0 other labels") as error:
        check_parity(linear, serialise(model), target_contract, table(200)[0], max_rows=MAX_ROWS)
    worst = error.value.report.worst_rows[0]
    assert (worst.answer, worst.step) == ("label", "logisticregression")
    assert {worst.pipeline, worst.onnx} <= set(LABELS)
    assert worst.pipeline != worst.onnx


def test_classes_must_be_the_contracts() -> None:
    """Classes in another order are refused before anything is compared."""
    linear = fit_specimen(make_pipeline(make_preprocessing(), LogisticRegression()), labels=True)
    model = serialise(export_pipeline(linear, contract(classes=LABELS)))
    with pytest.raises(ValueError, match="expected the pipeline's classes"):
        check_parity(linear, model, contract(classes=LABELS[::-1]), table(50)[0])


def test_number_of_rows_is_bounded() -> None:
    """If there are more thresholds than rows, they are sampled; the number of rows is within a tenth of the limit."""
    forest = fit_specimen(make_pipeline(make_preprocessing(), RandomForestRegressor(10, random_state=0)))
    model = serialise(export_pipeline(forest, contract()))
    report = check_parity(forest, model, contract(), table(1000)[0], max_rows=2000)
    assert 1500 <= report.rows <= 2200


def test_same_report_every_time(pipeline: Pipeline, model: onnx.ModelProto) -> None:
    """The rows are sampled with a seed, so that a build can be repeated."""
    first, second = (check_parity(pipeline, serialise(model), CONTRACT, TEST, max_rows=1500) for _ in range(2))
    assert first == second


class Picky(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer that returns rows unchanged, and raises an error on rows that its test selects."""

    def __init__(self, is_refused: Callable[[pd.DataFrame], Any] = lambda frame: frame["size"].isna()) -> None:
        self.is_refused = is_refused

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the rows.

        Raises:
            ValueError: one of them is refused.
        """
        if self.is_refused(X).any():
            raise ValueError("never met")
        return X


@pytest.fixture(autouse=True)
def picky_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``Picky`` be exported as if it never raised an error."""
    monkeypatch.setitem(TRANSFORMERS, Picky, lambda writer, model, columns: columns)


def picky_pipeline(is_refused: Callable[[pd.DataFrame], Any]) -> tuple[Pipeline, onnx.ModelProto]:
    """Return a linear pipeline that raises an error if some rows are given to it, and its graph, which does not."""
    linear = fit_specimen(make_pipeline(Picky(), make_preprocessing(), Ridge()))
    linear[0].is_refused = is_refused
    return linear, export_pipeline(linear, contract())


def test_answer_where_the_pipeline_raises_is_found() -> None:
    """A graph must not answer a row that the contract allows and on which the pipeline raises; the error shows the row."""
    pipeline, model = picky_pipeline(lambda frame: frame["size"] == -10)
    with pytest.raises(ParityError, match="on which the pipeline raises an error") as error:
        check_parity(pipeline, serialise(model), contract(), table(60)[0])
    worst = error.value.report.worst_rows[0]
    assert (worst.answer, worst.pipeline, worst.step) == ("error", "ValueError: never met", "")
    assert worst.row["size"] == -10
    assert error.value.report.raised == sum(part.raised for part in error.value.report.parts) > 0


def test_no_number_where_the_pipeline_raises_is_right() -> None:
    """A graph that answers NaN on such a row passes, because the service responds with an error."""
    pipeline, model = picky_pipeline(lambda frame: frame["size"] == -10)
    last = next(node for node in model.graph.node if PREDICTION_NAME in node.output)
    last.output[:] = ["finite"]
    constants = {"size_at": np.array(0), "worst_size": np.array(-10.0), "nothing": np.array(np.nan)}
    model.graph.initializer.extend([numpy_helper.from_array(value, name) for name, value in constants.items()])
    model.graph.node.extend(
        [
            helper.make_node("Gather", [INPUT_NAME, "size_at"], ["sizes"], axis=1),
            helper.make_node("Equal", ["sizes", "worst_size"], ["is_worst"]),
            helper.make_node("Where", ["is_worst", "nothing", "finite"], [PREDICTION_NAME]),
        ]
    )
    report = check_parity(pipeline, serialise(model), contract(), table(60)[0])
    assert report.raised == 0
    assert report.raised_by_both > 0


def test_rows_that_no_client_can_send_are_excluded() -> None:
    """Integers with a fraction, on which a pipeline can raise, are not errors of the graph."""
    pipeline, model = picky_pipeline(lambda frame: frame["parts"] != np.floor(frame["parts"]))
    numbers = contract()
    cut = fit_specimen(make_pipeline(make_preprocessing(), DecisionTreeRegressor(max_depth=5, random_state=0)))
    assert check_parity(cut, serialise(export_pipeline(cut, numbers)), numbers, table(60)[0]).raised == 0
    report = check_parity(pipeline, serialise(model), numbers, table(60)[0])
    assert report.raised == 0


def test_pipeline_that_answers_no_test_row_is_refused() -> None:
    """Nothing can be proven if the pipeline raises on every row of the test part."""
    pipeline, model = picky_pipeline(lambda frame: frame["size"] < 100)
    with pytest.raises(ValueError, match="answers the test rows, got ValueError: never met"):
        check_parity(pipeline, serialise(model), contract(), table(20)[0])


def test_labels_on_the_boundary_of_a_decision_are_counted_apart() -> None:
    """A classifier passes whose labels differ in the last digits before its boundary; the rows and distance are reported."""
    linear = fit_specimen(make_pipeline(make_preprocessing(StandardScaler()), LogisticRegression()), labels=True)
    target_contract = contract(classes=LABELS, probabilities=False)
    model = export_pipeline(linear, target_contract)
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype == np.float64 and values.ndim == 2 and values.shape[0] > 1:
            constant.CopyFrom(numpy_helper.from_array(values * (1 + 1e-13), constant.name))
    report = check_parity(linear, serialise(model), target_contract, table(200)[0], max_rows=2000)
    assert report.label_flips == 0
    assert report.knife_edges > 0
    assert 1e-15 <= report.largest_knife_edge <= 1e-11
    assert {part.name for part in report.parts if part.knife_edges} == {"boundary"}


def test_operators_in_float32_are_said_and_widen_the_limit() -> None:
    """A graph that rounds its answer to float32 passes within 1e-5, and the report names the operator."""
    linear = fit_specimen(make_pipeline(make_preprocessing(), Ridge()))
    model = export_pipeline(linear, contract())
    last = next(node for node in model.graph.node if PREDICTION_NAME in node.output)
    last.output[:] = ["wide"]
    narrow = helper.make_node("Cast", ["wide"], ["narrow"], to=onnx.TensorProto.FLOAT)
    model.graph.node.extend(
        [narrow, helper.make_node("Cast", ["narrow"], [PREDICTION_NAME], to=onnx.TensorProto.DOUBLE)]
    )
    report = check_parity(linear, serialise(model), contract(), table(60)[0])
    assert report.single_precision == ("Cast",)
    assert report.limit == report.limits.relative == 1e-5
    assert 1e-9 < report.worst_relative < 1e-6
    assert report.beyond_rounding_share > 0.5
