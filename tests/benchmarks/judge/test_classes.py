"""The classes in a pipeline."""

from __future__ import annotations

import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.judge.classes import class_names, couples_probabilities


@pytest.mark.filterwarnings("ignore:The `probability`")
def test_coupled_probabilities_are_found() -> None:
    """Only a support vector machine with probabilities couples them, and not together with neighbours."""
    with_probabilities, without_probabilities = SVC(probability=True), SVC()
    assert couples_probabilities(make_pipeline(StandardScaler(), with_probabilities))
    assert not couples_probabilities(make_pipeline(StandardScaler(), without_probabilities))
    assert couples_probabilities(VotingClassifier([("a", with_probabilities), ("b", LogisticRegression())]))
    assert not couples_probabilities(VotingClassifier([("a", with_probabilities), ("b", KNeighborsClassifier())]))


def test_class_names_are_sorted() -> None:
    """Every class is listed only one time, in alphabetical order."""
    assert class_names(make_pipeline(StandardScaler(), StandardScaler(), SVC())) == (
        "Pipeline",
        "SVC",
        "StandardScaler",
    )
