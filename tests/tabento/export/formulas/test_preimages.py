"""Preimages: thresholds after a function become thresholds before it, exact to the last double."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tabento.export.formulas.preimages import crossings, preimages, turned_crossings
from tabento.transformers.cluster_similarity import similarity

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@pytest.mark.parametrize("gamma", [0.01, 1.0, 37.5])
def test_falling_function_parts_at_the_last_double_above(gamma: float) -> None:
    """At the new threshold the similarity is above the old one, one double further it is not."""
    thresholds = np.random.default_rng(0).random(500)
    splits, monotone = preimages(thresholds, partial(similarity, gamma=gamma), (0.0, np.inf), increasing=False)
    assert monotone
    assert (similarity(splits, gamma) > thresholds).all()
    assert (similarity(np.nextafter(splits, np.inf), gamma) <= thresholds).all()


def _scale(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values - 1.3) / 7.1


@pytest.mark.parametrize("function", [_scale, np.cbrt, np.floor, np.arcsinh])
def test_rising_function_parts_at_the_last_double_not_above(function: Function) -> None:
    """At the new threshold the function is not above the old one, one double further it is; negative numbers too."""
    thresholds = np.concatenate([np.random.default_rng(1).normal(0, 3, 300), [0.0, -0.0, 1.0]])
    splits, monotone = preimages(thresholds, function)
    assert monotone
    assert (function(splits) <= thresholds).all()
    assert (function(np.nextafter(splits, np.inf)) > thresholds).all()


def test_thresholds_on_training_values_take_the_pipelines_branch() -> None:
    """If a threshold is equal to the similarity of a training value, that value stays on its side."""
    squared = np.random.default_rng(1).gamma(1.0, 2.0, 1000)
    thresholds = similarity(squared, 0.7)
    splits, _ = preimages(thresholds, partial(similarity, gamma=0.7), (0.0, np.inf), increasing=False)
    assert (squared > splits).all()


def test_thresholds_outside_the_range() -> None:
    """A threshold that nothing is above gets a split below the domain, one that all is above gets infinity."""
    splits, _ = preimages(
        np.array([1.0, 2.0, -0.5, 0.0, np.inf]), partial(similarity, gamma=1.0), (0.0, np.inf), increasing=False
    )
    assert splits[0] < 0
    assert splits[1] < 0
    assert splits[2] == np.inf
    assert 700 < splits[3] < 750
    assert splits[4] < 0
    rising, _ = preimages(np.array([-1.0, 0.0, np.inf]), np.sqrt, (0.0, np.inf))
    assert rising[0] < 0
    assert rising.tolist()[1:] == [0.0, np.inf]


def test_no_thresholds() -> None:
    """A column without thresholds gives a step function without steps."""
    splits, monotone = preimages(np.empty(0), np.exp)
    assert splits.shape == (0,)
    assert monotone


def test_function_that_is_not_monotone_is_found_out() -> None:
    """A function that turns back near a threshold is not folded."""

    def wavy(values: NDArray[np.float64]) -> NDArray[np.float64]:
        bits = (values + 0.0).view(np.int64)
        return np.asarray(values + np.where(bits % 2 == 0, 1.0, -1.0) * 4 * np.spacing(values))

    _, monotone = preimages(np.linspace(1.0, 2.0, 50), wavy)
    assert not monotone
    _, trusted = preimages(np.linspace(1.0, 2.0, 50), wavy, certain=True)
    assert trusted


def _wavy(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers that rise but for their last bits."""
    bits = (values + 0.0).view(np.int64)
    return np.asarray(values + np.where(bits % 3 == 0, -1.0, 1.0) * 5 * np.spacing(values))


@pytest.mark.parametrize("increasing", [True, False])
def test_every_crossing_is_counted(increasing: bool) -> None:
    """The count of exceeded thresholds is right for the doubles on, around and far from each threshold."""
    sign = 1.0 if increasing else -1.0

    def function(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return sign * _wavy(values)

    thresholds = np.sort(sign * np.linspace(1.0, 2.0, 30))
    pieces = crossings(thresholds, function, (0.5, 1e9), increasing=increasing)
    assert pieces is not None
    neighbours = np.abs(thresholds)[:, np.newaxis] * (1 + np.arange(-40, 41) * np.finfo(np.float64).eps)
    queried_values = np.concatenate([neighbours.ravel(), [0.5, 1e9, 1.5, 3.0]])
    counted = pieces.values[np.searchsorted(pieces.boundaries, queried_values)]
    np.testing.assert_array_equal(counted, (function(queried_values)[:, np.newaxis] > thresholds).sum(axis=1))


def test_function_that_never_settles_is_given_up() -> None:
    """A function that jumps to and fro around a threshold has no pieces."""

    def jumping(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where((values + 0.0).view(np.int64) % 2 == 0, 1.0, -1.0)

    assert crossings(np.array([0.0]), jumping, (0.0, 10.0)) is None


def test_crossings_between_turns_are_the_functions() -> None:
    """A cosine exceeds the number of thresholds that the step function returns, and a logarithm is missing below zero."""
    points = np.random.default_rng(5).uniform(-7, 7, 2000)
    thresholds = np.array([-0.5, 0.0, 0.25])
    cases: list[tuple[Any, Any]] = [(np.cos, np.pi * np.arange(-2.0, 3.0)), (np.log, np.array([-5e-324]))]
    for function, turns in cases:
        pieces = turned_crossings(thresholds, function, (-7.0, 7.0), turns, flat=function is np.cos)
        assert pieces is not None
        with np.errstate(invalid="ignore"):
            values = function(points)
        counts = np.where(np.isnan(values), np.nan, np.searchsorted(thresholds, values))
        np.testing.assert_array_equal(pieces.values[np.searchsorted(pieces.boundaries, points)], counts)


def test_threshold_at_a_level_turn_is_not_settled() -> None:
    """The last bits around a cosine's maximum depend on the library, for more doubles than the search tries."""
    turns = np.array([0.0])
    assert turned_crossings(np.array([1 - 1e-12]), np.cos, (-1.0, 1.0), turns, flat=True) is None
    assert turned_crossings(np.array([0.9]), np.cos, (-1.0, 1.0), turns, flat=True) is not None
