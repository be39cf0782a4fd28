"""Voting ensembles: means and votes, weighted or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, VotingClassifier, VotingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
from sklearn.svm import SVC

from tabento.export import ExportError
from tests.tabento.export import sparse_columns
from tests.tabento.export.estimator_graphs import check, labels, table, target, write

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = table()
NUMBERS = target(ROWS)


@pytest.mark.parametrize("weights", [None, [1.0, 2.5, 0.1]])
def test_regressor(weights: list[float] | None) -> None:
    """The regressor answers the mean of three members, one of them a pipeline."""
    members = [
        ("line", LinearRegression(fit_intercept=False)),
        ("near", KNeighborsRegressor()),
        ("steps", make_pipeline(FunctionTransformer(), Ridge())),
    ]
    check(VotingRegressor(members, weights=weights).fit(ROWS[:300], NUMBERS[:300]), ROWS)


@pytest.mark.parametrize("names", [["no", "yes"], [False, True], [3, 1, 2]], ids=str)
@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 1.0], [0.1, 0.3, 0.2]], ids=str)
@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_classifier(voting: str, weights: list[float] | None, names: list[Any]) -> None:
    """Soft and hard votes are equal; the first class wins ties, which are frequent with three classes."""
    members = [("line", LogisticRegression()), ("near", KNeighborsClassifier()), ("bayes", GaussianNB())]
    model = VotingClassifier(members, voting=voting, weights=weights)
    actual = check(model.fit(ROWS[:300], labels(ROWS, names)[:300]), ROWS)
    assert ("probabilities" in actual) == (voting == "soft")


def test_dropped_member() -> None:
    """A dropped member has no vote and no weight."""
    members = [("line", LinearRegression()), ("near", "drop"), ("ridge", Ridge(10.0))]
    check(VotingRegressor(members, weights=[1, 5, 2]).fit(ROWS[:300], NUMBERS[:300]), ROWS)
    check(VotingRegressor(members[:2], weights=[3, 5]).fit(ROWS[:300], NUMBERS[:300]), ROWS)


def test_member_without_conversion_is_refused_by_its_path() -> None:
    """The error names the path of the step in the ensemble."""
    members = [("line", LogisticRegression()), ("steps", make_pipeline(FunctionTransformer(), SVC(kernel=_kernel)))]
    model = VotingClassifier(members).fit(ROWS[:100], labels(ROWS, [0, 1])[:100])
    with pytest.raises(ExportError) as error:
        write(model, 6)
    assert error.value.step == "steps/svc"


def test_soft_vote_without_probabilities_is_refused() -> None:
    """The error names the member without probabilities."""
    model = VotingClassifier([("line", LogisticRegression())], voting="soft").fit(ROWS, labels(ROWS, [0, 1]))
    model.estimators_ = [RidgeClassifier().fit(ROWS, labels(ROWS, [0, 1]))]
    with pytest.raises(ExportError, match="RidgeClassifier gives no probabilities"):
        write(model, 6)


def _kernel(left: Any, right: Any) -> Any:
    return left @ right.T


def test_boosting_behind_a_sparse_matrix() -> None:
    """Each member reads the sparse matrix in its own way."""
    xgboost = pytest.importorskip("xgboost", reason="the dependency group xgboost is not installed")
    members = [("first", xgboost.XGBRegressor(n_estimators=4)), ("second", GradientBoostingRegressor(n_estimators=4))]
    assert sparse_columns.prove_pipeline(VotingRegressor(members)).ensembles == 2


def test_float32_reaches_only_what_computes_in_double() -> None:
    """After float32 columns a support vector machine is exported, and a linear model is refused with its path."""
    steps = OrdinalEncoder(dtype=np.float32, handle_unknown="use_encoded_value", unknown_value=-1)
    integers, names = np.round(ROWS), labels(ROWS, ["a", "b", "c"])
    check(make_pipeline(steps, VotingClassifier([("svc", SVC())])).fit(integers[:300], names[:300]), integers)
    model = make_pipeline(steps, VotingClassifier([("line", LogisticRegression())])).fit(integers[:300], names[:300])
    with pytest.raises(ExportError, match="float32") as error:
        write(model, 6)
    assert error.value.step == "votingclassifier/line"
