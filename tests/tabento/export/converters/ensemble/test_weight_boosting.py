"""AdaBoost: weighted votes and weighted medians."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB

from tabento.export import ExportError
from tests.tabento.export.estimator_graphs import check, labels, table, target, write

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)
CLASSES = [["no", "yes"], [False, True], [3, 1, 2, 7]]


@pytest.mark.parametrize("names", CLASSES, ids=str)
@pytest.mark.parametrize("inner", [LogisticRegression(), GaussianNB()], ids=str)
def test_adaboost_classifier(inner: Any, names: list[Any]) -> None:
    """Decisions are equal bit for bit, because they are sums of the members' weights."""
    model = AdaBoostClassifier(inner, n_estimators=9, random_state=0).fit(ROWS[:300], labels(RAW, names)[:300])
    actual = check(model, ROWS)
    np.testing.assert_array_equal(actual["decision"].reshape(2000, -1).squeeze(), model.decision_function(ROWS))


@pytest.mark.parametrize("count", [1, 2, 9])
def test_adaboost_regressor(count: int) -> None:
    """The weighted median is the answer of one member."""
    model = AdaBoostRegressor(LinearRegression(), n_estimators=count, random_state=0).fit(ROWS[:300], NUMBERS[:300])
    check(model, ROWS)


def test_one_class_only_is_refused() -> None:
    """AdaBoost of one class is refused."""
    model = AdaBoostClassifier(GaussianNB(), n_estimators=2).fit(ROWS[:50], ["only"] * 50)
    with pytest.raises(ExportError, match="one class only"):
        write(model, 6)
