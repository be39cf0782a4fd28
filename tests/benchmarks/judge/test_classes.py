"""Which classes a pipeline is made of."""

from __future__ import annotations

import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.judge.classes import class_names, couples


@pytest.mark.filterwarnings("ignore:The `probability`")
def test_coupled_probabilities_are_found() -> None:
    """Only a machine that was asked for probabilities couples them, and not beside neighbours."""
    asked, plain = SVC(probability=True), SVC()
    assert couples(make_pipeline(StandardScaler(), asked))
    assert not couples(make_pipeline(StandardScaler(), plain))
    assert couples(VotingClassifier([("a", asked), ("b", LogisticRegression())]))
    assert not couples(VotingClassifier([("a", asked), ("b", KNeighborsClassifier())]))


def test_names_of_all_inside() -> None:
    """Every class stands once, in the order of the alphabet."""
    assert class_names(make_pipeline(StandardScaler(), StandardScaler(), SVC())) == (
        "Pipeline",
        "SVC",
        "StandardScaler",
    )
