"""Tests of the judge of the feature studies."""

from __future__ import annotations

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from training.config import Estimator, Member
from training.model.cross_validation import cross_validate, make_folds
from training.studies.features.evaluation import COMPOSITE_ROWS_MAX, FeatureEvaluation, evaluated_estimator

CONFIG = orchard_config(
    estimator={"kind": "decision_tree", "params": {"max_depth": 4}, "target": "log"},
    derived={"clusters": {"columns": ["crown width", "height"], "n_clusters": 3}},
)
FRAME = orchard_frame(120)


def _judge() -> FeatureEvaluation:
    return FeatureEvaluation(CONFIG, FRAME, make_folds(CONFIG, FRAME, folds=3), CONFIG.estimator)


def test_the_score_is_that_of_the_cross_validation() -> None:
    """The scores fold by fold equal a cross-validation."""
    evaluation = _judge()
    expected = cross_validate(CONFIG, FRAME, CONFIG.decisions(), evaluation.folds, n_jobs=1)
    assert evaluation.score(CONFIG.decisions()).folds == tuple(expected.values("rmse").tolist())


def test_scores_are_cached() -> None:
    """A fold with cached decisions is not fitted again, also if other folds are new."""
    evaluation = _judge()
    decisions = CONFIG.decisions()
    cached = evaluation.score(decisions)
    evaluation.frame = FRAME.iloc[:0]
    assert evaluation.score(decisions) == cached
    with pytest.raises(IndexError):
        evaluation.score(decisions.model_copy(update={"impute": "median"}))


def test_folds_can_have_their_own_decisions() -> None:
    """Each fold is scored with its own decisions, and their number must be the number of folds."""
    evaluation = _judge()
    every = CONFIG.decisions()
    one_column = every.model_copy(update={"columns": ("age",)})
    mixed = evaluation.score_by_fold([every, one_column, every])
    assert mixed.folds[0] == evaluation.score(every).folds[0]
    assert mixed.folds[1] == evaluation.score(one_column).folds[1]
    with pytest.raises(ValueError, match="decisions for 3 folds, got 1"):
        evaluation.score_by_fold([every])


def test_a_composite_on_many_rows_is_represented_by_its_first_member() -> None:
    """On few rows all members are fitted, on many rows the first member on the same scale."""
    members = (Member(kind="ridge", params={"alpha": 2.0}), Member(kind="decision_tree"))
    voting = Estimator(kind="voting", target="log", members=members)
    assert evaluated_estimator(voting, COMPOSITE_ROWS_MAX) == voting
    assert evaluated_estimator(voting, COMPOSITE_ROWS_MAX + 1) == Estimator(
        kind="ridge", target="log", params={"alpha": 2.0}
    )
    assert evaluated_estimator(CONFIG.estimator, COMPOSITE_ROWS_MAX + 1) == CONFIG.estimator
