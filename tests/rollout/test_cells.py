"""The counts of a rollout survive their way to the supervisor as series of numbers."""

from __future__ import annotations

import numpy as np

from rollout.cells import arm_cells, arm_counts, pair_cells, pair_counts
from tabento.ab_test.arms import LossSums
from tabento.ab_test.pairs import PairCounts
from tests.tabento.ab_test.counts import arm


def test_counts_of_an_arm_are_equal_after_the_way() -> None:
    """All counts of an arm are in its cells, except the losses, which come from the monitor."""
    counts = arm(200, 3, answers={"price": [0, 5, 0], "age": [7, 0]}, loss=(10, 1.0))
    counts.units[5] = 150
    cells = arm_cells("champion", counts) | arm_cells("challenger", arm(10))
    counts.losses = LossSums()
    assert arm_counts("champion", cells) == counts


def test_compared_rows_are_equal_after_the_way() -> None:
    """All counts of compared rows are in their cells."""
    pairs = PairCounts()
    pairs.observe(np.array([0.0, 0.5]), np.array([False, True]), 0.1)
    assert pair_counts("pairs", pair_cells("pairs", pairs)) == pairs
