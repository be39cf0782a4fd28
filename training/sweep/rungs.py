"""Rungs: after a quarter, after a half and after the whole of a trial it is asked whether it goes on.

A rung is a share of the trees where an estimator can be grown, else a share of the folds. The numbers 1, 2 and 4 stand for
quarters; each is the double of the one before, as successive halving has it (Jamieson & Talwalkar, Non-stochastic best arm
identification and hyperparameter optimization, 2016).
"""

from __future__ import annotations

import math

RUNGS = (1, 2, 4)
"""The rungs in quarters; the last is the whole."""
REDUCTION = 2
"""By what one rung is larger than the one before, and the share of trials that goes on is smaller."""


def amount_at(rung: int, whole: int) -> int:
    """Return how many trees or folds of a whole belong to a rung, at least one."""
    return max(1, math.ceil(whole * rung / RUNGS[-1]))
