"""One candidate: its figures, its cost, and why it cannot win."""

from __future__ import annotations

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from tests.training.studies.selection.synthetic_candidates import make_candidate
from training.config import Candidate, Estimator
from training.model.cross_validation import cross_validate, make_folds
from training.studies.selection.comparison import compare_candidate, first_line, overfit_share

RIDGE = Candidate(name="ridge", estimator=Estimator(kind="ridge", target="log"))


def test_figures_are_those_of_the_cross_validation() -> None:
    """Training and validation scores of every fold are kept, and a candidate within the budget is eligible."""
    config, frame = orchard_config(), orchard_frame(150)
    folds = make_folds(config, frame, 3, 1)
    result = compare_candidate(config, frame, config.decisions(), RIDGE, folds, n_jobs=1)
    expected = cross_validate(
        config, frame, config.decisions().model_copy(update={"estimator": RIDGE.estimator}), folds, n_jobs=1
    )
    assert result.status == "eligible"
    assert result.scores is not None
    assert result.scores.valid == expected.valid
    assert len(result.scores.train) == 3
    assert result.cost is not None


def test_candidate_over_the_budget_has_a_reason() -> None:
    """A graph that is too slow or too large stays in the table with the reason."""
    config, frame = orchard_config(selection={"single_row_us_max": 0.01}), orchard_frame(120)
    result = compare_candidate(config, frame, config.decisions(), RIDGE, make_folds(config, frame, 3, 1), n_jobs=1)
    assert result.status == "over budget"
    assert "one row takes" in result.reason
    assert result.scores is not None


def test_refused_export_has_a_reason() -> None:
    """A candidate that cannot be exported has scores and a reason, and no cost."""
    config, frame = orchard_config(impute="knn"), orchard_frame(120)
    tree = Candidate(name="tree", estimator=Estimator(kind="decision_tree", target="log"))
    result = compare_candidate(config, frame, config.decisions(), tree, make_folds(config, frame, 3, 1), n_jobs=1)
    assert result.status == "not exportable"
    assert result.reason.startswith("step ")
    assert result.scores is not None
    assert result.cost is None


def test_candidate_that_cannot_be_fitted_has_a_reason() -> None:
    """A candidate that fails does not end the run of the other candidates."""
    config, frame = orchard_config(), orchard_frame(90)
    greedy = Candidate(name="greedy", estimator=Estimator(kind="knn", target="log", params={"n_neighbors": 500}))
    result = compare_candidate(config, frame, config.decisions(), greedy, make_folds(config, frame, 3, 1), n_jobs=1)
    assert result.status == "failed"
    assert result.reason
    assert result.scores is None


def test_baseline_is_marked() -> None:
    """The baseline is measured like the others and cannot win."""
    config, frame = seedling_config(), seedling_frame(150)
    dummy = Candidate(name="dummy", estimator=Estimator(kind="dummy"))
    result = compare_candidate(
        config, frame, config.decisions(), dummy, make_folds(config, frame, 3, 1), baseline=True, n_jobs=1
    )
    assert result.status == "baseline"
    assert result.scores is not None
    assert result.scores.mean("roc_auc") == pytest.approx(0.5)


def test_gap_is_a_share_of_the_gain() -> None:
    """A quarter of the gain over the baseline lost between training and held-out rows is a share of 0.25."""
    baseline = make_candidate("dummy", [12, 12], status="baseline")
    assert overfit_share(make_candidate("a", [4, 4], train=2), baseline, "rmse") == pytest.approx(0.25)
    assert overfit_share(make_candidate("bb", [4, 4], train=4), baseline, "rmse") == 0


def test_gap_without_a_gain_is_infinite() -> None:
    """A candidate that only memorises its training rows has an infinite share."""
    baseline = make_candidate("dummy", [4, 4], status="baseline")
    assert overfit_share(make_candidate("a", [4, 4], train=2), baseline, "rmse") == float("inf")
    assert overfit_share(make_candidate("bb", [4, 4], train=4), baseline, "rmse") == 0


def test_gap_needs_a_baseline() -> None:
    """Without a baseline, and for the baseline itself, there is no share."""
    baseline = make_candidate("dummy", [4, 4], status="baseline")
    assert overfit_share(baseline, baseline, "rmse") is None
    assert overfit_share(make_candidate("a", [4, 4]), None, "rmse") is None


def test_error_without_a_message_is_named_by_its_class() -> None:
    """The table never has an empty reason."""
    assert first_line(ValueError()) == "ValueError"
    assert first_line(ValueError("one\ntwo")) == "one"
