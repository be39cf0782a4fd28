"""The interval of a mean over folds that share their training rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.studies.evaluation.intervals import corrected_interval


def test_interval_follows_the_formula() -> None:
    """The interval of two folds equals a computation by hand, with t at one degree of freedom."""
    interval = corrected_interval([1.0, 3.0], folds=2)
    half = 12.706204736 * math.sqrt(2) * math.sqrt(1 / 2 + 1)
    assert interval.mean == 2
    assert interval.sd == pytest.approx(math.sqrt(2))
    assert (interval.low, interval.high) == pytest.approx((2 - half, 2 + half))


def test_repeats_do_not_shrink_the_interval() -> None:
    """With more repeats the interval keeps a width because of shared rows, and a plain t interval shrinks."""
    values = np.random.default_rng(0).normal(0, 1, 3000)
    widths = [
        corrected_interval(values[:count].tolist(), folds=10).high
        - corrected_interval(values[:count].tolist(), folds=10).low
        for count in (300, 3000)
    ]
    assert widths[1] / widths[0] > 0.9
    assert widths[1] > 2 * 1.95 * math.sqrt(1 / 9)


def test_interval_covers_the_mean() -> None:
    """The interval contains at least 95 of 100 means of independent values: it is conservative."""
    generator = np.random.default_rng(3)
    n_covered = 0
    for _ in range(400):
        interval = corrected_interval(generator.normal(5, 2, 10).tolist(), folds=5)
        n_covered += interval.low <= 5 <= interval.high
    assert n_covered / 400 >= 0.95


@pytest.mark.parametrize(
    ("values", "folds", "confidence", "message"),
    [
        ([1.0], 5, 0.95, "at least two finite scores"),
        ([1.0, float("nan")], 5, 0.95, "at least two finite scores"),
        ([1.0, 2.0], 1, 0.95, "at least 2 folds"),
        ([1.0, 2.0], 2, 1.0, "confidence between 0 and 1"),
    ],
)
def test_impossible_arguments_are_refused(values: list[float], folds: int, confidence: float, message: str) -> None:
    """A single value, NaN, one fold and a confidence of 1 are errors with the received values."""
    with pytest.raises(ValueError, match=message):
        corrected_interval(values, folds, confidence)
