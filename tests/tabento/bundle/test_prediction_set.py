"""A prediction set has every label whose probability reaches its threshold, and the answered label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tabento.bundle.prediction_set import PredictionSet, set_members


@pytest.mark.parametrize(
    ("row", "members"),
    [
        ([0.0, 0.7, 0.2, 0.1], [True, True, False]),
        ([0.0, 0.3, 0.3, 0.4], [True, True, True]),
        ([2.0, 0.1, 0.1, 0.3], [False, False, True]),
    ],
)
def test_labels_reach_their_thresholds(row: list[float], members: list[bool]) -> None:
    """A probability that equals the threshold is enough, and the answered label needs none."""
    assert set_members((0.5, 0.2, 0.4), row) == members


@given(
    label_index=st.integers(0, 2),
    probabilities=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    thresholds=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_no_set_is_empty(label_index: int, probabilities: list[float], thresholds: list[float]) -> None:
    """Every set contains the answered label."""
    assert set_members(thresholds, [float(label_index), *probabilities])[label_index]


def test_impossible_thresholds_are_refused() -> None:
    """A threshold is a probability, and there are at least two classes."""
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        PredictionSet(coverage=0.9, thresholds=(0.5, 1.5))
    with pytest.raises(ValidationError, match="at least 2 items"):
        PredictionSet(coverage=0.9, thresholds=(0.5,))
