"""Wrong keys are wrong, and their times are compared by a known test."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import stats

from benchmarks.attacks.key_guessing import welch_t, wrong_key

SECRET = "tabento_abcdefghijklmnopqrstuvwxyz0123456789"


def test_a_wrong_key_differs_from_the_right_one() -> None:
    """A key with a right beginning shares all but at most eight characters; a random one shares the readable prefix only."""
    rng = random.Random(1)
    for _ in range(200):
        prefix_key, random_key = wrong_key(SECRET, True, rng), wrong_key(SECRET, False, rng)
        assert len(prefix_key) == len(random_key) == len(SECRET)
        assert prefix_key != SECRET
        assert prefix_key[:-8] == SECRET[:-8]
        assert random_key.startswith("tabento_")
        assert random_key[8:16] != SECRET[8:16]


def test_the_comparison_is_welchs() -> None:
    """The t of two samples of logarithms equals SciPy's."""
    rng = random.Random(2)
    first = [rng.lognormvariate(0, 0.2) for _ in range(300)]
    second = [rng.lognormvariate(0.05, 0.4) for _ in range(200)]
    expected = stats.ttest_ind(np.log(first), np.log(second), equal_var=False)
    assert welch_t(first, second) == pytest.approx(expected.statistic)
    assert welch_t([1.0], [2.0, 3.0]) == 0.0
