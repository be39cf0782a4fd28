"""Tests of the look at the target's own distribution."""

from __future__ import annotations

import numpy as np

from training.study.label import find_spikes


def test_a_capped_target_is_noticed() -> None:
    """Values cut off at the top pile up on the highest one."""
    values = np.minimum(np.random.default_rng(0).normal(100, 30, 5000), 150.0)
    spikes = find_spikes(values)
    assert [(spike.value, spike.end) for spike in spikes] == [(150.0, "highest")]
    assert spikes[0].rows == int((values == 150).sum())


def test_a_floor_is_noticed() -> None:
    """Values cut off at the bottom pile up on the lowest one."""
    values = np.maximum(np.random.default_rng(0).normal(100, 30, 5000), 60.0)
    assert [(spike.value, spike.end) for spike in find_spikes(values)] == [(60.0, "lowest")]


def test_a_round_value_is_noticed_in_the_middle() -> None:
    """A favourite number stands out from its neighbours without being an end."""
    values = np.random.default_rng(0).normal(100, 30, 5000)
    values[:200] = 100.0
    assert [(spike.value, spike.end) for spike in find_spikes(values)] == [(100.0, "")]


def test_smooth_numbers_and_counts_have_no_spikes() -> None:
    """Nothing is found in a normal distribution, in a count with few values, and in nothing."""
    generator = np.random.default_rng(0)
    assert find_spikes(generator.normal(size=5000)) == []
    assert find_spikes(generator.poisson(3, 5000)) == []
    assert find_spikes(np.array([np.nan])) == []
