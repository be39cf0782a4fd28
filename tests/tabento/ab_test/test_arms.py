"""The counts of an arm are added, subtracted and stored without loss."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tabento.ab_test.arms import UNIT_BUCKETS, ArmCounts, merge_arms, requests_of_a_unit
from tests.tabento.ab_test.counts import arm


def test_sum_of_workers_equals_counts_of_all() -> None:
    """Two workers' counts add up field by field, and the workers' own counts stay."""
    first = arm(100, 3, answers={"price": [1, 2, 3]}, loss=(10, 2.0))
    second = arm(50, 1, seed=1, answers={"price": [4, 5, 6], "age": [1, 1]})
    total = merge_arms([first, second])
    assert (total.requests, total.errors, total.rows, total.n_latencies) == (150, 4, 146, 146)
    assert total.answers == {"price": [5, 7, 9], "age": [1, 1]}
    assert total.losses.count == 10
    assert first.answers == {"price": [1, 2, 3]}
    assert second.requests == 50


def test_other_bins_are_refused_before_anything_is_added() -> None:
    """Answers of another number of bins belong to another model; the message has both numbers, and no count changes."""
    total = arm(10, answers={"price": [1, 2]})
    with pytest.raises(ValueError, match="Expected 2 bins of the answers 'price', got 3"):
        total.add(arm(5, answers={"price": [1, 2, 3]}))
    assert total.requests == 10


def test_counts_survive_json() -> None:
    """The counts of ``to_json`` are read again, also after they were text."""
    counts = arm(100, 3, answers={"price": [1, 2, 3]}, loss=(10, 2.0))
    assert ArmCounts.from_json(json.loads(json.dumps(counts.to_json()))) == counts


@pytest.mark.parametrize(
    "changes",
    [
        {"requests": -1},
        {"requests": 1.5},
        {"errors": True},
        {"latencies": [[9_999, 1]]},
        {"latencies": [[-1, 1]]},
        {"latencies": None},
        {"answers": [1]},
        {"losses": [1, float("nan"), 1]},
        {"losses": [1]},
    ],
)
def test_impossible_counts_are_refused(changes: dict[str, Any]) -> None:
    """Counts of another worker that cannot be are an error, never a wrong verdict."""
    with pytest.raises(ValueError, match=r"Expected|unpack"):
        ArmCounts.from_json(arm(10).to_json() | changes)


def test_missing_key_is_named() -> None:
    """The message names the key that is missing."""
    value = arm(10).to_json()
    del value["latency_us"]
    with pytest.raises(ValueError, match="latency_us"):
        ArmCounts.from_json(value)


def test_counts_since_an_earlier_state() -> None:
    """The difference of two states has the requests between them, also of a column that came later."""
    earlier = arm(100, 2, answers={"price": [1, 2]})
    now = earlier.copy()
    now.add(arm(50, 1, seed=3, answers={"price": [3, 3], "age": [5]}, loss=(4, 1.0)))
    since = now.since(earlier)
    assert since is not None
    assert (since.requests, since.errors, since.n_latencies, since.losses.count) == (50, 1, 49, 4)
    assert since.answers == {"price": [3, 3], "age": [5]}
    assert earlier.since(now) is None


def test_figures_without_observations_are_none() -> None:
    """An arm without requests has no rate, no latency and no loss, instead of zeros."""
    empty = ArmCounts()
    assert (empty.error_rate, empty.mean_s, empty.quantile_s(0.5), empty.losses.mean, empty.losses.variance) == (
        (None,) * 5
    )


def test_mean_and_variance_of_losses() -> None:
    """The sums give the mean and the unbiased variance."""
    counts = ArmCounts()
    for loss in (1.0, 2.0, 6.0):
        counts.losses.add(loss)
    assert counts.losses.mean == pytest.approx(3.0)
    assert counts.losses.variance == pytest.approx(7.0)


def test_deleted_truths_leave_no_losses_since_then() -> None:
    """If the oldest truths were deleted meanwhile, the other counts since an earlier state stay right, and no loss is counted."""
    earlier, now = arm(100, loss=(50, 1.0)), arm(150, loss=(40, 1.0))
    earlier.latencies, earlier.latency_us, earlier.rows = [0] * len(now.latencies), 0, 0
    since = now.since(earlier)
    assert since is not None
    assert (since.requests, since.losses.count, since.losses.total) == (50, 0, 0.0)


def test_requests_of_a_unit_are_the_design_effect() -> None:
    """Many small units have about as many requests as each sends; one large unit has all of them."""
    random = np.random.default_rng(0)
    champion, challenger = ArmCounts(), ArmCounts()
    assert requests_of_a_unit(champion, challenger) == 1.0
    for unit in random.integers(0, 1 << 30, 20_000):
        (champion if unit % 3 else challenger).units[unit % UNIT_BUCKETS] += 5
    assert requests_of_a_unit(champion, challenger) == pytest.approx(5.0, rel=0.6)
    champion.units[7] += 1_000_000
    assert requests_of_a_unit(champion, challenger) > 500_000
