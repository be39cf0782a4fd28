"""Which parameters are tried, in which ranges, and that the first trial is the incoming estimator."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.config import ConfigError, Estimator, Kind, Member, ModelConfig, Range, Task
from training.config.estimator import COMPOSITES
from training.estimators import available_kinds, build_estimator, default_stack, settable_params
from training.sweep.search import representable
from training.sweep.spaces import (
    WEIGHT,
    default_space,
    holds_numbers,
    incoming_params,
    space_of,
    widened,
    with_params,
)

VOTING = Estimator(
    kind="voting",
    members=(Member(kind="ridge", weight=2.0), Member(kind="decision_tree"), Member(kind="ridge", weight=0.5)),
)


def _config(space: dict[str, Any]) -> ModelConfig:
    return orchard_config(sweep={"space": space})


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_every_kind_has_a_space_that_it_knows(task: Task) -> None:
    """Each parameter of each installed kind is one that a config may set, and begins with a known value."""
    for kind in available_kinds(task):
        estimator = Estimator(kind=kind)
        space = default_space(estimator, task)
        assert space, kind
        assert set(space) <= set(settable_params(kind, task)), kind
        assert set(representable(space, incoming_params(estimator, task, space))) == set(space), kind


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_ends_of_every_range_can_be_built(task: Task) -> None:
    """The lowest and the highest value of each range make an estimator."""
    for kind in available_kinds(task):
        for name, tried in default_space(Estimator(kind=kind), task).items():
            ends = tried.choices if tried.choices is not None else (tried.low, tried.high)
            for value in ends:
                assert build_estimator(Estimator(kind=kind, params={name: value}), task, 0) is not None


def test_no_kind_is_forgotten() -> None:
    """A kind without an entry would be swept over nothing without a word."""
    for kind in get_args(Kind):
        if kind not in COMPOSITES:
            assert isinstance(default_space(Estimator(kind=kind), "regression"), dict)


def test_config_replaces_and_adds() -> None:
    """A range of the config stands in the place of the module's own, and others come along."""
    config = _config({"learning_rate": {"low": 0.1, "high": 0.4}, "max_bins": {"choices": [63, 255]}})
    space = space_of(config, config.estimator)
    assert space["learning_rate"] == Range(low=0.1, high=0.4)
    assert space["max_bins"].choices == (63, 255)
    assert "max_leaf_nodes" in space
    assert list(space) == sorted(space)


@pytest.mark.parametrize("name", ["alpha", "random_state", "n_jobs"])
def test_unknown_parameters_are_refused(name: str) -> None:
    """What the estimator does not have, or a config may not set, is named with its key."""
    config = _config({name: {"low": 1, "high": 2}})
    with pytest.raises(ConfigError, match=rf"sweep\.space\.{name}: hist_gradient_boosting"):
        space_of(config, config.estimator)


def test_whole_ranges_need_whole_ends() -> None:
    """Half a tree is nothing to begin with."""
    config = _config({"max_iter": {"low": 1.5, "high": 9, "integer": True}})
    with pytest.raises(ConfigError, match=r"sweep\.space\.max_iter: .*whole ends, got \[1\.5, 9"):
        space_of(config, config.estimator)


def test_ranges_hold_the_incoming_values() -> None:
    """The orchard's 30 rounds lie below the usual range, which then begins there."""
    space = space_of(orchard_config(), orchard_config().estimator)
    assert space["max_iter"].low == 30
    assert space["max_leaf_nodes"].low == 7


@pytest.mark.parametrize(
    ("tried", "value", "expected"),
    [
        (Range(low=1, high=5), 9, Range(low=1, high=9)),
        (Range(low=1, high=5), 0.5, Range(low=0.5, high=5)),
        (Range(low=1, high=5, integer=True), 0.5, Range(low=1, high=5, integer=True)),
        (Range(low=1, high=5, log=True), 0, Range(low=1, high=5, log=True)),
        (Range(low=1, high=5), None, Range(low=1, high=5)),
        (Range(low=0, high=5), True, Range(low=0, high=5)),
        (Range(low=0.1, high=1.0), 3, Range(low=0.1, high=1.0)),
        (Range(low=0.1, high=0.5), 1, Range(low=0.1, high=1.0)),
        (Range(choices=("a", "b")), "c", Range(choices=("c", "a", "b"))),
        (Range(choices=(1, 2)), True, Range(choices=(True, 1, 2))),
        (Range(choices=("a", None)), None, Range(choices=("a", None))),
    ],
)
def test_widened_ranges(tried: Range, value: Any, expected: Range) -> None:
    """A range takes in a value of its own sort and leaves others out."""
    assert widened(tried, value) == expected


def test_what_has_no_place_among_numbers() -> None:
    """Neither text nor None nor a truth value is a number to start from."""
    tried = Range(low=1, high=5)
    assert holds_numbers(tried, 3)
    assert not any(holds_numbers(tried, value) for value in (None, "sqrt", True))


def test_voting_is_swept_by_weights() -> None:
    """Each member has a weight; what it begins with is the config's, the largest counted as 1."""
    config = orchard_config()
    space = space_of(config, VOTING)
    assert space == {"weight_0": WEIGHT, "weight_1": WEIGHT, "weight_2": WEIGHT}
    assert incoming_params(VOTING, "regression", space) == {"weight_0": 1.0, "weight_1": 0.5, "weight_2": 0.25}


def test_voting_of_one_has_nothing_to_weigh() -> None:
    """One member's weight changes nothing."""
    assert space_of(orchard_config(), Estimator(kind="voting", members=(Member(kind="ridge"),))) == {}


def test_stack_has_nothing_to_sweep() -> None:
    """Its last estimator learns the weights already."""
    assert space_of(orchard_config(), default_stack("regression")) == {}


def test_members_parameters_are_not_swept() -> None:
    """A parameter for all members would undo their difference, so it is refused by name."""
    config = _config({"alpha": {"low": 1, "high": 2}})
    with pytest.raises(ConfigError, match=r"sweep\.space\.alpha: voting .*weight_0"):
        space_of(config, VOTING)


def test_params_are_put_in_sorted() -> None:
    """Other parameters stay, and the file's order does not depend on what was tried first."""
    config = seedling_config()
    found = with_params(config.estimator, {"min_samples_leaf": 3, "learning_rate": 0.2})
    assert list(found.params) == ["learning_rate", "max_iter", "max_leaf_nodes", "min_samples_leaf"]
    assert found.params["learning_rate"] == 0.2
    assert found.params["max_iter"] == 30


def test_weights_are_put_into_members() -> None:
    """Only the weights of the members change."""
    found = with_params(VOTING, {"weight_0": 0.3, "weight_2": 0.7})
    assert [member.weight for member in found.members] == [0.3, 1.0, 0.7]
    assert [member.kind for member in found.members] == ["ridge", "decision_tree", "ridge"]
