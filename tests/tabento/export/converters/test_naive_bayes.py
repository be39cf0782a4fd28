"""Naive Bayes: the same likelihoods, rounded as scikit-learn rounds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB

from tests.tabento.export.estimator_graphs import check, labels, table

ROWS = table()

COUNTS = np.abs(ROWS).round()

CLASSES = [["no", "yes"], [False, True], [3, 1, 2, 9]]


@pytest.mark.parametrize("names", CLASSES, ids=str)
@pytest.mark.parametrize(
    "model",
    [
        GaussianNB(),
        GaussianNB(priors=None, var_smoothing=1e-3),
        BernoulliNB(),
        BernoulliNB(binarize=0.7, fit_prior=False),
    ],
    ids=str,
)
def test_classifier_of_numbers(model: Any, names: list[Any]) -> None:
    """Label, probabilities and decision agree, also for distant rows."""
    model.fit(ROWS[:500], labels(ROWS, names)[:500])
    check(model, np.vstack([ROWS, 100 * ROWS[:20]]))


@pytest.mark.parametrize("names", CLASSES, ids=str)
@pytest.mark.parametrize(
    "model", [MultinomialNB(), ComplementNB(), ComplementNB(norm=True), MultinomialNB(alpha=5)], ids=str
)
def test_classifier_of_counts(model: Any, names: list[Any]) -> None:
    """Counts times logarithms of probabilities agree."""
    model.fit(COUNTS[:500], labels(ROWS, names)[:500])
    check(model, COUNTS)


def test_columns_that_are_there_or_not() -> None:
    """Without a threshold the columns are used unchanged."""
    present = (ROWS > 0).astype(np.float64)
    check(BernoulliNB(binarize=None).fit(present[:500], labels(ROWS, [0, 1, 2])[:500]), present)


def test_one_class_only() -> None:
    """A classifier of one class answers that class."""
    check(ComplementNB().fit(COUNTS[:50], ["only"] * 50), COUNTS)
