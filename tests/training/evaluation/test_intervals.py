"""The interval of a mean over folds that share their training rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.evaluation.intervals import corrected_interval


def test_interval_is_that_of_the_paper() -> None:
    """For two folds once, with t at one degree of freedom, it is what one computes by hand."""
    interval = corrected_interval([1.0, 3.0], folds=2)
    half = 12.706204736 * math.sqrt(2) * math.sqrt(1 / 2 + 1)
    assert interval.mean == 2
    assert interval.sd == pytest.approx(math.sqrt(2))
    assert (interval.low, interval.high) == pytest.approx((2 - half, 2 + half))


def test_repeating_does_not_make_sure() -> None:
    """However often ten folds are repeated, the interval keeps the width that shared rows give it; a plain one shrinks."""
    values = np.random.default_rng(0).normal(0, 1, 3000)
    widths = [
        corrected_interval(values[:count].tolist(), folds=10).high
        - corrected_interval(values[:count].tolist(), folds=10).low
        for count in (300, 3000)
    ]
    assert widths[1] / widths[0] > 0.9
    assert widths[1] > 2 * 1.95 * math.sqrt(1 / 9)


def test_interval_of_honest_draws_covers() -> None:
    """Of means of independent figures, at least 95 in 100 lie in the interval: it errs on the safe side."""
    generator = np.random.default_rng(3)
    inside = 0
    for _ in range(400):
        interval = corrected_interval(generator.normal(5, 2, 10).tolist(), folds=5)
        inside += interval.low <= 5 <= interval.high
    assert inside / 400 >= 0.95


@pytest.mark.parametrize(
    ("values", "folds", "confidence", "said"),
    [
        ([1.0], 5, 0.95, "at least two finite figures"),
        ([1.0, float("nan")], 5, 0.95, "at least two finite figures"),
        ([1.0, 2.0], 1, 0.95, "at least 2 folds"),
        ([1.0, 2.0], 2, 1.0, "confidence between 0 and 1"),
    ],
)
def test_what_has_no_interval_is_refused(values: list[float], folds: int, confidence: float, said: str) -> None:
    """One figure, a figure that is none, one fold and a sure interval are told, with what came."""
    with pytest.raises(ValueError, match=said):
        corrected_interval(values, folds, confidence)
