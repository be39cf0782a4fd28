"""Calibration: sigmoids, isotonic lines and temperatures after a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC

from tabento.export import ExportError
from tests.tabento.export.estimator_graphs import check, labels, table, target, write

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)


@pytest.mark.parametrize("names", [[False, True], ["a", "b", "c", "d"]], ids=str)
@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize(
    "inner", [GaussianNB(), LinearSVC(random_state=0), SVC()], ids=lambda model: type(model).__name__
)
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_classifier(method: str, inner: Any, ensemble: bool, names: list[Any]) -> None:
    """Each method agrees on decisions and on probabilities, with one classifier for each fold or one for all."""
    model = CalibratedClassifierCV(inner, method=method, ensemble=ensemble, cv=3)
    model.fit(ROWS[:300], labels(RAW, names)[:300])
    check(model, np.vstack([ROWS, 1e3 * ROWS[:20]]))


def test_frozen_pipeline() -> None:
    """A frozen pipeline that is calibrated on other rows is written once for all folds."""
    steps = make_pipeline(FunctionTransformer(), LogisticRegression()).fit(ROWS[:300], labels(RAW, [0, 1])[:300])
    model = CalibratedClassifierCV(FrozenEstimator(steps), cv=3).fit(ROWS[300:600], labels(RAW, [0, 1])[300:600])
    check(model, ROWS)


def test_inside_a_stack() -> None:
    """A calibrated pipeline converts as a member of a stack; errors name the step's path."""
    inner = make_pipeline(FunctionTransformer(), GaussianNB())
    model = StackingClassifier([("bayes", CalibratedClassifierCV(inner, cv=2))], cv=2)
    check(model.fit(ROWS[:300], labels(RAW, ["a", "b", "c"])[:300]), ROWS)
    model.estimators_[0].calibrated_classifiers_[1].estimator.steps[1] = ("svc", _unknown())
    with pytest.raises(ExportError) as error:
        write(model, 6)
    assert error.value.step == "bayes/calibrated_classifiers_[1]/estimator/svc"


def _unknown() -> SVC:
    return SVC(kernel=lambda a, b: a @ b.T).fit(ROWS[:100], labels(RAW, ["a", "b", "c"])[:100])


@pytest.mark.filterwarnings("ignore:Number of classes in training fold:RuntimeWarning")
def test_class_that_a_fold_has_not_seen() -> None:
    """A class that is missing from a fold gets no probability from that fold's classifier."""
    names = labels(RAW, ["a", "b", "c", "d"])
    model = CalibratedClassifierCV(
        FrozenEstimator(GaussianNB().fit(ROWS[names != "b"], names[names != "b"])), ensemble=True
    )
    check(model.fit(ROWS[:600], names[:600]), ROWS)


def test_unknown_method_is_refused() -> None:
    """The error names an unknown method."""
    model = CalibratedClassifierCV(GaussianNB(), cv=2).fit(ROWS, labels(RAW, [0, 1]))
    model.calibrated_classifiers_[0].method = "spline"
    with pytest.raises(ExportError, match="the method 'spline'"):
        write(model, 6)
