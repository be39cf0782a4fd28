"""Searches and thresholds of classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from tabento.export import ExportError
from tests.tabento.export.estimator_graphs import check, labels, table, target, write

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)


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
    """A search answers as its best estimator."""
    check(search.fit(ROWS[:300], NUMBERS[:300]), ROWS)


def test_search_for_a_classifier_and_for_a_transformer() -> None:
    """A search converts as a classifier or a transformer, like its best estimator."""
    check(
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(ROWS[:300], labels(RAW, ["a", "b"])[:300]), ROWS
    )
    search = GridSearchCV(FunctionTransformer(), {"func": [np.square]}, scoring=lambda *_: 0.0, cv=2).fit(ROWS[:300])
    check(make_pipeline(search, LinearRegression()).fit(ROWS[:300], NUMBERS[:300]), ROWS)


def test_search_that_kept_nothing_is_refused() -> None:
    """A search without a refit is refused, because it has no estimator."""
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 10]}, cv=2, refit=False).fit(ROWS[:300], NUMBERS[:300])
    with pytest.raises(ExportError, match="refit=False"):
        write(search, 6)


@pytest.mark.parametrize("positive", [None, "no", "yes"])
@pytest.mark.parametrize("method", ["auto", "predict_proba", "decision_function"])
@pytest.mark.parametrize("threshold", ["auto", 0.3])
def test_fixed_threshold(threshold: Any, method: str, positive: str | None) -> None:
    """A fixed threshold applies to the probability or the decision of either class."""
    model = FixedThresholdClassifier(
        LogisticRegression(), threshold=threshold, response_method=method, pos_label=positive
    )
    check(model.fit(ROWS[:300], labels(RAW, ["no", "yes"])[:300]), ROWS)


def test_fixed_threshold_on_a_decision() -> None:
    """For a classifier without probabilities the threshold applies to the decision."""
    model = FixedThresholdClassifier(LinearSVC(random_state=0), threshold=-0.2)
    check(model.fit(ROWS[:300], labels(RAW, [False, True])[:300]), ROWS)
    frozen = FrozenEstimator(RidgeClassifier().fit(ROWS[:300], labels(RAW, [False, True])[:300]))
    check(FixedThresholdClassifier(frozen, threshold=0.1).fit(ROWS[:300], labels(RAW, [False, True])[:300]), ROWS)


def test_tuned_threshold() -> None:
    """The tuned threshold decides the label, also if a score is equal to it."""
    model = TunedThresholdClassifierCV(LogisticRegression(), cv=3, scoring="balanced_accuracy", random_state=0)
    check(model.fit(ROWS[:300], labels(RAW, [0, 1])[:300]), ROWS)
