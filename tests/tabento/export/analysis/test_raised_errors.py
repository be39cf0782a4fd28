"""Rows on which the pipeline raises: refused if the contract allows them, else answered with NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from tabento.bundle.contract import Contract, Feature, Output
from tabento.export import ExportError, export_pipeline, serialise
from tabento.export.convert import plain_graph
from tabento.tables.frames import to_frame
from tabento.transformers.ratios import Ratios
from tests.tabento.export import sparse_columns
from tests.tabento.export.tables import contract_of, number

ROWS = np.random.default_rng(6).normal(size=(60, 2))
NULLABLE = contract_of(number("a", nullable=True), number("b"))
BOOSTING = GradientBoostingRegressor(n_estimators=2)


def _fit(model: Any, contract: Contract = NULLABLE) -> Any:
    return model.fit(to_frame(ROWS, contract), ROWS[:, 0])


@pytest.mark.parametrize(
    "model",
    [
        BOOSTING,
        make_pipeline(StandardScaler(), MinMaxScaler(), BOOSTING),
        BaggingRegressor(BOOSTING, n_estimators=2),
        VotingRegressor([("first", BOOSTING), ("second", HistGradientBoostingRegressor(max_iter=2))]),
    ],
    ids=["alone", "scaled", "bagged", "voted"],
)
def test_missing_value_before_gradient_boosting(model: Any) -> None:
    """A missing value that the contract allows is traced to gradient boosting, at every position of the step."""
    with pytest.raises(ExportError, match=r"GradientBoostingRegressor raises on a missing value.*\['a'\].*imputer"):
        export_pipeline(_fit(model), NULLABLE)


def test_missing_value_in_a_sparse_matrix() -> None:
    """A forest takes a missing value from an array and raises on it in a sparse matrix."""
    forest = RandomForestRegressor(n_estimators=2)
    export_pipeline(_fit(forest), NULLABLE)
    pipeline, contract = sparse_columns.fit_pipeline(RandomForestRegressor(n_estimators=2))
    features = tuple(feature.model_copy(update={"nullable": feature.name == "b"}) for feature in contract.features)
    with pytest.raises(ExportError, match=r"after a sparse matrix raises on a missing value.*\['b'\]"):
        export_pipeline(pipeline, contract.model_copy(update={"features": features}))


@pytest.mark.parametrize("model", [DecisionTreeRegressor(), make_pipeline(StandardScaler(), BOOSTING)])
def test_range_beyond_float32(model: Any) -> None:
    """A contract whose range exceeds float32 is refused, because such a number has no finite float32."""
    contract = contract_of(number("a"), number("b", minimum=-1e300, maximum=1e300))
    with pytest.raises(ExportError, match=r"beyond ±3\.4e38.*'b'.*`minimum` and `maximum`"):
        export_pipeline(_fit(model, contract), contract)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_computed_number_beyond_float32() -> None:
    """The graph checks a product, and its answer is NaN if the pipeline raises an error."""
    contract = contract_of(number("a"), number("b"))
    classes = Contract.model_validate(
        {**contract.model_dump(), "task": "classification", "output": Output(name="y", classes=(0, 1))}
    )
    rows = np.array([[9e15, 1.0], [1.0, 2.0], [-9e15, -9e15], [1e12, 1e12]])
    frame = to_frame(rows, contract)
    for last, source, target in (
        (RandomForestRegressor(n_estimators=2), contract, ROWS[:, 0]),
        (GradientBoostingClassifier(n_estimators=2), classes, (ROWS[:, 0] > 0).astype(int)),
        (RandomForestClassifier(n_estimators=2), classes, (ROWS[:, 0] > 0).astype(int)),
    ):
        pipeline = make_pipeline(PolynomialFeatures(3), last).fit(to_frame(ROWS, contract), target)
        session = onnxruntime.InferenceSession(serialise(export_pipeline(pipeline, source)))
        got = session.run(None, {"rows": rows})[0].reshape(len(rows))
        for row in range(len(rows)):
            if np.isnan(got[row]):
                with pytest.raises(ValueError, match="too large for dtype"):
                    pipeline.predict(frame.iloc[[row]])
            else:
                assert got[row] == pipeline.predict(frame.iloc[[row]])[0]
        assert np.isnan(got).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("step", "looked_at"),
    [
        (StandardScaler(), False),
        (PolynomialFeatures(2), False),
        (Normalizer("max"), False),
        (FunctionTransformer(np.square), False),
        (FunctionTransformer(np.exp), True),
    ],
)
def test_numbers_within_float32_are_not_checked(step: Any, looked_at: bool) -> None:
    """A column that stays within float32 by the contract's ranges needs no node."""
    contract = contract_of(number("a"), number("b"))
    graph = plain_graph(_fit(make_pipeline(step, DecisionTreeRegressor(max_depth=2)), contract), contract)
    assert bool(graph.raising) is looked_at


def test_quotient_of_ranges_that_do_not_reach_zero() -> None:
    """The smallest denominator bounds a quotient."""
    for low, looked_at in ((1.0, False), (-1.0, True)):
        contract = contract_of(number("a"), Feature(name="b", type="number", minimum=low, maximum=9.0))
        rows = np.abs(ROWS) + 1.0
        step = Ratios([(0, 1)])
        frame = to_frame(rows, contract)
        pipeline = make_pipeline(step, DecisionTreeRegressor(max_depth=2)).fit(frame, rows[:, 0])
        assert bool(plain_graph(pipeline, contract).raising) is looked_at


def test_answer_of_trees_before_trees() -> None:
    """The sum of all leaves is a bound for the answer of trees, so the graph has no check."""
    contract = contract_of(number("a"), number("b"))
    scale = KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf")
    tree = DecisionTreeRegressor(max_depth=2)
    for pipeline in (make_pipeline(scale, tree), StackingRegressor([("first", tree)], DecisionTreeRegressor(), cv=2)):
        assert not plain_graph(_fit(pipeline, contract), contract).raising


def test_codes_of_categories_are_not_looked_at() -> None:
    """An encoder gives small codes, or nothing for a missing text: no row is too large for float32."""
    contract = contract_of(Feature(name="c", type="category", categories=("x", "y", "z"), nullable=True))
    frame = to_frame(np.array([[0.0], [1.0], [np.nan], [2.0]] * 10), contract)
    pipeline = make_pipeline(OrdinalEncoder(encoded_missing_value=np.nan), DecisionTreeRegressor(max_depth=2))
    pipeline.fit(frame, np.arange(40) % 4)
    assert not plain_graph(pipeline, contract).raising


def _without_answers(model: Any, contract: Contract, rows: Any) -> list[bool]:
    """Return for which rows the graph answers NaN; each of the others gets the pipeline's answer."""
    session = onnxruntime.InferenceSession(serialise(export_pipeline(model, contract)))
    got = session.run(None, {"rows": rows})[0].reshape(len(rows), -1)[:, 0]
    for row, answer in zip(rows, got, strict=True):
        frame = to_frame(row[np.newaxis], contract)
        if np.isnan(answer):
            with pytest.raises(ValueError, match="infinity"):
                model.predict(frame)
        else:
            assert answer == pytest.approx(float(model.predict(frame)[0]), rel=1e-12)
    return [bool(missing) for missing in np.isnan(got)]


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=2)),
        LogisticRegression(),
    ],
    ids=["scaled", "linear"],
)
def test_infinite_quotient_is_not_answered(model: Any) -> None:
    """A quotient of finite numbers may be infinite: every step that checks its rows raises an error then."""
    contract = contract_of(number("a"), Feature(name="b", type="number", minimum=0.0, maximum=9.0))
    rows = np.abs(ROWS) + 0.5
    target = (rows[:, 0] > 1).astype(float) if isinstance(model, LogisticRegression) else rows[:, 0]
    if isinstance(model, LogisticRegression):
        contract = contract.model_copy(
            update={"task": "classification", "output": Output(name="late", classes=(0.0, 1.0))}
        )
    pipeline = make_pipeline(Ratios([(0, 1)]), model).fit(to_frame(rows, contract), target)
    assert _without_answers(pipeline, contract, np.array([[1.0, 2.0], [1e9, 1e-300], [0.5, 0.3]])) == [
        False,
        True,
        False,
    ]


def test_a_step_that_does_not_look_hands_infinity_on() -> None:
    """Gradient boosting by histograms takes infinity for a number, and so does its graph."""
    contract = contract_of(number("a"), Feature(name="b", type="number", minimum=0.0, maximum=9.0))
    rows = np.abs(ROWS) + 0.5
    pipeline = make_pipeline(Ratios([(0, 1)]), HistGradientBoostingRegressor(max_iter=2))
    pipeline.fit(to_frame(rows, contract), rows[:, 0])
    assert _without_answers(pipeline, contract, np.array([[1.0, 2.0], [1e9, 1e-300]])) == [False, False]


def test_trees_stay_within_the_sum_of_their_leaves() -> None:
    """A forest after other trees in a stack needs no check of the size of their answers."""
    contract = contract_of(number("a"), number("b"))
    stack = StackingRegressor([("t", DecisionTreeRegressor(max_depth=2))], RandomForestRegressor(3, max_depth=2), cv=2)
    assert not plain_graph(_fit(stack, contract), contract).raising


def test_columns_of_splines() -> None:
    """The bound of one column of a spline is not the bound of another, because a spline has more columns than its input."""
    contract = contract_of(number("a"), number("b"))
    spline = SplineTransformer(n_knots=4, extrapolation="linear")
    pipeline = _fit(make_pipeline(spline, DecisionTreeRegressor(max_depth=2)), contract)
    export_pipeline(pipeline, contract)
