"""Bagging: means of members on their own rows and columns."""

from __future__ import annotations

import cProfile
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, BaggingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tabento.export import ExportError, export_pipeline
from tests.tabento.export.estimator_graphs import check, labels, number_contract, table, target, write

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)
CLASSES = [["no", "yes"], [False, True], [3, 1, 2, 7]]


@pytest.mark.parametrize("features", [1.0, 0.5])
def test_bagging_regressor(features: float) -> None:
    """The regressor answers the mean of its members, each on its own rows and columns."""
    model = BaggingRegressor(LinearRegression(), 7, max_features=features, random_state=0)
    check(model.fit(ROWS[:300], NUMBERS[:300]), ROWS)


@pytest.mark.parametrize("names", CLASSES, ids=str)
@pytest.mark.parametrize("inner", [LogisticRegression(), GaussianNB(), RidgeClassifier()], ids=str)
def test_bagging_classifier(inner: Any, names: list[Any]) -> None:
    """The classifier answers the mean of probabilities, or of votes."""
    model = BaggingClassifier(inner, 5, max_features=0.7, bootstrap_features=True, random_state=0)
    check(model.fit(ROWS[:300], labels(RAW, names)[:300]), ROWS)


def test_bagging_of_members_that_missed_a_class() -> None:
    """A member that was fitted without a class gives that class no probability."""
    names = np.where(np.arange(300) < 3, "rare", labels(RAW, ["a", "b", "c"])[:300])
    for inner in (LogisticRegression(), RidgeClassifier()):
        # A pipeline takes no weights for rows, so its members are fitted on fewer rows instead.
        model = BaggingClassifier(make_pipeline(FunctionTransformer(), inner), 8, max_samples=0.1, random_state=1)
        model.fit(ROWS[:300], names)
        assert min(len(member.classes_) for member in model.estimators_) < 4
        check(model, ROWS, without="decision")


def test_member_without_conversion_is_refused_by_its_path() -> None:
    """The error names the path of the member."""
    model = BaggingClassifier(SVC(kernel=lambda a, b: a @ b.T), 2).fit(ROWS[:100], labels(RAW, [0, 1])[:100])
    with pytest.raises(ExportError) as error:
        write(model, 6)
    assert error.value.step == "estimators_[0]"


def test_the_work_grows_with_the_members() -> None:
    """An export of twice as many members takes about twice as many function calls."""
    calls = []
    for count in (30, 60):
        model = AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=count, random_state=0)
        model.fit(ROWS[:300], labels(RAW, ["no", "yes"])[:300])
        profile = cProfile.Profile()
        profile.runcall(export_pipeline, model, number_contract(ROWS.shape[1], ("no", "yes")))
        calls.append(sum(entry.callcount for entry in profile.getstats()))
    assert calls[1] < 2.5 * calls[0]
