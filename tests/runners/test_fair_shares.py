"""The time of a loop is divided by max-min fairness."""

from __future__ import annotations

import random

import pytest

from runners.account import Account
from runners.fair_shares import fair_level, set_shares
from tests.runners.bench import Bench


def _account(demand: float, cost_s: float = 1e-6) -> Account:
    account = Account(0.01, Bench().batcher, cost_s)
    account.demand, account.cost_s = demand, cost_s
    return account


@pytest.mark.parametrize(
    ("demands", "level"),
    [
        ([0.2, 0.3], 1.0),
        ([0.2, 3.0], 0.8),
        ([3.0, 3.0], 0.5),
        ([0.1, 0.2, 5.0, 6.0], 0.35),
        ([2.0] * 10, 0.1),
        ([0.0], 1.0),
    ],
)
def test_the_level_is_the_share_of_the_models_that_want_more(demands: list[float], level: float) -> None:
    """Models below their fair share get their demand, and the others divide the rest equally."""
    assert fair_level(demands) == pytest.approx(level)


def test_all_time_is_divided_if_there_is_not_enough() -> None:
    """For any demands above the total, the smaller of demand and level adds up to the total, in any order of the models."""
    generator = random.Random(3)
    for _ in range(200):
        demands = [generator.expovariate(1.0) for _ in range(generator.randint(2, 30))]
        total = generator.uniform(0.2, 1.0)
        level = fair_level(demands, total)
        expected = min(total, sum(demands))
        assert sum(min(demand, level) for demand in demands) == pytest.approx(expected)
        assert fair_level(sorted(demands, reverse=True), total) == pytest.approx(level)


def test_the_demand_of_light_models_is_kept() -> None:
    """A model above its fair share alone may take the rest, so nothing is kept for it."""
    light, heavy = _account(0.2), _account(4.0)
    assert set_shares([light, heavy], 0.004) == pytest.approx((0.2, 0.0))
    assert (light.is_light, heavy.is_light) == (True, False)
    assert heavy.share == pytest.approx(0.8)


def test_two_heavy_models_keep_their_shares_from_each_other() -> None:
    """Each of two models with too many requests has its own half of the rest."""
    models = [_account(0.2), _account(4.0), _account(9.0)]
    assert set_shares(models, 0.004) == pytest.approx((0.2, 0.8))
    assert [model.share for model in models[1:]] == pytest.approx([0.4, 0.4])


def test_expensive_requests_need_more_room_than_their_mean() -> None:
    """Few expensive requests vary more than many inexpensive ones of the same demand."""
    few_requests, many_requests = _account(0.1, cost_s=1e-3), _account(0.1, cost_s=1e-6)
    set_shares([few_requests, many_requests], 0.004)
    assert few_requests.share > 0.3
    assert many_requests.share == pytest.approx(0.1, rel=0.2)
