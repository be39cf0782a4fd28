"""Folding: thresholds on similarities become thresholds on squared distances, exactly."""

from __future__ import annotations

import numpy as np
import pytest

from training.export.folding import largest_above
from training.transformers.cluster_similarity import similarity


@pytest.mark.parametrize("gamma", [0.01, 1.0, 37.5])
def test_new_threshold_is_the_last_double_above(gamma: float) -> None:
    """At the new threshold the similarity is above the old one, one double further it is not."""
    thresholds = np.random.default_rng(0).random(500)
    splits, monotone = largest_above(thresholds, gamma)
    assert monotone
    assert (similarity(splits, gamma) > thresholds).all()
    assert (similarity(np.nextafter(splits, np.inf), gamma) <= thresholds).all()


def test_thresholds_on_training_values_take_the_pipelines_branch() -> None:
    """Where a threshold is the similarity of a place itself, that place stays on its side."""
    squared = np.random.default_rng(1).gamma(1.0, 2.0, 1000)
    thresholds = similarity(squared, 0.7)
    splits, _ = largest_above(thresholds, 0.7)
    assert (squared > splits).all()


def test_thresholds_outside_the_range() -> None:
    """A threshold of 1 or more is above nothing, one below 0 is under everything, infinity included."""
    splits, _ = largest_above(np.array([1.0, 2.0, -0.5, 0.0, np.inf]), 1.0)
    assert splits[0] < 0
    assert splits[1] < 0
    assert splits[2] == np.inf
    assert 700 < splits[3] < 750
    assert splits[4] < 0


def test_no_thresholds() -> None:
    """A column that no tree asks about is fine."""
    splits, monotone = largest_above(np.empty(0), 1.0)
    assert splits.shape == (0,)
    assert monotone
