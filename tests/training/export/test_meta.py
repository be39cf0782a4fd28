"""Estimators around estimators: searches, frozen ones, thresholds, several targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor, Ridge, RidgeClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, SVR, LinearSVC

from tests.training.export.written import check, labels, table, target, write
from training.export import ExportError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)
BOTH = np.column_stack([NUMBERS, np.sin(NUMBERS), NUMBERS**2])


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(make_pipeline(FunctionTransformer(), Ridge()), {"ridge__alpha": [0.1, 10]}, cv=2),
        RandomizedSearchCV(Ridge(), {"alpha": [0.1, 10]}, n_iter=2, cv=2, random_state=0),
        HalvingGridSearchCV(Ridge(), {"alpha": [0.1, 10]}, cv=2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_search(search: Any) -> None:
    """The best estimator answers."""
    check(search.fit(ROWS[:300], NUMBERS[:300]), ROWS)


def test_search_for_a_classifier_and_for_a_transformer() -> None:
    """A search answers as what it has found."""
    check(
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(ROWS[:300], labels(RAW, ["a", "b"])[:300]), ROWS
    )
    search = GridSearchCV(FunctionTransformer(), {"func": [np.square]}, scoring=lambda *_: 0.0, cv=2).fit(ROWS[:300])
    check(make_pipeline(search, LinearRegression()).fit(ROWS[:300], NUMBERS[:300]), ROWS)


def test_search_that_kept_nothing_is_refused() -> None:
    """Without a refit there is no estimator."""
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 10]}, cv=2, refit=False).fit(ROWS[:300], NUMBERS[:300])
    with pytest.raises(ExportError, match="refit=False"):
        write(search, 6)


def test_frozen_estimators() -> None:
    """As regressor, classifier and transformer."""
    check(FrozenEstimator(Ridge().fit(ROWS, NUMBERS)), ROWS)
    check(FrozenEstimator(LogisticRegression().fit(ROWS, labels(RAW, ["a", "b"]))), ROWS)
    frozen = FrozenEstimator(FunctionTransformer(np.square).fit(ROWS))
    check(make_pipeline(frozen, Ridge()).fit(ROWS[:300], NUMBERS[:300]), ROWS)


def test_ransac() -> None:
    """The regressor fitted on the inliers."""
    check(RANSACRegressor(random_state=0).fit(ROWS[:300], NUMBERS[:300]), ROWS)


@pytest.mark.parametrize("order", [None, [2, 0, 1]])
def test_several_targets(order: list[int] | None) -> None:
    """Each on its own, or one after the other."""
    assert check(MultiOutputRegressor(SVR()).fit(ROWS[:200], BOTH[:200]), ROWS)["values"].shape == (2000, 3)
    check(RegressorChain(Ridge(), order=order).fit(ROWS[:200], BOTH[:200]), ROWS)


@pytest.mark.parametrize("positive", [None, "no", "yes"])
@pytest.mark.parametrize("method", ["auto", "predict_proba", "decision_function"])
@pytest.mark.parametrize("threshold", ["auto", 0.3])
def test_fixed_threshold(threshold: Any, method: str, positive: str | None) -> None:
    """On the probability or the decision of either class."""
    model = FixedThresholdClassifier(
        LogisticRegression(), threshold=threshold, response_method=method, pos_label=positive
    )
    check(model.fit(ROWS[:300], labels(RAW, ["no", "yes"])[:300]), ROWS)


def test_fixed_threshold_on_a_decision() -> None:
    """A classifier without probabilities is asked for its decision."""
    model = FixedThresholdClassifier(LinearSVC(random_state=0), threshold=-0.2)
    check(model.fit(ROWS[:300], labels(RAW, [False, True])[:300]), ROWS)
    frozen = FrozenEstimator(RidgeClassifier().fit(ROWS[:300], labels(RAW, [False, True])[:300]))
    check(FixedThresholdClassifier(frozen, threshold=0.1).fit(ROWS[:300], labels(RAW, [False, True])[:300]), ROWS)


def test_tuned_threshold() -> None:
    """The threshold that was found, reached or passed."""
    model = TunedThresholdClassifierCV(LogisticRegression(), cv=3, scoring="balanced_accuracy", random_state=0)
    check(model.fit(ROWS[:300], labels(RAW, [0, 1])[:300]), ROWS)


def test_float32_reaches_only_what_computes_in_double() -> None:
    """Behind float32 columns a support vector machine is exact, a linear model says that it is not, by its path."""
    steps = OrdinalEncoder(dtype=np.float32, handle_unknown="use_encoded_value", unknown_value=-1)
    whole, names = np.round(RAW), labels(RAW, ["a", "b", "c"])
    check(make_pipeline(steps, VotingClassifier([("svc", SVC())])).fit(whole[:300], names[:300]), whole)
    model = make_pipeline(steps, VotingClassifier([("line", LogisticRegression())])).fit(whole[:300], names[:300])
    with pytest.raises(ExportError, match="float32") as caught:
        write(model, 6)
    assert caught.value.step == "votingclassifier/line"


@pytest.mark.parametrize("inner", [LogisticRegression(), make_pipeline(FunctionTransformer(), GaussianNB())], ids=str)
def test_self_training(inner: Any) -> None:
    """The last classifier answers; rows without a label, marked -1, are no class."""
    some = np.where(np.arange(300) % 3, -1, labels(RAW, [0, 1, 2])[:300])
    check(SelfTrainingClassifier(inner, max_iter=2).fit(ROWS[:300], some), ROWS)
