"""Bagging and AdaBoost around estimators of several kinds."""

from __future__ import annotations

import cProfile
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier, BaggingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tests.training.export.written import check, labels, number_contract, table, target, write
from training.export import ExportError, export_pipeline

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)
CLASSES = [["no", "yes"], [False, True], [3, 1, 2, 7]]


@pytest.mark.parametrize("features", [1.0, 0.5])
def test_bagging_regressor(features: float) -> None:
    """The mean, each member on its own choice of rows and columns."""
    model = BaggingRegressor(LinearRegression(), 7, max_features=features, random_state=0)
    check(model.fit(ROWS[:300], NUMBERS[:300]), ROWS)


@pytest.mark.parametrize("names", CLASSES, ids=str)
@pytest.mark.parametrize("inner", [LogisticRegression(), GaussianNB(), RidgeClassifier()], ids=str)
def test_bagging_classifier(inner: Any, names: list[Any]) -> None:
    """The mean of probabilities, or of votes."""
    model = BaggingClassifier(inner, 5, max_features=0.7, bootstrap_features=True, random_state=0)
    check(model.fit(ROWS[:300], labels(RAW, names)[:300]), ROWS)


def test_bagging_of_members_that_missed_a_class() -> None:
    """A member that has not seen a class gives it nothing."""
    names = np.where(np.arange(300) < 3, "rare", labels(RAW, ["a", "b", "c"])[:300])
    for inner in (LogisticRegression(), RidgeClassifier()):
        # A pipeline takes no weights for rows, so its members are fitted on fewer rows instead.
        model = BaggingClassifier(make_pipeline(FunctionTransformer(), inner), 8, max_samples=0.1, random_state=1)
        model.fit(ROWS[:300], names)
        assert min(len(member.classes_) for member in model.estimators_) < 4
        check(model, ROWS, without="decision")


@pytest.mark.parametrize("names", CLASSES, ids=str)
@pytest.mark.parametrize("inner", [LogisticRegression(), GaussianNB()], ids=str)
def test_adaboost_classifier(inner: Any, names: list[Any]) -> None:
    """Decisions bit for bit: they are sums of the members' weights."""
    model = AdaBoostClassifier(inner, n_estimators=9, random_state=0).fit(ROWS[:300], labels(RAW, names)[:300])
    got = check(model, ROWS)
    np.testing.assert_array_equal(got["decision"].reshape(2000, -1).squeeze(), model.decision_function(ROWS))


@pytest.mark.parametrize("count", [1, 2, 9])
def test_adaboost_regressor(count: int) -> None:
    """The weighted median is one member's answer."""
    model = AdaBoostRegressor(LinearRegression(), n_estimators=count, random_state=0).fit(ROWS[:300], NUMBERS[:300])
    check(model, ROWS)


def test_member_without_conversion_is_refused_by_its_path() -> None:
    """The message says which member it is."""
    model = BaggingClassifier(SVC(kernel=lambda a, b: a @ b.T), 2).fit(ROWS[:100], labels(RAW, [0, 1])[:100])
    with pytest.raises(ExportError) as caught:
        write(model, 6)
    assert caught.value.step == "estimators_[0]"


def test_one_class_only_is_refused() -> None:
    """AdaBoost of one class has nothing to boost."""
    model = AdaBoostClassifier(GaussianNB(), n_estimators=2).fit(ROWS[:50], ["only"] * 50)
    with pytest.raises(ExportError, match="one class only"):
        write(model, 6)


def test_the_work_grows_with_the_members() -> None:
    """An export of twice as many members takes about twice as many calls of functions: not the square, not the cube."""
    calls = []
    for count in (30, 60):
        model = AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=count, random_state=0)
        model.fit(ROWS[:300], labels(RAW, ["no", "yes"])[:300])
        profile = cProfile.Profile()
        profile.runcall(export_pipeline, model, number_contract(ROWS.shape[1], ("no", "yes")))
        calls.append(sum(entry.callcount for entry in profile.getstats()))
    assert calls[1] < 2.5 * calls[0]
