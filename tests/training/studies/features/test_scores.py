"""Tests of the rule by which the feature studies choose."""

from __future__ import annotations

import numpy as np
import pytest

from training.studies.features.scores import Score, best_of, difference_error, score_of, within_one_standard_error


def _score(mean: float) -> Score:
    return score_of([mean])


def test_a_score_has_mean_and_standard_error() -> None:
    """The error is the standard deviation over the root of the number of folds."""
    score = score_of([1.0, 2.0, 3.0])
    assert score.mean == 2
    assert score.standard_error == pytest.approx(1 / np.sqrt(3))
    assert score_of([4.0]).standard_error == 0


def test_the_best_follows_the_metric() -> None:
    """A lower error is better, a higher area is better, and the first of equal scores wins."""
    scores = {"a": _score(1.0), "b": _score(2.0), "c": _score(2.0)}
    assert best_of("rmse", scores) == "a"
    assert best_of("roc_auc", scores) == "b"


@pytest.mark.parametrize(("metric", "sign"), [("rmse", 1), ("r2", -1)])
def test_ties_are_within_one_error_of_the_difference(metric: str, sign: int) -> None:
    """A candidate that is worse in every fold is not tied; one that is worse in some folds and better in others is tied."""
    folds = {
        "best": [10.0, 20.0, 30.0],
        "always worse": [10.1, 20.1, 30.1],
        "now and then": [11.0, 19.5, 29.9],
        "equal": [10.0, 20.0, 30.0],
    }
    scores = {name: score_of([sign * value for value in values]) for name, values in folds.items()}
    assert within_one_standard_error(metric, scores) == ["best", "now and then", "equal"]


def test_the_error_of_a_difference_excludes_shared_variance() -> None:
    """The error is 0 if two candidates differ by the same amount in every fold, and for a single fold."""
    score, other = score_of([10.0, 20.0, 30.0]), score_of([11.0, 21.0, 31.0])
    assert difference_error(other, score) == pytest.approx(0)
    assert difference_error(_score(1.0), _score(2.0)) == 0
    with pytest.raises(ValueError, match="same folds, got 1 and 3"):
        difference_error(_score(1.0), score)


def test_nothing_to_compare_is_refused() -> None:
    """Missing folds and missing candidates are errors."""
    with pytest.raises(ValueError, match="at least one fold"):
        score_of([])
    with pytest.raises(ValueError, match="at least one candidate"):
        best_of("rmse", {})
