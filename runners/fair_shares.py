"""The shares of a pass that are kept for each of several models, so that none can take the time of another.

A model whose demand is below its fair share gets all of it; the rest is divided equally among the others. This is max-min fairness, by
progressive filling (Bertsekas and Gallager, Data Networks, 1992, section 6.5.2).
"""

from __future__ import annotations

from collections.abc import Collection
from math import sqrt

from runners.account import Account

SPREAD = 2.0
"""The kept time exceeds the mean demand by this number of standard deviations: arrivals are assumed to be independent (Poisson)."""


def fair_level(demands: Collection[float], total: float = 1.0) -> float:
    """Return the largest share of one model so that all get the smaller of their demand and this share, within a total.

    Args:
        demands: the demand of each model, as a share of all time; at least one.
        total: the share of all time that is divided.
    """
    left, n_left = total, len(demands)
    for demand in sorted(demands):
        if demand * n_left > left:
            return left / n_left
        left -= demand
        n_left -= 1
    return total


def set_shares(accounts: Collection[Account], pass_s: float, total: float = 1.0) -> tuple[float, float]:
    """Set the share of each model.

    Args:
        accounts: the models that had requests lately; at least two.
        pass_s: the length of a pass under load, in seconds.
        total: the share of all time that is divided.

    Returns:
        The share of a pass that is kept for all models with a demand below their fair share, and the same for the others.
    """
    level = fair_level([account.demand for account in accounts], total)
    light, heavy, n_heavy = 0.0, 0.0, 0
    for account in accounts:
        demand, request = account.demand, account.cost_s / pass_s
        account.is_light = demand <= level
        if account.is_light:
            account.share = min(demand + SPREAD * sqrt(demand * request), total)
            light += demand
        else:
            account.share = level
            heavy += level
            n_heavy += 1
    # One such model alone may take all that is left.
    return light, heavy if n_heavy > 1 else 0.0
