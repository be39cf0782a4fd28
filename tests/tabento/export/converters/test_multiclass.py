"""One against the rest and one against one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC, LinearSVC

from tabento.export import ExportError
from tabento.export.converters.multiclass import has_decision
from tests.tabento.export.estimator_graphs import check, labels, table, write

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)


@pytest.mark.parametrize("names", [["no", "yes"], [False, True], [3, 1, 2, 7]], ids=str)
@pytest.mark.parametrize(
    "inner", [LogisticRegression(), GaussianNB(), LinearSVC(random_state=0)], ids=lambda model: type(model).__name__
)
@pytest.mark.parametrize("kind", [OneVsRestClassifier, OneVsOneClassifier])
def test_classifier(kind: Any, inner: Any, names: list[Any]) -> None:
    """Decisions and probabilities agree for two classes or more."""
    model = kind(inner).fit(ROWS[:300], labels(RAW, names)[:300])
    check(model, np.vstack([ROWS, 100 * ROWS[:20]]))


def test_member_without_conversion_is_refused_by_its_path() -> None:
    """The error names the path of the classifier."""
    model = OneVsRestClassifier(SVC(kernel=lambda a, b: a @ b.T)).fit(ROWS[:100], labels(RAW, [0, 1, 2])[:100])
    with pytest.raises(ExportError) as error:
        write(model, 6)
    assert error.value.step == "estimators_[0]"


def test_decision_comes_before_probabilities() -> None:
    """``has_decision`` tells which of the two methods scikit-learn calls."""
    assert has_decision(LogisticRegression())
    assert not has_decision(GaussianNB())
