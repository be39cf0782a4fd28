"""Stacking: members' answers are the columns of the last estimator."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.ensemble import GradientBoostingClassifier, StackingClassifier, StackingRegressor, VotingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tabento.export import ExportError
from tests.tabento.export import sparse_columns
from tests.tabento.export.estimator_graphs import check, labels, table, target, write

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = table()
NUMBERS = target(ROWS)


@pytest.mark.parametrize("passthrough", [False, True])
def test_regressor_of_nested_ensembles(passthrough: bool) -> None:
    """A pipeline inside a vote inside a stack is exported."""
    inner = VotingRegressor([("steps", make_pipeline(FunctionTransformer(), Ridge())), ("line", LinearRegression())])
    model = StackingRegressor(
        [("vote", inner), ("near", KNeighborsRegressor())], Ridge(), passthrough=passthrough, cv=3
    )
    check(model.fit(ROWS[:300], NUMBERS[:300]), ROWS)


@pytest.mark.parametrize("names", [["no", "yes"], [False, True], [3, 1, 2, 7]], ids=str)
@pytest.mark.parametrize("method", ["auto", "predict_proba", "decision_function", "predict"])
@pytest.mark.parametrize("passthrough", [False, True])
def test_classifier(passthrough: bool, method: str, names: list[Any]) -> None:
    """Every stack method is exported; of two probabilities one column is kept."""
    second = {"predict_proba": GaussianNB(), "auto": GaussianNB()}.get(method, LinearSVC(random_state=0))
    members = [("line", LogisticRegression()), ("dropped", "drop"), ("other", second)]
    model = StackingClassifier(members, LogisticRegression(), stack_method=method, passthrough=passthrough, cv=3)
    check(model.fit(ROWS[:300], labels(ROWS, names)[:300]), ROWS)


def test_members_fitted_before() -> None:
    """With `cv="prefit"` members keep their own labels, here numbers."""
    names = labels(ROWS, [10, 20, 40])
    members = [("line", LogisticRegression().fit(ROWS[:300], names[:300]))]
    model = StackingClassifier(members, RidgeClassifier(), cv="prefit", stack_method="predict")
    check(model.fit(ROWS[:300], names[:300]), ROWS)


def test_labels_as_columns_are_refused_unless_they_are_numbers() -> None:
    """Labels that are strings cannot be columns of numbers."""
    names = labels(ROWS, [10, 20, 40])
    members = [("line", LogisticRegression().fit(ROWS[:300], names[:300]))]
    model = StackingClassifier(members, RidgeClassifier(), cv="prefit", stack_method="predict")
    model.fit(ROWS[:300], names[:300]).estimators_[0].classes_ = ["a", "b", "c"]
    with pytest.raises(ExportError, match="would be used as numbers") as error:
        write(model, 6)
    assert error.value.step == "line"


def test_several_labels_are_refused() -> None:
    """A stack with several labels for a row is refused."""
    model = StackingClassifier([("line", LogisticRegression())]).fit(ROWS[:300], labels(ROWS, [0, 1])[:300])
    model._label_encoder = [model._label_encoder]
    with pytest.raises(ExportError, match="several labels"):
        write(model, 6)


def test_sparse_matrix_passes_through() -> None:
    """Answers become entries of the sparse matrix that passes through; a probability of 0 is not stored."""
    xgboost = pytest.importorskip("xgboost", reason="the dependency group xgboost is not installed")
    members = [("boosting", GradientBoostingClassifier(n_estimators=4)), ("tree", DecisionTreeClassifier(max_depth=3))]
    last = xgboost.XGBClassifier(n_estimators=4)
    sparse_columns.prove_pipeline(StackingClassifier(members, last, passthrough=True, cv=2))
