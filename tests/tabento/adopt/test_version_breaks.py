"""Known breaks between versions of scikit-learn, on estimators that are given the state that old versions left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier, RandomForestRegressor, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tabento.adopt.errors import AdoptionError
from tabento.adopt.version_breaks import known_breaks, require_known, version_remedy
from tests.tabento.adopt.makers import count_rows, stones

OLD = ("1.3.2",)
FRAME = stones(60)
ROWS, KINDS = FRAME[["mass", "density"]], FRAME["kind"]


def old_forest() -> RandomForestClassifier:
    """A forest whose trees hold numbers of rows, as before 1.4."""
    forest = RandomForestClassifier(2, max_depth=2, random_state=0).fit(ROWS, KINDS)
    for tree in forest.estimators_:
        count_rows(tree)
    return forest


def old_regression(scheme: str, labels: Any = KINDS) -> LogisticRegression:
    """A logistic regression with the attribute that 1.8 removed."""
    model = LogisticRegression().fit(ROWS, labels)
    model.multi_class = scheme
    return model


def old_boosting() -> AdaBoostClassifier:
    """A boosting with the algorithm that 1.6 removed."""
    model = AdaBoostClassifier(n_estimators=2).fit(ROWS, KINDS)
    model.algorithm = "SAMME.R"
    return model


@pytest.mark.parametrize(
    ("pipeline", "change"),
    [
        (old_forest(), "numbers of rows"),
        (make_pipeline(StandardScaler(), old_forest()), "numbers of rows"),
        (count_rows(DecisionTreeClassifier(max_depth=2).fit(ROWS, KINDS)), "numbers of rows"),
        (old_regression("ovr"), "one model for each class"),
        (old_regression("multinomial", KINDS > 1), "two classes"),
        (old_boosting(), "SAMME.R"),
        (PLSRegression(1).fit(ROWS, KINDS), "coefficients"),
    ],
)
def test_break_is_recognised_by_what_a_step_holds(pipeline: Any, change: str) -> None:
    """Each row of the table, alone and inside a pipeline."""
    breaks = known_breaks(pipeline, OLD)
    assert any(change in item.change for item in breaks)
    with pytest.raises(AdoptionError, match=r"does not answer[\s\S]*--sklearn auto[\s\S]*--expected answers\.csv"):
        require_known(breaks, proven=False)
    require_known(breaks, proven=True)


def test_solver_of_one_model_for_each_class_is_recognised() -> None:
    """With liblinear 'auto' meant one model for each class, too."""
    model = old_regression("auto")
    assert known_breaks(model, OLD) == []
    model.solver = "liblinear"
    assert len(known_breaks(model, OLD)) == 1


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(StandardScaler(), Ridge()).fit(ROWS, KINDS),
        RandomForestClassifier(2, max_depth=2).fit(ROWS, KINDS),
        RandomForestRegressor(2, max_depth=2).fit(ROWS, KINDS),
        DecisionTreeRegressor(max_depth=2).fit(ROWS, KINDS),
        AdaBoostClassifier(n_estimators=2).fit(ROWS, KINDS),
        old_regression("multinomial"),
        old_regression("ovr", KINDS > 1),
        old_regression("deprecated"),
    ],
)
def test_what_answers_alike_is_not_refused(pipeline: Any) -> None:
    """No version between the oldest compared one and the installed one makes a break of it."""
    assert known_breaks(pipeline, ("1.2.2", "1.7.2")) == []
    assert known_breaks(pipeline) == []
    require_known([], proven=False)


def test_partial_least_squares_of_today_is_no_break() -> None:
    """What an estimator does not show is told by its version alone."""
    model = PLSRegression(1).fit(ROWS, KINDS)
    assert known_breaks(model) == known_breaks(model, ("1.5.2",)) == []


def test_break_is_found_deep_inside() -> None:
    """In a vote, behind a column transformer: the step is named by its path."""
    vote = VotingClassifier([("forest", RandomForestClassifier(2, max_depth=2))], voting="soft")
    pipeline = make_pipeline(make_column_transformer((StandardScaler(), ["mass"])), vote).fit(ROWS, KINDS)
    count_rows(pipeline[-1].estimators_[0].estimators_[0])
    (item,) = known_breaks(pipeline)
    assert item.step == "step 'votingclassifier' (VotingClassifier)"


@pytest.mark.parametrize(("version", "change"), [("1.1.3", "before 1.2"), ("9.0", "newer"), ("pre-0.18", "before 1.2")])
def test_versions_of_which_nothing_is_known_are_refused(version: str, change: str) -> None:
    """Older than the oldest compared one, newer than the installed one, or without a number."""
    (item,) = known_breaks(Ridge().fit(ROWS, KINDS), (version,))
    assert change in item.change


def test_long_lists_are_cut() -> None:
    """A message names five, and how many more there are."""
    pipeline = make_pipeline(*(make_column_transformer(("passthrough", ["mass"])) for _ in range(2)))
    breaks = known_breaks(pipeline, tuple(f"0.{minor}" for minor in range(10, 17)))
    with pytest.raises(AdoptionError, match="and 2 more"):
        require_known(breaks, proven=False)


def test_advice_names_the_version() -> None:
    """And the rows only where they may be the reason."""
    assert version_remedy((), perhaps_rows=True) is None
    alone, either = (version_remedy(OLD, perhaps_rows=value) or "" for value in (False, True))
    assert "the version, not the rows" in alone
    assert "or the rows differ" in either
    for text in (alone, either):
        assert "1.3.2" in text
        assert f"Fit it again with scikit-learn {sklearn.__version__}" in text


def test_counts_look_like_those_of_old_versions() -> None:
    """The helper of these tests makes what 1.3.2 was seen to save: the weighted number of rows of each class."""
    tree = count_rows(DecisionTreeClassifier(max_depth=1).fit(ROWS, KINDS))
    np.testing.assert_allclose(tree.tree_.value[0].sum(), len(ROWS))
