"""Tests of the look at the target's own distribution."""

from __future__ import annotations

import numpy as np

from training.studies.exploration.spikes import find_spikes


def test_a_capped_target_is_noticed() -> None:
    """A cap at the top is a spike at the highest value."""
    values = np.minimum(np.random.default_rng(0).normal(100, 30, 5000), 150.0)
    spikes = find_spikes(values)
    assert [(spike.value, spike.end) for spike in spikes] == [(150.0, "highest")]
    assert spikes[0].rows == int((values == 150).sum())


def test_a_floor_is_noticed() -> None:
    """A cap at the bottom is a spike at the lowest value."""
    values = np.maximum(np.random.default_rng(0).normal(100, 30, 5000), 60.0)
    assert [(spike.value, spike.end) for spike in find_spikes(values)] == [(60.0, "lowest")]


def test_a_round_value_is_noticed_in_the_middle() -> None:
    """A frequent value inside the range is a spike without an end."""
    values = np.random.default_rng(0).normal(100, 30, 5000)
    values[:200] = 100.0
    assert [(spike.value, spike.end) for spike in find_spikes(values)] == [(100.0, "")]


def test_smooth_numbers_and_counts_have_no_spikes() -> None:
    """A normal distribution, a count with few values and an empty column have no spikes."""
    generator = np.random.default_rng(0)
    assert find_spikes(generator.normal(size=5000)) == []
    assert find_spikes(generator.poisson(3, 5000)) == []
    assert find_spikes(np.array([np.nan])) == []
