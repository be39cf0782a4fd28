"""Rungs: the steps of a trial after which the pruner decides whether it continues: a quarter, a half, and all of it.

A rung is a share of the trees if the estimator can be fitted in steps, else a share of the folds. The numbers 1, 2 and 4 are
quarters; each is twice the previous one, as in successive halving (Jamieson & Talwalkar, Non-stochastic best arm
identification and hyperparameter optimization, 2016).
"""

from __future__ import annotations

import math

RUNGS = (1, 2, 4)
"""The rungs in quarters; the last is the complete trial."""
REDUCTION = 2
"""The ratio of a rung to the previous rung, and of the trials of a rung to those of the next rung."""


def amount_at(rung: int, full: int) -> int:
    """Return the number of trees or folds of a rung, at least one."""
    return max(1, math.ceil(full * rung / RUNGS[-1]))
