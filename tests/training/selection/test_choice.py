"""The best mean that keeps the budget wins; the simplest within one standard error is only shown."""

from __future__ import annotations

import pytest

from tests.training.selection.made_up import made_up
from training.selection.choice import choose, mean
from training.selection.compare import Compared
from training.selection.errors import SelectionError


def test_best_mean_wins() -> None:
    """Of error metrics the lowest mean is the best."""
    items = [made_up("a", [3, 5]), made_up("bb", [2, 4]), made_up("ccc", [5, 5])]
    assert choose(items, "rmse").winner is items[1]


def test_higher_may_be_better() -> None:
    """Of an area under the curve the highest mean is the best."""
    items = [made_up("a", [0.7, 0.8], metric="roc_auc"), made_up("bb", [0.8, 0.9], metric="roc_auc")]
    assert choose(items, "roc_auc").winner is items[1]


@pytest.mark.parametrize("status", ["over budget", "not exportable", "failed", "baseline"])
def test_what_may_not_be_served_cannot_win(status: str) -> None:
    """However good its figures are."""
    items = [made_up("a", [1, 1], status=status, reason="no"), made_up("bb", [4, 4])]  # type: ignore[arg-type]  # a parameter
    assert choose(items, "rmse").winner is items[1]


def test_first_of_equals_wins() -> None:
    """Equal figures leave what comes first, so the own estimator stays."""
    items = [made_up("a", [2, 2]), made_up("bb", [2, 2])]
    assert choose(items, "rmse").winner is items[0]


def test_simplest_within_one_standard_error_is_named() -> None:
    """The smallest graph that is not clearly worse is shown beside the winner."""
    best = made_up("a", [2, 4], mib=9.0)
    near = made_up("bb", [3.5, 3.5], mib=0.1)
    far = made_up("ccc", [9, 9], mib=0.01)
    choice = choose([best, near, far], "rmse")
    assert choice.winner is best
    assert choice.simplest is near


def test_winner_may_be_the_simplest() -> None:
    """Without another near it the winner is its own alternative."""
    items = [made_up("a", [2, 2]), made_up("bb", [9, 9], mib=0.01)]
    assert choose(items, "rmse").simplest is items[0]


def test_nothing_to_choose_says_why() -> None:
    """Each candidate's reason stands in the message, and what to change."""
    items = [made_up("slow", [1, 1], status="over budget", reason="one row takes 900 µs")]
    with pytest.raises(SelectionError, match=r"slow: one row takes 900 µs[\s\S]*single_row_us_max"):
        choose(items, "rmse")


def test_mean_needs_scores() -> None:
    """A candidate that was not begun has no mean to compare."""
    not_begun = Compared(made_up("a", [1]).candidate, "not begun", "late")
    with pytest.raises(SelectionError, match="a has no scores: late"):
        mean(not_begun, "rmse")
