"""The judge finds planted lies, and takes nothing else for one."""

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
from tests.benchmarks.judge.conftest import altered, contract_of, exported, with_other_threshold

SECONDS = 0.5
Numbers = NDArray[np.float64]


class Swaying(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Answers otherwise alone than in company, as sums of BLAS may."""

    def fit(self, X: pd.DataFrame, y: Any) -> Swaying:
        """Learn a line."""
        self.line_ = LinearRegression().fit(X, y)
        return self

    def predict(self, X: pd.DataFrame) -> Numbers:
        """Return the line's answer, moved by the number of rows."""
        return np.asarray(self.line_.predict(X) + 1e-3 * (len(X) % 2))


def test_a_right_graph_is_equal(sample: pd.DataFrame, target: Numbers) -> None:
    """No row differs, boundaries are found, and the same seed gives the same judgement."""
    contract = contract_of()
    pipeline = make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=4)).fit(sample, target)
    model = exported(pipeline, contract)
    found = judge(pipeline, model, contract, sample, seconds=SECONDS)
    assert (found.differing, found.wrong, found.raises) == (0, 0, 0)
    assert found.boundaries >= 20
    assert set(found.kinds) == {"plain", "resolution", "boundary", "extreme"}
    assert found.rows == sum(found.kinds.values()) > 1_000


def test_a_slope_that_is_off_in_the_seventh_digit_is_a_lie(sample: pd.DataFrame, target: Numbers) -> None:
    """Every row differs by more than rounding, and scikit-learn says the same each time."""
    contract = contract_of()
    pipeline = LinearRegression().fit(sample, target)
    model = altered(exported(pipeline, contract), lambda values: values * (1 + 1e-7), size=3)
    found = judge(pipeline, model, contract, sample, seconds=SECONDS)
    assert found.lies
    assert found.wrong == found.asked_again > 0
    assert found.findings[0].kind == "answer"


def test_a_threshold_that_is_off_by_one_double_is_a_lie(sample: pd.DataFrame, target: Numbers) -> None:
    """Only rows on the boundary show it: bisection of scikit-learn's answers finds them."""
    contract = contract_of()
    pipeline = DecisionTreeRegressor(max_depth=3).fit(sample, target)
    # Behind a scaler that changes nothing the tree compares doubles that are not read off any table.
    pipeline = make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=3)).fit(sample, target)
    model = with_other_threshold(exported(pipeline, contract))
    found = judge(pipeline, model, contract, sample, seconds=SECONDS)
    assert found.wrong > 0
    assert {finding.rows for finding in found.findings} == {"boundary"}


def test_a_label_that_flips_within_rounding_is_a_knife_edge(sample: pd.DataFrame, target: Numbers) -> None:
    """A decision that is moved by 1e-13 flips labels next to 0 only: counted, and no lie; by 1e-3 it is one."""
    contract = contract_of((False, True))
    pipeline = RidgeClassifier().fit(sample, target > np.median(target))
    model = exported(pipeline, contract)
    near = judge(pipeline, altered(model, lambda values: values + 1e-13, size=1), contract, sample, seconds=SECONDS)
    assert near.knife_edges > 0
    assert not near.lies
    far = judge(pipeline, altered(model, lambda values: values + 1e-3, size=1), contract, sample, seconds=SECONDS)
    assert far.lies
    assert {finding.kind for finding in far.findings} == {"label"}


def test_a_probability_that_is_off_is_a_lie_though_labels_agree(sample: pd.DataFrame, target: Numbers) -> None:
    """Probabilities are compared to 1e-9, whatever the label."""
    contract = contract_of((False, True), probabilities=True)
    pipeline = LogisticRegression().fit(sample, target > np.median(target))
    model = altered(exported(pipeline, contract), lambda values: values + 1e-7, size=1)
    found = judge(pipeline, model, contract, sample, seconds=SECONDS)
    assert found.lies
    assert "answer" in {finding.kind for finding in found.findings}


def test_an_answer_where_the_pipeline_raises_is_a_lie(sample: pd.DataFrame, target: Numbers) -> None:
    """The contract takes null, the pipeline raises on it, and the graph answers a number."""
    pipeline = GradientBoostingRegressor(n_estimators=3).fit(sample, target)
    model = exported(pipeline, contract_of())
    found = judge(pipeline, model, contract_of(nullable=True), sample, seconds=SECONDS)
    assert found.raises > 0
    assert found.lies
    assert found.findings[0].kind == "raises"
    assert "NaN" in str(found.findings[0].expected)


def test_raising_where_the_graph_answers_no_number_is_equal(sample: pd.DataFrame, target: Numbers) -> None:
    """NaN is never served, so a graph that answers it refuses the row as the pipeline does."""
    pipeline = LinearRegression().fit(sample, target)
    model = exported(pipeline, contract_of())
    found = judge(pipeline, model, contract_of(nullable=True), sample, seconds=SECONDS)
    assert found.both_refuse > 0
    assert not found.lies


def test_rows_on_which_the_pipeline_sways_are_undecided(sample: pd.DataFrame, target: Numbers) -> None:
    """If scikit-learn answers otherwise in other company, no answer is right."""
    contract = contract_of()
    pipeline = Swaying().fit(sample, target)
    found = judge(pipeline, exported(pipeline.line_, contract), contract, sample, seconds=SECONDS)
    assert found.wrong == 0
    assert found.undecided == found.asked_again


def test_a_graph_with_another_width_is_a_lie(sample: pd.DataFrame, target: Numbers) -> None:
    """A label without its probabilities is no answer to a contract that asks for them."""
    pipeline = LogisticRegression().fit(sample, target > np.median(target))
    model = exported(pipeline, contract_of((False, True)))
    found = judge(pipeline, model, contract_of((False, True), probabilities=True), sample, seconds=SECONDS)
    assert found.lies
