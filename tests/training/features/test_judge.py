"""Tests of the judge of the feature studies."""

from __future__ import annotations

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from training.config import Estimator, Member
from training.cross_validation import cross_validate, make_folds
from training.features.judge import COMPOSITE_ROWS_MAX, Judge, stand_in

CONFIG = orchard_config(
    estimator={"kind": "decision_tree", "params": {"max_depth": 4}, "target": "log"},
    derived={"clusters": {"columns": ["crown width", "height"], "n_clusters": 3}},
)
FRAME = orchard_frame(120)


def _judge() -> Judge:
    return Judge(CONFIG, FRAME, make_folds(CONFIG, FRAME, folds=3), CONFIG.estimator)


def test_the_score_is_that_of_the_cross_validation() -> None:
    """Judging fold by fold gives what a cross-validation gives."""
    judge = _judge()
    expected = cross_validate(CONFIG, FRAME, CONFIG.decisions(), judge.folds, n_jobs=1)
    assert judge.score(CONFIG.decisions()).folds == tuple(expected.values("rmse").tolist())


def test_what_was_judged_is_not_fitted_again() -> None:
    """A fold whose decisions are known is answered from memory, even where others are new."""
    judge = _judge()
    decided = CONFIG.decisions()
    known = judge.score(decided)
    judge.frame = FRAME.iloc[:0]
    assert judge.score(decided) == known
    with pytest.raises(IndexError):
        judge.score(decided.model_copy(update={"impute": "median"}))


def test_folds_may_have_decisions_of_their_own() -> None:
    """Each fold is scored with its own columns, and there must be one for each."""
    judge = _judge()
    every = CONFIG.decisions()
    few = every.model_copy(update={"columns": ("age",)})
    mixed = judge.score_by_fold([every, few, every])
    assert mixed.folds[0] == judge.score(every).folds[0]
    assert mixed.folds[1] == judge.score(few).folds[1]
    with pytest.raises(ValueError, match="decisions for 3 folds, got 1"):
        judge.score_by_fold([every])


def test_a_composite_on_many_rows_is_judged_by_its_first_member() -> None:
    """On few rows all members are fitted, on many the first one, on the same scale."""
    members = (Member(kind="ridge", params={"alpha": 2.0}), Member(kind="decision_tree"))
    voting = Estimator(kind="voting", target="log", members=members)
    assert stand_in(voting, COMPOSITE_ROWS_MAX) == voting
    assert stand_in(voting, COMPOSITE_ROWS_MAX + 1) == Estimator(kind="ridge", target="log", params={"alpha": 2.0})
    assert stand_in(CONFIG.estimator, COMPOSITE_ROWS_MAX + 1) == CONFIG.estimator
