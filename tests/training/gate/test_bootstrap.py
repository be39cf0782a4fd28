"""The paired bootstrap tells a better model from a lucky one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.gate.bootstrap import paired_difference

GENERATOR = np.random.default_rng(0)
TRUTH = GENERATOR.normal(100, 10, 400)
GOOD = TRUTH + GENERATOR.normal(0, 2, 400)
BAD = GOOD + GENERATOR.normal(0, 2, 400)


def test_worse_model_is_worse_beyond_chance() -> None:
    """Added noise raises the RMSE: the interval lies above zero and around the difference."""
    difference = paired_difference(orchard_config(), "rmse", TRUTH, BAD, GOOD, resamples=500, confidence=0.95)
    assert 0 < difference.low < difference.first - difference.second < difference.high
    assert difference.above == 1.0


def test_pairs_beat_single_intervals() -> None:
    """Rows that are hard for both models cancel: the interval is far narrower than the spread of one figure."""
    hard = TRUTH + GENERATOR.normal(0, 20, 400)
    slightly = hard + 0.3
    difference = paired_difference(orchard_config(), "rmse", TRUTH, slightly, hard, resamples=500, confidence=0.95)
    assert difference.high - difference.low < 0.2
    assert 19 < difference.first < 21


def test_model_against_itself_differs_nowhere() -> None:
    """Equal answers give a difference of zero in every draw, and ties count half."""
    difference = paired_difference(orchard_config(), "r2", TRUTH, GOOD, GOOD, resamples=100, confidence=0.9)
    assert (difference.low, difference.high, difference.above) == (0.0, 0.0, 0.5)


def test_same_seed_gives_the_same_interval() -> None:
    """The config's seed draws; another one gives another interval."""
    first, repeated, other = (
        paired_difference(orchard_config(seed=seed), "mae", TRUTH, BAD, GOOD, resamples=200, confidence=0.95)
        for seed in (1, 1, 2)
    )
    assert first == repeated
    assert first.low != other.low


def test_interval_covers_as_often_as_it_says() -> None:
    """Of many samples from one population, about 90% of the 90% intervals hold the true difference."""
    generator = np.random.default_rng(7)
    n_covered = 0
    for _ in range(60):
        truth = generator.normal(0, 1, 120)
        first, second = truth + generator.normal(0, 1.2, 120), truth + generator.normal(0, 1, 120)
        difference = paired_difference(orchard_config(), "rmse", truth, first, second, resamples=150, confidence=0.9)
        n_covered += difference.low <= 0.2 <= difference.high
    assert 47 <= n_covered <= 59


def test_classes_are_compared_by_their_probabilities() -> None:
    """A model that ranks by chance loses against one that knows something."""
    truth = (GENERATOR.random(300) < 0.3).astype(float)
    knowing = np.clip(0.3 + 0.4 * (truth - 0.3) + GENERATOR.normal(0, 0.1, 300), 0.01, 0.99)
    guessing = GENERATOR.random(300)
    answers = [np.stack([shares > 0.5, 1 - shares, shares], axis=1) for shares in (knowing, guessing)]
    difference = paired_difference(seedling_config(), "roc_auc", truth, *answers, resamples=300, confidence=0.95)
    assert difference.low > 0.2
    assert difference.first > 0.9


def test_what_cannot_be_compared_is_named() -> None:
    """Other shapes, and a metric that these answers do not have."""
    with pytest.raises(ValueError, match=r"answers of the same shape, got \(400,\) and \(3,\)"):
        paired_difference(orchard_config(), "rmse", TRUTH, GOOD, GOOD[:3], resamples=100, confidence=0.9)
    with pytest.raises(ValueError, match="'roc_auc' is not defined for these answers"):
        paired_difference(orchard_config(), "roc_auc", TRUTH, GOOD, GOOD, resamples=100, confidence=0.9)
