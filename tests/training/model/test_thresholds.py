"""The decision threshold is the best of all distinct thresholds, on rows that the model has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from sklearn.tree import DecisionTreeClassifier

from training.config import Decision
from training.model.thresholds import ThresholdError, best_threshold, choose_threshold, out_of_fold_probabilities

F1 = Decision(by="f1")
COST = Decision(by="cost", false_positive_cost=1.0, false_negative_cost=5.0)


def rows(count: int = 200) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return outcomes, a quarter of them positive, and informative probabilities of which many are equal."""
    generator = np.random.default_rng(6)
    positive = generator.random(count) < 0.25
    raw: NDArray[np.float64] = 0.25 + 0.2 * positive.astype(np.float64) + generator.normal(0, 0.15, count)
    return positive, np.asarray(np.round(np.clip(raw, 0.01, 0.99), 2), dtype=np.float64)


def test_no_other_threshold_has_a_higher_f1() -> None:
    """No threshold of a fine grid has a higher F1 by scikit-learn."""
    positive, probabilities = rows()
    choice = best_threshold(F1, positive, probabilities)
    assert choice.threshold is not None
    assert choice.figure is not None
    assert choice.figure == pytest.approx(f1_score(positive, probabilities >= choice.threshold))
    assert choice.figure >= max(f1_score(positive, probabilities >= t) for t in np.linspace(0.005, 0.995, 199))


def test_no_other_threshold_costs_less() -> None:
    """No threshold of a fine grid has a lower mean cost; expensive misses lower the threshold."""
    positive, probabilities = rows()
    choice = best_threshold(COST, positive, probabilities)
    assert choice.threshold is not None
    assert choice.figure is not None

    def cost(threshold: float) -> float:
        is_positive = probabilities >= threshold
        return float(np.mean(1.0 * (is_positive & ~positive) + 5.0 * (~is_positive & positive)))

    assert choice.figure == pytest.approx(cost(choice.threshold))
    assert choice.figure <= min(cost(threshold) for threshold in np.linspace(0.005, 0.995, 199))
    expensive = best_threshold(
        Decision(by="cost", false_positive_cost=5, false_negative_cost=1), positive, probabilities
    )
    assert expensive.threshold is not None
    assert choice.threshold < expensive.threshold


def test_curve_shows_every_threshold_that_was_compared() -> None:
    """The curve is ascending and contains the chosen threshold."""
    positive, probabilities = rows()
    choice = best_threshold(F1, positive, probabilities)
    assert choice.curve.shape == (len(np.unique(probabilities)) + 1, 2)
    assert (np.diff(choice.curve[:, 0]) > 0).all()
    assert [choice.threshold, choice.figure] in choice.curve.tolist()


def test_threshold_is_between_probabilities() -> None:
    """The threshold is the midpoint of a gap, so that the last bit of a probability has no effect."""
    choice = best_threshold(F1, np.array([False, False, True, True]), np.array([0.1, 0.2, 0.6, 0.8]))
    assert choice.threshold == pytest.approx(0.4)
    assert choice.figure == 1.0


def test_adjacent_doubles_are_separated() -> None:
    """If two probabilities are adjacent doubles, the upper one separates them."""
    low = 0.3
    high = float(np.nextafter(low, 1))
    choice = best_threshold(F1, np.array([False, True]), np.array([low, high]))
    assert (choice.threshold, choice.figure) == (high, 1.0)


def test_of_equal_thresholds_the_nearest_to_a_half_is_chosen() -> None:
    """Of two gaps with the same F1 the one nearer to 0.5 is chosen."""
    positive = np.array([True, False, True])
    choice = best_threshold(
        Decision(by="cost", false_positive_cost=1, false_negative_cost=1), positive, np.array([0.2, 0.4, 0.7])
    )
    assert choice.threshold == pytest.approx(0.55)


@pytest.mark.parametrize("probabilities", [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.4, 0.4]])
def test_threshold_stays_inside(probabilities: list[float]) -> None:
    """A model with certain or constant probabilities still has a threshold between 0 and 1."""
    for positive in ([False, True], [True, False]):
        choice = best_threshold(F1, np.array(positive), np.array(probabilities))
        assert choice.threshold is not None
        assert 0 < choice.threshold < 1


def test_out_of_fold_probabilities_are_of_unseen_rows() -> None:
    """A tree that memorises its rows is certain about them; on held-out rows with noise it is wrong."""
    generator = np.random.default_rng(2)
    frame = pd.DataFrame({"x": generator.normal(size=100)})
    positive = generator.random(100) < 0.4
    seen: list[set[int]] = []

    def fit(indices: NDArray[np.intp]) -> Any:
        seen.append(set(indices.tolist()))
        return DecisionTreeClassifier(random_state=0).fit(frame.iloc[indices], positive[indices])

    out_of_fold = out_of_fold_probabilities(fit, frame, positive, seed=3)
    assert [len(indices) for indices in seen] == [80] * 5
    assert set.intersection(*seen) == set()
    assert 0.3 < np.mean((out_of_fold >= 0.5) == positive) < 0.8
    np.testing.assert_array_equal(out_of_fold, out_of_fold_probabilities(fit, frame, positive, seed=3))


def test_nothing_is_fitted_without_a_comparison() -> None:
    """The most probable class and a fixed threshold need no cross-validation."""

    def fit(indices: NDArray[np.intp]) -> Any:
        raise AssertionError("nothing had to be fitted")

    frame, positive = pd.DataFrame({"x": [1.0]}), np.array([True])
    assert choose_threshold(Decision(), fit, frame, positive, 1).threshold is None
    fixed = choose_threshold(Decision(by="fixed", threshold=0.2), fit, frame, positive, 1)
    assert (fixed.threshold, fixed.figure, fixed.curve.shape) == (0.2, None, (0, 2))


def test_too_few_rows_of_a_class_are_refused() -> None:
    """With fewer rows than folds a fold would have none; the message has a remedy."""
    frame = pd.DataFrame({"x": np.arange(20.0)})
    positive = np.arange(20) < 4
    with pytest.raises(ThresholdError, match=r"at least 5 training rows of each class .* got 4"):
        choose_threshold(F1, lambda indices: None, frame, positive, 1)


def test_impossible_inputs_are_refused() -> None:
    """Empty rows, different lengths and a decision without comparison are refused."""
    for positive, probabilities in (([], []), ([True], [0.1, 0.2])):
        with pytest.raises(ValueError, match="two shapes"):
            best_threshold(F1, np.array(positive, dtype=bool), np.array(probabilities))
    with pytest.raises(ValueError, match="got 'most_probable'"):
        best_threshold(Decision(), np.array([True]), np.array([0.5]))
