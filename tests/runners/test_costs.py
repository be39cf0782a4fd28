"""Batch costs are learned as a high quantile, by size, and asked for any size."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.costs import SETTLING, BatchCosts

SECONDS = st.floats(1e-6, 1.0)


def _seconds_by_size(*pairs: tuple[int, float]) -> BatchCosts:
    costs = BatchCosts(1024)
    for rows, seconds in pairs:
        costs.observe(rows, seconds)
    return costs


def test_nothing_is_known_at_first() -> None:
    """Unknown is zero: the first batch of all runs on the loop."""
    costs = BatchCosts(1024)
    assert costs.predict(1) == 0.0
    assert costs.predict(1000) == 0.0
    assert costs.rows_within(0.001, 300) == 300


def test_what_was_seen_is_predicted() -> None:
    """Each size that was seen once has its own figure."""
    costs = _seconds_by_size((1, 0.001), (64, 0.004))
    assert costs.predict(1) == 0.001
    assert costs.predict(64) == 0.004


def test_a_batch_that_does_not_fill_its_bucket_counts_for_its_share() -> None:
    """Three rows of a bucket of four: a third more."""
    assert _seconds_by_size((3, 0.003)).predict(4) == pytest.approx(0.004)


def test_a_size_never_seen_is_taken_from_the_nearest_in_proportion_to_rows() -> None:
    """Upwards and downwards."""
    costs = _seconds_by_size((32, 0.032))
    assert costs.predict(1024) == pytest.approx(1.024)
    assert costs.predict(1) == pytest.approx(0.001)


def test_sizes_beyond_the_largest_bucket_are_in_proportion_to_it() -> None:
    """Asking or telling about more rows than announced is no error."""
    costs = BatchCosts(16)
    costs.observe(64, 0.064)
    assert costs.predict(16) == pytest.approx(0.016)
    assert costs.predict(48) == pytest.approx(0.048)


def test_a_quantile_above_the_mean_is_learned() -> None:
    """Nine in ten batches take at most what is predicted, within a few hundredths; seeded lognormal times."""
    draw = random.Random(7)
    costs = BatchCosts(1)
    above = 0
    for number in range(6000):
        seconds = 0.001 * draw.lognormvariate(0.0, 0.3)
        above += number >= 1000 and seconds > costs.predict(1)
        costs.observe(1, seconds)
    assert 0.08 <= above / 5000 <= 0.13
    assert costs.predict(1) > 0.001 * 1.046  # the mean


def test_the_first_calls_are_not_the_cost() -> None:
    """A cold first call, and a second, are forgotten with the third."""
    costs = _seconds_by_size((1, 0.1), (1, 0.05), (1, 0.001))
    assert costs.predict(1) == 0.001


def test_an_outlier_does_not_spoil_it() -> None:
    """A pause of the machine of ten seconds moves the figure by less than a tenth."""
    costs = _seconds_by_size(*[(8, 0.001)] * SETTLING)
    before = costs.predict(8)
    costs.observe(8, 10.0)
    assert before < costs.predict(8) < before * 1.1


@pytest.mark.parametrize(("to", "batches"), [(0.002, 10), (0.0005, 80)])
def test_a_change_of_speed_is_followed(to: float, batches: int) -> None:
    """Twice the cost within ten batches; half of it, more slowly, within eighty."""
    costs = _seconds_by_size(*[(8, 0.001)] * SETTLING)
    for _ in range(batches):
        costs.observe(8, to)
    assert costs.predict(8) == pytest.approx(to, rel=0.1)


@given(low=SECONDS, high=SECONDS)
def test_between_two_buckets_the_prediction_rises(low: float, high: float) -> None:
    """A prediction between two buckets is not below the smaller bucket's and not above the larger bucket's."""
    costs = _seconds_by_size((32, low), (64, high))
    predictions = [costs.predict(rows) for rows in range(33, 65)]
    assert predictions == sorted(predictions)
    assert min(low, high) <= predictions[0]
    assert predictions[-1] == high


@given(
    pairs=st.lists(st.tuples(st.integers(1, 600), SECONDS), max_size=30),
    seconds=SECONDS,
    limit=st.integers(1, 600),
)
def test_rows_within_is_the_largest_batch_that_fits(pairs: list[tuple[int, float]], seconds: float, limit: int) -> None:
    """Whatever was learned, even that more rows cost less; at least one row."""
    costs = BatchCosts(512)
    for rows, took in pairs:
        costs.observe(rows, took)
    fitting = [rows for rows in range(1, limit + 1) if costs.predict(rows) <= seconds]
    assert costs.rows_within(seconds, limit) == max(fitting, default=1)


def test_a_size_that_looks_too_expensive_is_corrected_by_the_one_below() -> None:
    """It would not be tried again, and so never correct itself; it ends near twice the smaller one, and can rise again."""
    costs = BatchCosts(64)
    for _ in range(SETTLING):
        costs.observe(16, 0.016)
        costs.observe(32, 0.320)
    for _ in range(1000):
        costs.observe(16, 0.016)
    corrected = costs.predict(32)
    assert corrected == pytest.approx(2 * costs.predict(16), rel=0.15)
    costs.observe(32, 1.0)
    assert costs.predict(32) > corrected
