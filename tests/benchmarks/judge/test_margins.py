"""The distance of a decision to another label; for voters, the smallest distance of a voter."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks.judge.margins import margin

DRAW = np.random.default_rng(4)
ROWS = DRAW.normal(size=(90, 2))
LABELS = np.arange(90) % 3
ROW = ROWS[:1]


def test_the_gap_of_scores_is_the_margin() -> None:
    """The margin is the distance to 0 for two classes and the gap of the two largest scores for more, also in pipelines and searches."""
    two = make_pipeline(StandardScaler(), RidgeClassifier()).fit(ROWS, LABELS > 0)
    assert margin(two, ROW) == abs(two.decision_function(ROW)[0])
    three = GridSearchCV(RidgeClassifier(), {"alpha": [1.0]}, cv=2).fit(ROWS, LABELS)
    scores = np.sort(three.decision_function(ROW)[0])
    assert margin(three, ROW) == scores[-1] - scores[-2]


def test_the_margin_of_voters_is_the_smallest_one() -> None:
    """If pairs or members vote, the margin is the smallest one of all voters; the model is not changed."""
    svc = SVC().fit(ROWS, LABELS)
    pairs = SVC(decision_function_shape="ovo").fit(ROWS, LABELS).decision_function(ROW)
    assert margin(svc, ROW) == np.abs(pairs).min()
    assert svc.decision_function_shape == "ovr"
    one_against_one = OneVsOneClassifier(LogisticRegression()).fit(ROWS, LABELS)
    nearest = min(abs(member.decision_function(ROW)[0]) for member in one_against_one.estimators_)
    assert margin(one_against_one, ROW) <= nearest
    voting = VotingClassifier([("svc", SVC()), ("tree", DecisionTreeClassifier())]).fit(ROWS, LABELS)
    assert margin(voting, ROW) == margin(svc, ROW)


def test_a_classifier_without_scores_has_an_infinite_margin() -> None:
    """A classifier without scores has an infinite margin, so that its rows are never knife edges."""

    class Silent:
        """A classifier without scores."""

    assert margin(Silent(), ROW) == np.inf


def test_the_margin_is_relative_to_the_threshold() -> None:
    """The margin is the distance to the classifier's own threshold, and to a latent mean of 0 for a Gaussian process."""
    inner = LogisticRegression()
    fixed = FixedThresholdClassifier(inner, threshold=0.3).fit(ROWS, LABELS > 0)
    assert margin(fixed, ROW) == abs(fixed.estimator_.predict_proba(ROW)[0, 1] - 0.3)
    tuned = TunedThresholdClassifierCV(inner, cv=2).fit(ROWS, LABELS > 0)
    assert margin(tuned, ROW) == abs(tuned.estimator_.predict_proba(ROW)[0, 1] - tuned.best_threshold_)
    process = GaussianProcessClassifier(optimizer=None).fit(ROWS, LABELS > 0)
    assert margin(process, ROW) == abs(process.latent_mean_and_variance(ROW)[0][0])
