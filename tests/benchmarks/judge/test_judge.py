"""The judge finds planted errors, and reports no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from benchmarks.judge.judge import judge
from tests.benchmarks.judge.conftest import contract_of, export_bytes, with_changed_constant, with_other_threshold

SECONDS = 0.5
Numbers = NDArray[np.float64]


class Swaying(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regressor whose answer depends on the number of rows, as sums of BLAS might."""

    def fit(self, X: pd.DataFrame, y: Any) -> Swaying:
        """Fit a line."""
        self.line_ = LinearRegression().fit(X, y)
        return self

    def predict(self, X: pd.DataFrame) -> Numbers:
        """Return the line's answer, shifted if the number of rows is odd."""
        return np.asarray(self.line_.predict(X) + 1e-3 * (len(X) % 2))


def test_a_right_graph_is_equal(sample: pd.DataFrame, target: Numbers) -> None:
    """No row differs, boundaries are found, and the same seed gives the same judgement."""
    contract = contract_of()
    pipeline = make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=4)).fit(sample, target)
    model = export_bytes(pipeline, contract)
    judgement = judge(pipeline, model, contract, sample, seconds=SECONDS)
    assert (judgement.differing, judgement.wrong, judgement.raises) == (0, 0, 0)
    assert judgement.boundaries >= 20
    assert set(judgement.kinds) == {"plain", "resolution", "boundary", "extreme"}
    assert judgement.rows == sum(judgement.kinds.values()) > 1_000


def test_a_slope_that_is_off_in_the_seventh_digit_is_a_lie(sample: pd.DataFrame, target: Numbers) -> None:
    """Every row differs by more than rounding, and scikit-learn repeats its answers."""
    contract = contract_of()
    pipeline = LinearRegression().fit(sample, target)
    model = with_changed_constant(export_bytes(pipeline, contract), lambda values: values * (1 + 1e-7), size=3)
    judgement = judge(pipeline, model, contract, sample, seconds=SECONDS)
    assert judgement.lies
    assert judgement.wrong == judgement.asked_again > 0
    assert judgement.findings[0].kind == "answer"


def test_a_threshold_that_is_off_by_one_double_is_a_lie(sample: pd.DataFrame, target: Numbers) -> None:
    """Only rows on the boundary show the error, and the bisection of scikit-learn's answers finds them."""
    contract = contract_of()
    pipeline = DecisionTreeRegressor(max_depth=3).fit(sample, target)
    # After the scaler the tree compares doubles that are not values of the table.
    pipeline = make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=3)).fit(sample, target)
    model = with_other_threshold(export_bytes(pipeline, contract))
    judgement = judge(pipeline, model, contract, sample, seconds=SECONDS)
    assert judgement.wrong > 0
    assert {finding.rows for finding in judgement.findings} == {"boundary"}


def test_a_label_that_flips_within_rounding_is_a_knife_edge(sample: pd.DataFrame, target: Numbers) -> None:
    """A decision that is shifted by 1e-13 flips labels next to 0, which are knife edges; a shift by 1e-3 is a lie."""
    contract = contract_of((False, True))
    pipeline = RidgeClassifier().fit(sample, target > np.median(target))
    model = export_bytes(pipeline, contract)
    small_shift = judge(
        pipeline, with_changed_constant(model, lambda values: values + 1e-13, size=1), contract, sample, seconds=SECONDS
    )
    assert small_shift.knife_edges > 0
    assert not small_shift.lies
    large_shift = judge(
        pipeline, with_changed_constant(model, lambda values: values + 1e-3, size=1), contract, sample, seconds=SECONDS
    )
    assert large_shift.lies
    assert {finding.kind for finding in large_shift.findings} == {"label"}


def test_a_probability_that_is_off_is_a_lie_though_labels_agree(sample: pd.DataFrame, target: Numbers) -> None:
    """Probabilities are compared within 1e-9, also if the labels are equal."""
    contract = contract_of((False, True), probabilities=True)
    pipeline = LogisticRegression().fit(sample, target > np.median(target))
    model = with_changed_constant(export_bytes(pipeline, contract), lambda values: values + 1e-7, size=1)
    judgement = judge(pipeline, model, contract, sample, seconds=SECONDS)
    assert judgement.lies
    assert "answer" in {finding.kind for finding in judgement.findings}


def test_an_answer_is_a_lie_if_the_pipeline_raises(sample: pd.DataFrame, target: Numbers) -> None:
    """If the contract accepts null, the pipeline raises on null and the graph returns a number, the graph is wrong."""
    pipeline = GradientBoostingRegressor(n_estimators=3).fit(sample, target)
    model = export_bytes(pipeline, contract_of())
    judgement = judge(pipeline, model, contract_of(nullable=True), sample, seconds=SECONDS)
    assert judgement.raises > 0
    assert judgement.lies
    assert judgement.findings[0].kind == "raises"
    assert "NaN" in str(judgement.findings[0].expected)


def test_an_error_of_the_pipeline_equals_a_graph_that_returns_nan(sample: pd.DataFrame, target: Numbers) -> None:
    """The service never sends NaN, so a graph that returns NaN refuses the row as the pipeline does."""
    pipeline = LinearRegression().fit(sample, target)
    model = export_bytes(pipeline, contract_of())
    judgement = judge(pipeline, model, contract_of(nullable=True), sample, seconds=SECONDS)
    assert judgement.both_refuse > 0
    assert not judgement.lies


def test_rows_on_which_the_pipeline_sways_are_undecided(sample: pd.DataFrame, target: Numbers) -> None:
    """If scikit-learn's answer depends on the batch, the row is undecided."""
    contract = contract_of()
    pipeline = Swaying().fit(sample, target)
    judgement = judge(pipeline, export_bytes(pipeline.line_, contract), contract, sample, seconds=SECONDS)
    assert judgement.wrong == 0
    assert judgement.undecided == judgement.asked_again


def test_a_graph_with_another_width_is_a_lie(sample: pd.DataFrame, target: Numbers) -> None:
    """A label without probabilities is wrong if the contract demands probabilities."""
    pipeline = LogisticRegression().fit(sample, target > np.median(target))
    model = export_bytes(pipeline, contract_of((False, True)))
    judgement = judge(pipeline, model, contract_of((False, True), probabilities=True), sample, seconds=SECONDS)
    assert judgement.lies
