"""The counts of compared rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tabento.ab_test.pairs import DIFFERENCE_BOUNDS, PairCounts, count_answers, merge_pairs, relative_differences


def test_relative_difference_refers_to_the_larger_number() -> None:
    """Equal numbers differ by 0, also 0 and 0 and two NaN; NaN or infinity and a number differ without limit."""
    champion = np.array([100.0, 0.0, np.nan, np.nan, -2.0, np.inf])
    challenger = np.array([110.0, 0.0, np.nan, 1.0, 2.0, 1.0])
    expected = [10 / 110, 0.0, 0.0, np.inf, 2.0, np.inf]
    np.testing.assert_allclose(relative_differences(champion, challenger), expected)


def test_rows_above_the_limit_and_flips_differ() -> None:
    """A row differs by its label or by more than the limit; each row is counted once."""
    pairs = PairCounts()
    differs = pairs.observe(np.array([0.0, 0.2, 0.05, np.nan]), np.array([True, True, False, False]), 0.1)
    assert differs.tolist() == [True, True, False, True]
    assert (pairs.compared, pairs.differing, pairs.flips, sum(pairs.differences)) == (4, 3, 2, 4)
    assert pairs.differing_share == 0.75
    assert pairs.mean_difference == pytest.approx((0.25 + DIFFERENCE_BOUNDS[-1]) / 4)


def test_quantile_is_the_bound_above() -> None:
    """Half of the rows have at most the difference of the median's bound."""
    pairs = PairCounts()
    pairs.observe(np.array([1e-12, 1e-12, 0.09]), np.zeros(3, np.bool_), 0.1)
    assert pairs.quantile(0.5) == DIFFERENCE_BOUNDS[0]
    assert pairs.quantile(1.0) == pytest.approx(0.1)
    assert PairCounts().quantile(0.5) is None


def test_counts_are_added_subtracted_and_stored() -> None:
    """The sum of two workers minus the first is the second, also after JSON."""
    first, second = PairCounts(), PairCounts()
    first.observe(np.array([0.5]), np.array([False]), 0.1)
    second.observe(np.array([0.25, 0.0]), np.array([False, True]), 0.1)
    total = merge_pairs([first, second])
    assert total.since(first) == second
    assert first.since(total) is None
    assert PairCounts.from_json(json.loads(json.dumps(total.to_json()))) == total


def test_other_bins_are_refused() -> None:
    """A histogram of another size and a missing list are errors."""
    value = PairCounts().to_json()
    with pytest.raises(ValueError, match="Expected 46 bins of differences, got 1"):
        PairCounts.from_json(value | {"differences": [1]})
    with pytest.raises(ValueError, match="unknown"):
        PairCounts.from_json(value | {"unknown": 1})


def test_answers_are_counted_by_label_or_bin() -> None:
    """Labels are counted by their index; a number equal to an edge belongs to the bin below."""
    assert count_answers(np.array([0.0, 2.0, 2.0]), None, 3) == [1, 0, 2]
    assert count_answers(np.array([1.0, 1.5, 9.0]), (1.0, 2.0), 3) == [1, 1, 1]
