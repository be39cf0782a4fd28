"""The best mean that keeps the budget wins; the simplest within one standard error is only shown."""

from __future__ import annotations

import pytest

from tests.training.studies.selection.synthetic_candidates import make_candidate
from training.studies.errors import SelectionError
from training.studies.selection.choice import choose, mean_score
from training.studies.selection.comparison import ComparedCandidate


def test_best_mean_wins() -> None:
    """Of error metrics the lowest mean is the best."""
    items = [make_candidate("a", [3, 5]), make_candidate("bb", [2, 4]), make_candidate("ccc", [5, 5])]
    assert choose(items, "rmse").winner is items[1]


def test_higher_area_is_better() -> None:
    """Of an area under the curve the highest mean is the best."""
    items = [make_candidate("a", [0.7, 0.8], metric="roc_auc"), make_candidate("bb", [0.8, 0.9], metric="roc_auc")]
    assert choose(items, "roc_auc").winner is items[1]


@pytest.mark.parametrize("status", ["over budget", "not exportable", "failed", "baseline"])
def test_ineligible_candidate_cannot_win(status: str) -> None:
    """A candidate that is not eligible cannot win, whatever its score."""
    items = [make_candidate("a", [1, 1], status=status, reason="no"), make_candidate("bb", [4, 4])]  # type: ignore[arg-type]  # a parameter
    assert choose(items, "rmse").winner is items[1]


def test_first_of_equals_wins() -> None:
    """Of equal scores the first wins, so the own estimator stays."""
    items = [make_candidate("a", [2, 2]), make_candidate("bb", [2, 2])]
    assert choose(items, "rmse").winner is items[0]


def test_simplest_within_one_standard_error_is_named() -> None:
    """The smallest graph within one standard error is shown next to the winner."""
    best = make_candidate("a", [2, 4], mib=9.0)
    close_candidate = make_candidate("bb", [3.5, 3.5], mib=0.1)
    distant_candidate = make_candidate("ccc", [9, 9], mib=0.01)
    choice = choose([best, close_candidate, distant_candidate], "rmse")
    assert choice.winner is best
    assert choice.simplest is close_candidate


def test_winner_can_be_the_simplest() -> None:
    """The winner is its own alternative if no other candidate is close."""
    items = [make_candidate("a", [2, 2]), make_candidate("bb", [9, 9], mib=0.01)]
    assert choose(items, "rmse").simplest is items[0]


def test_error_without_an_eligible_candidate_has_the_reasons() -> None:
    """The message has each candidate's reason and the keys to change."""
    items = [make_candidate("slow", [1, 1], status="over budget", reason="one row takes 900 µs")]
    with pytest.raises(SelectionError, match=r"slow: one row takes 900 µs[\s\S]*single_row_us_max"):
        choose(items, "rmse")


def test_mean_needs_scores() -> None:
    """A candidate that was not begun has no mean."""
    not_begun = ComparedCandidate(make_candidate("a", [1]).candidate, "not begun", "late")
    with pytest.raises(SelectionError, match="a has no scores: late"):
        mean_score(not_begun, "rmse")
